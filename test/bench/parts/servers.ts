import { truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePorts, portOpen, startPart, until, type Part } from "../../../lib/conformance/parts/process";
import type { Wheels } from "../../../lib/conformance/parts/wheels";
import { bundle } from "../../parts/bundle";
import { CORES, pinned } from "./cores";
import { envoyJwt } from "./envoy-jwt";
import { goProgram } from "./go-build";
import { AUDIENCE, ISSUER, ROLE } from "./tokens";

/** A running server that load is sent to. */
export interface Server {
  name: string;
  port: number;
  part: Part;
}

/** Starts servers one by one and knows them all, so that they can be stopped together. */
export class Servers {
  readonly #parts: Part[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(readonly directory: string) {
    // Some write a line for each decision: gigabytes in one run.
    this.#timer = setInterval(() => {
      for (const part of this.#parts) truncateSync(part.logFile, 0);
    }, 2_000);
  }

  file(name: string, content: string): string {
    const file = path.join(this.directory, name);
    writeFileSync(file, content);
    return file;
  }

  async start(
    name: string,
    core: number,
    [command, ...args]: readonly [string, ...string[]],
    options: { port: number; env?: NodeJS.ProcessEnv; ready?: () => Promise<boolean> },
  ): Promise<Server> {
    const logFile = path.join(this.directory, `${name.replaceAll(/\W+/g, "-")}.log`);
    const env = { ...process.env, ...options.env };
    const part = startPart(...pinned(core, command, args), { logFile, env, cwd: this.directory });
    this.#parts.push(part);
    await until(name, options.ready ?? (() => portOpen(options.port)), part);
    return { name, port: options.port, part };
  }

  async node(mode: "no-op" | "bare" | "fast-jwt" | "fast-jwt-cache", keySet: string): Promise<Server> {
    const [port = 0] = await freePorts(1);
    const script = await bundle("test/bench/parts/node-peer.ts");
    const args = [script, mode, String(port), this.file("keys.json", keySet)];
    return this.start(mode, CORES.server, [process.execPath, ...args], { port });
  }

  async envoy(programs: Wheels, keySet: string, cache: boolean): Promise<Server> {
    const [port = 0] = await freePorts(1);
    const name = cache ? "envoy-cache" : "envoy";
    const file = this.file(`${name}.json`, JSON.stringify(envoyJwt(port, keySet, cache)));
    return this.startEnvoy(name, programs, file, port);
  }

  startEnvoy(name: string, programs: Wheels, file: string, port: number): Promise<Server> {
    const args = ["-c", file, "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"];
    return this.start(name, CORES.server, [programs.envoy, ...args], { port });
  }

  async opa(keySet: string): Promise<Server> {
    const [port = 0] = await freePorts(1);
    const constraints = `{"cert": keys, "iss": ${JSON.stringify(ISSUER)}, "aud": ${JSON.stringify(AUDIENCE)}}`;
    const policy = `package bench

keys := ${JSON.stringify(keySet)}

default allow := false

allow if {
	[valid, _, claims] := io.jwt.decode_verify(input.token, ${constraints})
	valid
	${JSON.stringify(ROLE)} in claims.realm_access.roles
}
`;
    const file = this.file("policy.rego", policy);
    const address = `127.0.0.1:${String(port)}`;
    const args = ["run", "--server", "--addr", address, "--log-level", "error", "--disable-telemetry", file];
    const env = { GOMAXPROCS: "1" };
    return this.start("opa", CORES.server, [await goProgram("opa"), ...args], { port, env });
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const part of this.#parts.reverse()) await part.stop();
  }
}
