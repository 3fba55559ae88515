import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { generate } from "selfsigned";
import { hasErrors, formatDiagnostic } from "../../../lib/diagnostics";
import type { GatewayModel } from "../../../lib/model";
import { compile, type OutputFile } from "../../../lib/targets";
import { freePair, freePorts, portOpen, startPart, until, type Part } from "../../parts/process";
import { wheels } from "../../parts/wheels";
import type { Case } from "../case";
import { send, withForwardedFor, type OpenAnswer, type WireRequest } from "../wire";
import { Around } from "./around";
import type { Stand, StandFactory, StandOptions } from "./stand";

interface Instance {
  part: Part;
  http: number;
  https: number;
}

/** The rendered files of one target, from the model with this run's addresses in it. */
export function renderFor(
  around: Around,
  target: string,
  environment: string,
  at: Parameters<Around["placed"]>[0],
  change: (model: GatewayModel) => GatewayModel = (model) => model,
): OutputFile[] {
  const model = { ...change(around.placed(at)), targets: [target] };
  const { value, diagnostics } = compile(model, environment);
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return value.files;
}

export async function certificates(directory: string): Promise<void> {
  const pems = await generate([{ name: "commonName", value: "api.example.com" }], { keyType: "ec", curve: "P-256" });
  writeFileSync(path.join(directory, "tls.crt"), pems.cert);
  writeFileSync(path.join(directory, "tls.key"), pems.private);
}

class NginxStand implements Stand {
  readonly target = "nginx";

  private constructor(
    readonly around: Around,
    private readonly instances: Instance[],
  ) {}

  static async start({ system, environment, replicas }: StandOptions): Promise<NginxStand | { unavailable: string }> {
    const programs = await wheels();
    if (!programs) return { unavailable: "nginx cannot be installed" };
    const around = await Around.start(system, "nginx", programs.valkey);
    const tls = around.makeDirectory("tls");
    await certificates(tls);
    const instances: Instance[] = [];
    for (let n = 0; n < replicas; n++) {
      const [http = 0, https = 0, filter = 0, through = 0] = await freePorts(4);
      const admin = await freePair();
      const files = renderFor(around, "nginx", environment, { http, https, filter, through, admin, certificates: tls });
      const plan = files.find((f) => f.path.endsWith("filter.json"));
      if (plan) await around.startFilter(plan.content, { filter, through, admin });
      const prefix = around.makeDirectory(`nginx-${String(n)}`);
      chmodSync(around.directory, 0o755);
      around.makeDirectory(`nginx-${String(n)}/logs`);
      const conf = path.join(prefix, "nginx.conf");
      writeFileSync(conf, files.find((f) => f.path.endsWith("nginx.conf"))?.content ?? "");
      const args = ["-p", prefix, "-c", conf, "-g", "daemon off; pid nginx.pid;"];
      const part = startPart(programs.nginx, args, { logFile: around.logFile(`nginx-${String(n)}.log`) });
      await until("nginx", () => portOpen(https), part);
      instances.push({ part, http, https });
    }
    return new NginxStand(around, instances);
  }

  get services(): Around["services"] {
    return this.around.services;
  }

  get identities(): Around["identities"] {
    return this.around.identities;
  }

  begin(testCase: Case): Promise<void> {
    return this.around.begin(testCase);
  }

  send(request: WireRequest, instance: number): Promise<OpenAnswer> {
    this.around.noteSent();
    const at = this.instances[instance % this.instances.length] as Instance;
    const secure = request.scheme === "https";
    return send({ port: secure ? at.https : at.http, tls: secure }, withForwardedFor(request));
  }

  revoke(key: string): Promise<void> {
    return this.around.valkey.command("SET", key, "1", "EX", "3600");
  }

  logs(): string {
    return this.around.logs();
  }

  reason(requestId: string): string | undefined {
    return this.around.reason(requestId);
  }

  end(testCase: Case): Promise<void> {
    return this.around.end(testCase);
  }

  async stop(): Promise<void> {
    for (const { part } of this.instances) await part.stop();
    await this.around.stop();
  }
}

export const nginxStand: StandFactory = (options) => NginxStand.start(options);
