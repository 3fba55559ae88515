import http from "node:http";
import { freePorts } from "../../../lib/conformance/parts/process";
import type { Valkey } from "../../../lib/conformance/parts/valkey";
import { bundle } from "../../parts/bundle";
import type { Server, Servers } from "./servers";

function ask(port: number, target: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, host: "127.0.0.1", path: target, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, text });
      });
    });
    request.once("error", reject);
  });
}

export interface FilterStart {
  name: string;
  plan: string;
  core: number;
  valkey: Valkey;
  port?: number;
  isGateway?: boolean;
  env?: NodeJS.ProcessEnv;
  /** A bundle of another version's. */
  program?: string;
}

/** The filter service as a release runs it, ready to decide: it has its keys, and its store. */
export async function startFilterServer(servers: Servers, options: FilterStart): Promise<Server> {
  const [free = 0, through = 0, admin = 0] = await freePorts(3);
  const port = options.port ?? free;
  const plan = servers.file(`${options.name.replaceAll(/\W+/g, "-")}.json`, options.plan);
  const env = {
    // The gateway's own listener is where it would have a door; plain, since TLS is not what is measured.
    ...(options.isGateway
      ? { HTTP_PORT: String(through), HTTPS_PORT: String(port) }
      : { LISTEN_PORT: String(port), THROUGH_PORT: String(through) }),
    ADMIN_PORT: String(admin),
    REDIS_URL: options.valkey.url,
    ...options.env,
  };
  const ready = async (): Promise<boolean> => {
    if ((await ask(admin, "/actuator/readiness")).status !== 200) return false;
    return (await ask(admin, "/metrics")).text.match(/^gateway_(?:counter_)?store_up 1$/m) !== null;
  };
  const command = [process.execPath, options.program ?? (await bundle("bin/filter.ts")), plan] as const;
  return servers.start(options.name, options.core, [...command], { port, env, ready });
}
