import { existsSync } from "node:fs";
import path from "node:path";
import { hasErrors } from "../diagnostics";
import {
  BadEnvironment,
  coreOptions,
  filterEnvironment,
  isListenAddress,
  isStoreAddress,
  type Environment,
} from "../filter/environment";
import { startFilter, type RunningFilter } from "../filter/server";
import { modelIn, type GatewayModel } from "../model";
import { address } from "../model/service-schema";
import { formatMatrix, matrixOf } from "../plan";
import type { FilterPlan } from "../decision/filter-plan";
import { readPlan } from "../decision/plan-text";
import type { Compiled } from "../targets";
import { report, selected, UsageError, type Context } from "./context";
import { compileAll, type CompiledModel } from "./load";
import { modelFiles } from "./models";

/** Where the environment says something else, this wins. */
export interface ServeOptions {
  /** Address of all ports. */
  host?: string | undefined;
  http?: number | undefined;
  https?: number | undefined;
  admin?: number | undefined;
  /** Address of the shared store; without one the process counts and caches for itself. */
  redis?: string | undefined;
  /** PEM files; the model's folder by default. */
  certificate?: string | undefined;
  key?: string | undefined;
  /** The https port speaks plain http: TLS ends in front of it. */
  plain: boolean;
  /** Addresses in place of the model's, by the service's name. */
  services?: Readonly<Record<string, string>>;
}

/** The plan of the gateway itself, as `synth` would write it; services may be elsewhere. */
export function gatewayPlan(
  { files, gateway }: Compiled,
  elsewhere: Readonly<Record<string, string>> = {},
): FilterPlan {
  const name = `kubernetes/${gateway.system}/${gateway.environment}/node-gateway/plan.json`;
  const file = files.find((f) => f.path === name);
  if (!file) throw new Error(`${name} was not made.`);
  const plan = readPlan(file.content);
  const known = Object.keys(plan.services);
  const unknown = Object.keys(elsewhere).find((service) => !known.includes(service));
  if (unknown !== undefined) {
    throw new UsageError(`${gateway.system} has no service "${unknown}"; there are ${known.join(", ") || "none"}.`);
  }
  const others = <T>(services: Readonly<Record<string, T>> = {}): Record<string, T> =>
    Object.fromEntries(Object.entries(services).filter(([name]) => !(name in elsewhere)));
  return {
    ...plan,
    services: { ...plan.services, ...elsewhere },
    // What stands in for a service here is at one address, and speaks no TLS.
    servicesSeveral: others(plan.servicesSeveral),
    servicesTls: others(plan.servicesTls),
  };
}

/** The certificate's files; nothing where TLS ends in front. */
function certificateOf(
  model: GatewayModel,
  options: ServeOptions,
  env: Environment,
): { cert: string; key: string } | undefined {
  if (options.plain || model.front.tls === "front") return undefined;
  const { directory } = model.certificate;
  const cert = options.certificate ?? env.TLS_CERTIFICATE ?? path.join(directory, "tls.crt");
  const key = options.key ?? env.TLS_KEY ?? path.join(directory, "tls.key");
  const missing = [cert, key].find((file) => !existsSync(file));
  if (missing !== undefined) {
    throw new Error(`There is no ${missing}: name --certificate and --key, or --plain where TLS ends in front.`);
  }
  return { cert, key };
}

/** Only this machine can reach a gateway that nobody has told where to listen: its health and metrics are for no one else. */
const hostOf = ({ listeners }: GatewayModel, options: ServeOptions, env: Environment): string =>
  options.host ?? env.LISTEN_HOST ?? listeners.bind ?? "127.0.0.1";

/** Starts the gateway of one model in this process. */
export async function startGateway(
  model: GatewayModel,
  compiled: Compiled,
  options: ServeOptions,
  env: Environment = {},
): Promise<RunningFilter> {
  const certificate = certificateOf(model, options, env);
  const { http, https } = model.listeners;
  return startFilter({
    ...coreOptions(env),
    plan: gatewayPlan(compiled, options.services),
    // Beside the one of all hosts, as nginx has them.
    certificates: env.CERTIFICATES_DIR ?? model.certificate.directory,
    host: hostOf(model, options, env),
    port: 0,
    adminPort: options.admin ?? env.ADMIN_PORT ?? model.filter.adminPort,
    redis: options.redis ?? env.REDIS_URL,
    gateway: {
      http: options.http ?? env.HTTP_PORT ?? http.containerPort,
      https: options.https ?? env.HTTPS_PORT ?? https.containerPort,
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

function servicesOf(texts: readonly string[]): Record<string, string> {
  const entries = texts.map((text) => {
    const [, name = "", at] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    if (!address.safeParse(at).success) throw new UsageError("Write --service as NAME=HOST:PORT.");
    return [name, at];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}

function optionsOf({ values }: Context): ServeOptions {
  const { host, redis, certificate, key, plain = false } = values;
  if (host !== undefined && !isListenAddress(host)) throw new UsageError("Write --host as an address.");
  if (redis !== undefined && !isStoreAddress(redis)) {
    throw new UsageError(
      "Write --redis as redis://host:port, rediss://host:port or redis+cluster://host:port,host:port.",
    );
  }
  return {
    ...{ host, redis, certificate, key, plain },
    http: portOf(values.http, "http"),
    https: portOf(values.https, "https"),
    admin: portOf(values.admin, "admin"),
    services: servicesOf(values.service ?? []),
  };
}

/** The one model that is meant, or the exit code of one that has errors. */
function read(context: Context): CompiledModel | number {
  const { values } = context;
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), { target: "node-gateway" });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const [chosen, another] = selected(compiled, values.system, values.environment ?? "production");
  if (!chosen || another) throw new UsageError("Name one model, or one system by --system.");
  return chosen;
}

/** The plan of the model as it is now; another system's is never taken. */
function readAgain(context: Context, options: ServeOptions, system: string): FilterPlan {
  const found = read(context);
  if (typeof found === "number") throw new Error("The model has errors.");
  if (found.model.name !== system) throw new Error(`This gateway is ${system}, not ${found.model.name}.`);
  return gatewayPlan(found, options.services);
}

function environment(): Environment {
  try {
    return filterEnvironment(process.env);
  } catch (error) {
    if (error instanceof BadEnvironment) throw new UsageError(error.message);
    throw error;
  }
}

/** `serve` on the command line: runs until it is told to stop. */
export async function serveCommand(context: Context): Promise<number> {
  const { output } = context;
  const options = optionsOf(context);
  const env = environment();
  const chosen = read(context);
  if (typeof chosen === "number") return chosen;
  const { model, gateway, plans } = chosen;
  let running: RunningFilter;
  try {
    running = await startGateway(modelIn(model, gateway.environment), chosen, options, env);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const reload = (): void => void running.reload(() => readAgain(context, options, model.name));
  process.on("SIGHUP", reload);
  // Before it says that it is there: whoever starts it may stop it at once.
  const stopped = new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  const { http, https } = running.gateway ?? {};
  const isAlone = (options.redis ?? env.REDIS_URL) === undefined;
  output.err(`${formatMatrix(matrixOf(gateway, plans), ["node-gateway"])}\n\n`);
  output.err(
    `${model.name}, ${gateway.environment}, on ${hostOf(model, options, env)}: ` +
      `http ${String(http)}, https ${String(https)}, health and metrics ${String(running.adminPort)}; ` +
      `counters and cache ${isAlone ? "in this process alone (name --redis to share)" : "shared"}; process ${String(process.pid)}\n`,
  );
  await stopped;
  await running.stop();
  process.off("SIGHUP", reload);
  return 0;
}
