import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { startFilter, type RunningFilter } from "../filter/server";
import type { GatewayModel } from "../model";
import type { FilterPlan } from "../policy/filter-plan";
import type { Compiled } from "../targets";

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
