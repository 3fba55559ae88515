import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hasErrors, formatDiagnostic } from "../../../lib/diagnostics";
import type { GatewayModel } from "../../../lib/model";
import { compile, type OutputFile } from "../../../lib/targets";
import { stableNginx } from "../../parts/nginx-stable";
import { freePair, freePorts, portOpen, startPart, until } from "../../parts/process";
import { wheels } from "../../parts/wheels";
import { modelOf } from "../systems";
import { Around } from "./around";
import { RealStand, type Instance } from "./real-stand";
import type { StandFactory, StandOptions } from "./stand";

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

async function start(
  target: string,
  { system, environment, replicas }: StandOptions,
  { http2, change = (model) => model }: { http2?: true; change?: (model: GatewayModel) => GatewayModel } = {},
): Promise<RealStand | { unavailable: string }> {
  const programs = await wheels();
  if (!programs) return { unavailable: "nginx cannot be installed" };
  const modules = change(modelOf(system) as GatewayModel).nginx.modules.length > 0;
  const stable = modules ? await stableNginx() : undefined;
  if (modules && !stable) return { unavailable: "nginx with modules cannot be built" };
  const around = await Around.start(system, "nginx", programs.valkey);
  const instances: Instance[] = [];
  for (let n = 0; n < replicas; n++) {
    const [http = 0, https = 0, filter = 0, through = 0, reports = 0] = await freePorts(5);
    const admin = await freePair();
    const at = { http, https, filter, through, reports, admin };
    const files = renderFor(around, "nginx", environment, { ...at, certificates: around.certificates }, change);
    const plan = files.find((f) => f.path.endsWith("filter.json"));
    if (plan) await around.startFilter(plan.content, at);
    const prefix = around.makeDirectory(`nginx-${String(n)}`);
    chmodSync(around.directory, 0o755);
    around.makeDirectory(`nginx-${String(n)}/logs`);
    const conf = path.join(prefix, "nginx.conf");
    writeFileSync(conf, files.find((f) => f.path.endsWith("nginx.conf"))?.content ?? "");
    if (stable) symlinkSync(stable.modules, path.join(prefix, "modules"));
    const args = ["-p", prefix, "-c", conf, "-g", "daemon off; pid nginx.pid;"];
    const part = startPart(stable?.nginx ?? programs.nginx, args, {
      logFile: around.logFile(`nginx-${String(n)}.log`),
    });
    await until("nginx", () => portOpen(https), part);
    instances.push({ http, https, stop: () => part.stop() });
  }
  return new RealStand(target, around, instances, http2);
}

export const nginxStand: StandFactory = (options) => start("nginx", options);

export const nginxHttp2Stand: StandFactory = (options) => start("nginx-http2", options, { http2: true });

/** Total times, pauses and compression by stable nginx alone, their differences accepted. */
export const nginxNativeStand: StandFactory = (options) =>
  start("nginx-native", options, {
    change: (model) => ({
      ...model,
      nginx: { ...model.nginx, modules: ["brotli"] },
      accept: ["nginx-total-time", "nginx-idle-time", "nginx-brotli"].map((difference) => ({
        difference,
        reason: "The run compares both forms.",
      })),
    }),
  });
