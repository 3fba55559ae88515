import { chmodSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hasErrors, formatDiagnostic } from "../../diagnostics";
import type { GatewayModel } from "../../model";
import { compile, type OutputFile } from "../../targets";
import { freePair, freePorts, portOpen, startPart, until } from "../parts/process";
import { wheels } from "../parts/wheels";
import { Around } from "./around";
import { RealStand, type Instance } from "./real-stand";
import type { StandFactory } from "./stand";

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

/** nginx and the folder of its modules, where the wheel's has not what the model names. */
export interface NginxBuild {
  nginx: string;
  modules: string;
}

export interface NginxForm {
  http2?: boolean;
  /** The model in another form, as somebody could have written it. */
  change?: (model: GatewayModel) => GatewayModel;
  /** Where an nginx with modules can be had. */
  withModules?: () => Promise<NginxBuild | undefined>;
}

/** nginx from its wheel with the filter beside it, in one of its forms. */
export function nginxStand(target: string, form: NginxForm = {}): StandFactory {
  const { http2 = false, change = (model: GatewayModel) => model } = form;
  return async ({ system, environment, replicas }) => {
    const programs = await wheels();
    if (!programs) return { unavailable: "nginx cannot be installed" };
    const modules = change(system.model).nginx.modules.length > 0;
    const build = modules ? await form.withModules?.() : undefined;
    if (modules && !build) return { unavailable: "nginx with modules cannot be had" };
    return Around.with(system, "nginx", programs.valkey, async (around) => {
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
        if (build) symlinkSync(build.modules, path.join(prefix, "modules"));
        const args = ["-p", prefix, "-c", conf, "-g", "daemon off; pid nginx.pid;"];
        const part = startPart(build?.nginx ?? programs.nginx, args, {
          logFile: around.logFile(`nginx-${String(n)}.log`),
        });
        await until("nginx", () => portOpen(https), part);
        instances.push({ http, https, stop: () => part.stop() });
      }
      return new RealStand(target, around, instances, http2);
    });
  };
}
