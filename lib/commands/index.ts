import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { CATALOGUE, hasErrors, pageOf } from "../diagnostics";
import { version } from "../../package.json";
import { gatewaySchema } from "../model";
import { nearest } from "../model/problems";
import { costsOf, formatCosts, formatMatrix, matrixOf } from "../plan";
import { DIFFERENCES } from "../targets";
import { OPTIONS, report, selected, UsageError, type Context, type Output } from "./context";
import type * as Costs from "./cost";
import { compileAll, type CompiledModel } from "./load";
import { modelFiles } from "./models";
import { formerSystems, writeFiles } from "./synth";

const USAGE = `gatewright COMMAND [MODEL…] [options]

  init      writes a model, its cases and what runs them, where there is none yet
  import    writes a model from Ingresses (ingress-nginx), Gateway API or OpenAPI, and says what is not taken
  check     checks models: every fault of form, then every fault of meaning
  plan      shows where each promise is kept: the enforcement matrix
  synth     writes the output of all models and targets
  explain   says what happens to a request: explain "GET https://host/path" [with token NAME]
  access    says who may use what
  diff      says what has changed of that since a revision: diff main
  cost      prints the cost report: what the synthesized infrastructure costs in a month
  test      runs your cases on your models: by decide, the Node gateway, and a real nginx
  verify    asks your cases of a gateway that runs somewhere: verify https://gateway.example
  try       a real gateway for one of your models here, with services that echo and tokens by name
  serve     is the gateway of one model itself: no proxy, one process
  schema    prints the JSON Schema of a model, for editors
  help      says more of a diagnostic: help plan/unenforceable-policy

  MODEL                 a .ts, .yaml or .json file, or the name of one in policies/; all of policies/ by default
  --system NAME         this system only (plan, synth)
  --environment NAME    this environment only (plan, explain; production by default)
  --out DIR             where synth writes (this folder by default)
  --header "name: value", --client ADDRESS   for explain
  --claims JSON, --identities FILE, --issuer NAME   for explain: the token's claims, and who signs it
  --host ADDRESS, --http, --https, --admin PORT, --redis URL   for serve
  --certificate FILE, --key FILE, --plain, --service NAME=HOST:PORT   for serve
  --name, --host, --issuer, --target, --yes   for init: the answers, or those by default
  --name, --target, --class NAME, --accept NAME, --out FILE   for import; of OpenAPI --service HOST:PORT, --host, --issuer
  --cases DIR, --identities FILE, --target NAME, --name TEXT, --junit FILE, --watch   for test
  --against URL, --ignore HEADER, --rate N, --insecure, --all   for verify (and --cases, --name, --junit)
  --costs               for plan: what a request on each route costs beside the proxy itself
  --diff REVISION       for cost: what has changed since a commit, branch or tag, as Markdown
  --json                the result as JSON
  --version             of Gatewright

Exit: 0 ok, 1 errors found, 2 wrong use. With any error nothing is written.
`;

/** How long nobody wonders what a command does, in milliseconds. */
const PATIENCE_MS = 2_000;

/** Says on a terminal how far it is, where it takes longer. */
function progress({ output }: Context): ((done: number, all: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  let nextMs = performance.now() + PATIENCE_MS;
  return (done, all) => {
    if (performance.now() < nextMs || done === all) return;
    nextMs = performance.now() + PATIENCE_MS;
    output.err(`${String(done)} of ${String(all)} environments are compiled\n`);
  };
}

function check(context: Context): number {
  const files = modelFiles(context.args);
  const { compiled, diagnostics } = compileAll(files, { onCompiled: progress(context) });
  const code = report(context, diagnostics, { models: files });
  if (code === 0 && !context.values.json) {
    const systems = new Set(compiled.map((c) => c.model.name));
    context.output.out(`${String(systems.size)} model(s) are good: ${[...systems].join(", ")}\n`);
  }
  return code;
}

function plan(context: Context): number {
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), { plansOnly: true });
  const chosen = hasErrors(diagnostics)
    ? []
    : selected(compiled, context.values.system, context.values.environment ?? "production");
  const matrices = chosen.map((c) => ({
    system: c.model.name,
    environment: c.gateway.environment,
    rows: matrixOf(c.gateway, c.plans),
    ...(context.values.costs && { costs: costsOf(c.gateway, c.plans) }),
  }));
  const code = report(context, diagnostics, { matrices });
  if (!context.values.json) printMatrices(context, chosen);
  return code;
}

const LEGEND =
  "native: the proxy itself; ext-auth: the filter, which the proxy asks about the head; ext-auth-body: the same, about head and body; reported: the same, and the proxy tells it how the exchange has ended; proxied: the filter, which carries the exchange";

const COSTS_LEGEND =
  "-: nothing beside the proxy (on node-gateway there is none); a call: the filter is asked about the head, or with the body, which the proxy holds until it is judged; a report: the proxy tells it how the exchange has ended;\na hop: the exchange goes through the filter, for the sake of what is named; body held: by the filter, until it is judged";

/** What the differences mean that a matrix names. */
function differencesIn(chosen: readonly CompiledModel[]): string {
  const used = new Set(chosen.flatMap((c) => c.usedDifferences));
  return DIFFERENCES.filter(({ name }) => used.has(name))
    .map(({ name, text }) => `${name}: ${text}\n`)
    .join("");
}

function printMatrices({ output, values }: Context, chosen: readonly CompiledModel[]): void {
  for (const { model, gateway, plans } of chosen) {
    const targets = plans.map((p) => p.target);
    const table = values.costs
      ? formatCosts(costsOf(gateway, plans), targets)
      : formatMatrix(matrixOf(gateway, plans), targets);
    output.out(`${model.name}, ${gateway.environment}\n${table}\n\n`);
  }
  if (chosen.length > 0) output.out(`${values.costs ? COSTS_LEGEND : LEGEND}\n${differencesIn(chosen)}\n`);
}

/** What it costs is read off CDK's templates; whoever has nothing on AWS need not have CDK either. */
async function costs(): Promise<typeof Costs> {
  try {
    return await import("./cost.js");
  } catch (error) {
    if ((error as { code?: unknown }).code !== "MODULE_NOT_FOUND") throw error;
    throw new UsageError(
      "What a model with an infrastructure costs is read off CDK's templates: npm install -D aws-cdk-lib cdk-nag",
    );
  }
}

const SHOWN_FILES = 8;

async function synth(context: Context): Promise<number> {
  const { compiled: all, diagnostics } = compileAll(modelFiles(context.args), { onCompiled: progress(context) });
  const compiled = hasErrors(diagnostics) ? [] : selected(all, context.values.system);
  const files = compiled.flatMap((c) => c.files);
  // The report is of all systems: a run on some of them leaves it as it is.
  const isWhole = context.args.length === 0 && context.values.system === undefined;
  if (isWhole && compiled.some(({ model }) => Object.keys(model.infrastructure).length > 0)) {
    const cost = (await costs()).costFiles(compiled);
    files.push(...cost.files);
    diagnostics.push(...cost.diagnostics);
  }
  const code = report(context, diagnostics, { files: files.map((f) => f.path) });
  if (code !== 0) return code;
  const { out } = context.values;
  if (out !== undefined && existsSync(out) && !statSync(out).isDirectory())
    throw new UsageError(`${out} is not a folder.`);
  const systems = [...new Set(compiled.map((c) => c.model.name))];
  const former = isWhole ? formerSystems(out ?? ".", systems) : [];
  const { written, removed } = writeFiles(out ?? ".", files, [...systems, ...former]);
  if (context.values.json) return code;
  const shown = written.slice(0, SHOWN_FILES).map((file) => `wrote ${file}\n`);
  const more = written.length - shown.length;
  if (more > 0) shown.push(`and ${String(more)} more\n`);
  const counts = `${String(files.length)} files, ${String(written.length)} written, ${String(removed)} removed`;
  context.output.out(`${shown.join("")}${counts}\n`);
  return code;
}

function schema({ output }: Context): number {
  output.out(`${JSON.stringify(z.toJSONSchema(gatewaySchema, { io: "input" }), null, 2)}\n`);
  return 0;
}

const PAGES = path.join(__dirname, "../../docs/diagnostics");

/** The page of a diagnostic's code; all codes where none is named. */
function help({ args: [code], output }: Context): number {
  const codes = Object.keys(CATALOGUE);
  if (code !== undefined && !codes.includes(code)) {
    const meant = nearest(code, codes);
    throw new UsageError(`There is no diagnostic "${code}".${meant === undefined ? "" : ` Is it "${meant}"?`}`);
  }
  output.out(code === undefined ? `${codes.join("\n")}\n` : readFileSync(path.join(PAGES, pageOf(code)), "utf8"));
  return 0;
}

/** What takes a while to load, or asks for packages that not everybody has, is loaded by whoever needs it. */
const COMMANDS: Readonly<Record<string, (context: Context) => number | Promise<number>>> = {
  check,
  plan,
  synth,
  explain: async (context) => (await import("./explain.js")).explainCommand(context),
  access: async (context) => (await import("./access.js")).accessCommand(context),
  diff: async (context) => (await import("./diff.js")).diffCommand(context),
  cost: async (context) => (await costs()).costCommand(context),
  serve: async (context) => (await import("./serve.js")).serveCommand(context),
  init: async (context) => (await import("./init.js")).initCommand(context),
  verify: async (context) => (await import("./verify.js")).verifyCommand(context),
  import: async (context) => (await import("./import.js")).importCommand(context),
  try: async (context) => (await import("./try.js")).tryCommand(context),
  test: async (context) => (await import("./test.js")).testCommand(context),
  schema,
  help,
};

/** Runs one command line; gives the exit code. */
export async function runCommand(argv: readonly string[], output: Output): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [name = "", ...args] = positionals;
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (values.version) {
      output.out(`${version}\n`);
      return 0;
    }
    if (!values.help && !command && name !== "") {
      const meant = nearest(name, Object.keys(COMMANDS));
      output.err(
        `There is no command "${name}".${meant === undefined ? "" : ` Is it "${meant}"?`} See gatewright --help.\n`,
      );
      return 2;
    }
    if (values.help || !command) {
      (values.help ? output.out : output.err)(USAGE);
      return values.help ? 0 : 2;
    }
    return await command({ args, values, output });
  } catch (error) {
    const usage =
      error instanceof UsageError || String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
    // Files and folders that are not as a command needs them.
    const ofFiles = /^(EACCES|EEXIST|EISDIR|ENOENT|ENOSPC|ENOTDIR|EPERM|EROFS|ABORT_ERR)$/.test(
      String((error as { code?: unknown }).code),
    );
    if (!usage && !ofFiles) throw error;
    output.err(`${(error as Error).message}\n`);
    return 2;
  }
}
