import { existsSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { formatDiagnostic, hasErrors, sortDiagnostics, type Diagnostic } from "../diagnostics";
import { gatewaySchema } from "../model";
import { formatMatrix, matrixOf } from "../plan";
import type { HeaderLine } from "../policy";
import { claimsOf, explain, formatExplanation } from "./explain";
import { compileAll, modelFiles, type CompiledModel } from "./load";
import { startGateway } from "./serve";
import { writeFiles } from "./synth";

/** Wrong use of a command: the message says what is right. */
export class UsageError extends Error {}

export interface Output {
  out: (text: string) => void;
  err: (text: string) => void;
}

const USAGE = `gatewright COMMAND [MODEL…] [options]

  check     checks models: every fault in one run
  plan      shows where each promise is kept: the enforcement matrix
  synth     writes the output of all models and targets
  explain   says what happens to a request: explain "GET https://host/path" [with token NAME]
  serve     is the gateway of one model itself: no proxy, one process
  schema    prints the JSON Schema of a model, for editors

  MODEL                 a .ts, .yaml or .json file; all of policies/ by default
  --system NAME         this system only (plan, synth)
  --environment NAME    this environment only (plan, explain; production by default)
  --out DIR             where synth writes (this folder by default)
  --header "name: value", --client ADDRESS, --claims JSON, --identities FILE   for explain
  --http, --https, --admin PORT, --redis URL, --certificate FILE, --key FILE, --plain   for serve
  --json                the result as JSON

Exit: 0 ok, 1 errors found, 2 wrong use. With any error nothing is written.
`;

const OPTIONS = {
  system: { type: "string" },
  environment: { type: "string" },
  out: { type: "string" },
  header: { type: "string", multiple: true },
  client: { type: "string" },
  claims: { type: "string" },
  identities: { type: "string" },
  http: { type: "string" },
  https: { type: "string" },
  admin: { type: "string" },
  redis: { type: "string" },
  certificate: { type: "string" },
  key: { type: "string" },
  plain: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

interface Context {
  args: string[];
  values: Values;
  output: Output;
}

function report({ values, output }: Context, diagnostics: readonly Diagnostic[], result?: object): number {
  const sorted = sortDiagnostics(diagnostics);
  if (values.json) output.out(`${JSON.stringify({ formatVersion: 1, ...result, diagnostics: sorted }, null, 2)}\n`);
  else if (sorted.length > 0) output.err(`${sorted.map(formatDiagnostic).join("\n\n")}\n\n`);
  return hasErrors(sorted) ? 1 : 0;
}

function selected(all: readonly CompiledModel[], system?: string, environment?: string): CompiledModel[] {
  const chosen = all.filter(
    (c) =>
      (system === undefined || c.model.name === system) &&
      (environment === undefined || c.gateway.environment === environment),
  );
  if (chosen.length === 0 && all.length > 0) {
    const known = [...new Set(all.map((c) => `${c.model.name}/${c.gateway.environment}`))].join(", ");
    throw new UsageError(`No model fits --system and --environment; there are ${known}.`);
  }
  return chosen;
}

function check(context: Context): number {
  const files = modelFiles(context.args);
  const { compiled, diagnostics } = compileAll(files);
  const code = report(context, diagnostics, { models: files });
  if (code === 0 && !context.values.json) {
    const systems = new Set(compiled.map((c) => c.model.name));
    context.output.out(`${String(systems.size)} model(s) are good: ${[...systems].join(", ")}\n`);
  }
  return code;
}

function plan(context: Context): number {
  const { compiled, diagnostics } = compileAll(modelFiles(context.args));
  const chosen = hasErrors(diagnostics)
    ? []
    : selected(compiled, context.values.system, context.values.environment ?? "production");
  const matrices = chosen.map((c) => ({
    system: c.model.name,
    environment: c.gateway.environment,
    rows: matrixOf(c.gateway, c.plans),
  }));
  const code = report(context, diagnostics, { matrices });
  if (!context.values.json) printMatrices(context, chosen);
  return code;
}

function printMatrices({ output }: Context, chosen: readonly CompiledModel[]): void {
  for (const { model, gateway, plans } of chosen) {
    const matrix = formatMatrix(
      matrixOf(gateway, plans),
      plans.map((p) => p.target),
    );
    output.out(`${model.name}, ${gateway.environment}\n${matrix}\n\n`);
  }
}

function synth(context: Context): number {
  const { compiled: all, diagnostics } = compileAll(modelFiles(context.args));
  const compiled = hasErrors(diagnostics) ? [] : selected(all, context.values.system);
  const code = report(context, diagnostics, { files: compiled.flatMap((c) => c.files.map((f) => f.path)) });
  if (code !== 0) return code;
  const files = compiled.flatMap((c) => c.files);
  const systems = [...new Set(compiled.map((c) => c.model.name))];
  const { out } = context.values;
  if (out !== undefined && existsSync(out) && !statSync(out).isDirectory())
    throw new UsageError(`${out} is not a folder.`);
  const { written, removed } = writeFiles(context.values.out ?? ".", files, systems);
  if (context.values.json) return code;
  printMatrices(
    context,
    compiled.filter((c) => c.gateway.environment === "production"),
  );
  context.output.out(`${String(files.length)} files, ${String(written)} written, ${String(removed)} removed\n`);
  return code;
}

/** Taken apart as text: a URL parser would clean the path before it is judged. */
const QUESTION = /^(\S+) (https?):\/\/([^\s/?#:]+)(?::\d+)?(\/\S*)?(?: with token (\S+))?$/;

async function explainCommand(context: Context): Promise<number> {
  const [question = "", ...files] = context.args;
  const [, method, scheme, host, target = "/", tokenName] = QUESTION.exec(question) ?? [];
  if (method === undefined || host === undefined) {
    throw new UsageError('Write explain "GET https://host/path", with "with token NAME" behind it where it has one.');
  }
  const { compiled, diagnostics } = compileAll(modelFiles(files));
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const hostname = host.toLowerCase();
  const environment = context.values.environment ?? "production";
  const found =
    compiled.find((c) => c.gateway.environment === environment && c.gateway.hosts.some((h) => h.name === hostname)) ??
    compiled.find((c) => c.gateway.environment === environment);
  if (!found) throw new UsageError(`No model has the environment "${environment}".`);
  const claims = explainClaims(context, found.model.name, tokenName);
  const headers = (context.values.header ?? []).map((line): HeaderLine => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  const client = context.values.client ?? "198.51.100.7";
  const explanation = await explain(found.model, found, {
    method,
    scheme: scheme === "http" ? "http" : "https",
    host: hostname,
    target,
    headers,
    client,
    ...(claims && { claims }),
  });
  if (context.values.json) context.output.out(`${JSON.stringify({ formatVersion: 1, ...explanation }, null, 2)}\n`);
  else
    context.output.out(
      `${formatExplanation(
        explanation,
        found.plans.map((p) => p.target),
      )}\n`,
    );
  return 0;
}

const IDENTITIES = "test/conformance/tokens.yaml";

function explainClaims({ values }: Context, system: string, tokenName?: string): Record<string, unknown> | undefined {
  if (values.claims !== undefined) {
    try {
      return JSON.parse(values.claims) as Record<string, unknown>;
    } catch {
      throw new UsageError("Write --claims as a JSON object.");
    }
  }
  if (tokenName === undefined) return undefined;
  const file = values.identities ?? IDENTITIES;
  if (!existsSync(file)) throw new UsageError(`There is no ${file}; name a file with --identities, or use --claims.`);
  const claims = claimsOf(file, system, tokenName);
  if (!claims) throw new UsageError(`${file} has no identity "${tokenName}" of ${system}.`);
  return claims;
}

function portOf(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`Write --${option} as a port.`);
  return port;
}

/** Runs until it is told to stop. */
async function serve(context: Context): Promise<number> {
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

function schema({ output }: Context): number {
  output.out(`${JSON.stringify(z.toJSONSchema(gatewaySchema, { io: "input" }), null, 2)}\n`);
  return 0;
}

const COMMANDS: Readonly<Record<string, (context: Context) => number | Promise<number>>> = {
  check,
  plan,
  synth,
  explain: explainCommand,
  serve,
  schema,
};

/** Runs one command line; gives the exit code. */
export async function runCommand(argv: readonly string[], output: Output): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [name = "", ...args] = positionals;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (values.help || !command) {
      (values.help ? output.out : output.err)(USAGE);
      return values.help ? 0 : 2;
    }
    return await command({ args, values, output });
  } catch (error) {
    const usage =
      error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") === true;
    if (!usage) throw error;
    output.err(`${(error as Error).message}\n`);
    return 2;
  }
}
