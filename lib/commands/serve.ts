import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { hasErrors } from "../diagnostics";
import { startFilter, type RunningFilter } from "../filter/server";
import type { GatewayModel } from "../model";
import { formatMatrix, matrixOf } from "../plan";
import type { FilterPlan } from "../policy/filter-plan";
import type { Compiled } from "../targets";
import { report, selected, UsageError, type Context } from "./context";
import { compileAll, modelFiles } from "./load";

export interface ServeOptions {
  http?: number;
  https?: number;
  admin?: number;
  /** Address of the shared store; without one the process counts and caches for itself. */
  redis?: string;
  /** PEM files; the model's folder by default. */
  certificate?: string;
  key?: string;
  /** The https port speaks plain http: TLS ends in front of it. */
  plain: boolean;
}

/** The plan of the gateway itself, as `synth` would write it. */
export function gatewayPlan({ files, gateway }: Compiled): FilterPlan {
  const name = `kubernetes/${gateway.system}/${gateway.environment}/node-gateway/plan.json`;
  const file = files.find((f) => f.path === name);
  if (!file) throw new Error(`${name} was not made.`);
  return JSON.parse(file.content) as FilterPlan;
}

/** The certificate's files; nothing where TLS ends in front. */
function certificateOf(model: GatewayModel, options: ServeOptions): { cert: string; key: string } | undefined {
  if (options.plain || model.front.tls === "front") return undefined;
  const cert = options.certificate ?? path.join(model.certificate.directory, "tls.crt");
  const key = options.key ?? path.join(model.certificate.directory, "tls.key");
  const missing = [cert, key].find((file) => !existsSync(file));
  if (missing !== undefined) {
    throw new Error(`There is no ${missing}: name --certificate and --key, or --plain where TLS ends in front.`);
  }
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** Starts the gateway of one model in this process. */
export async function startGateway(
  model: GatewayModel,
  compiled: Compiled,
  options: ServeOptions,
): Promise<RunningFilter> {
  const certificate = certificateOf(model, options);
  const { bind, http, https } = model.listeners;
  return startFilter({
    plan: gatewayPlan(compiled),
    host: bind ?? "0.0.0.0",
    port: 0,
    adminPort: options.admin ?? model.filter.adminPort,
    redis: options.redis,
    gateway: {
      http: options.http ?? http.containerPort,
      https: options.https ?? https.containerPort,
      ...(certificate && { certificate }),
    },
  });
}

function portOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`Write --${option} as a port.`);
  return port;
}

/** `serve` on the command line: runs until it is told to stop. */
export async function serveCommand(context: Context): Promise<number> {
  const { values, output } = context;
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), "node-gateway");
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const [chosen, another] = selected(compiled, values.system, values.environment ?? "production");
  if (!chosen || another) throw new UsageError("Name one model, or one system by --system.");
  const ports = {
    http: portOf(values.http, "http"),
    https: portOf(values.https, "https"),
    admin: portOf(values.admin, "admin"),
  };
  let running;
  try {
    running = await startGateway(chosen.model, chosen, {
      ...(ports.http !== undefined && { http: ports.http }),
      ...(ports.https !== undefined && { https: ports.https }),
      ...(ports.admin !== undefined && { admin: ports.admin }),
      ...(values.redis !== undefined && { redis: values.redis }),
      ...(values.certificate !== undefined && { certificate: values.certificate }),
      ...(values.key !== undefined && { key: values.key }),
      plain: values.plain ?? false,
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { http, https } = running.gateway ?? {};
  const store = values.redis === undefined ? "in this process alone (name --redis to share)" : "shared";
  output.err(`${formatMatrix(matrixOf(chosen.gateway, chosen.plans), ["node-gateway"])}\n\n`);
  output.err(
    `${chosen.model.name}, ${chosen.gateway.environment}: http ${String(http)}, https ${String(https)}, ` +
      `health and metrics ${String(running.adminPort)}; counters and cache ${store}\n`,
  );
  await new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  await running.stop();
  return 0;
}
