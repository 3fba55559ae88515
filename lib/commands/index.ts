import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
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
import { modelFiles, SCHEMA_FILE } from "./models";
import { formerSystems, writeFiles } from "./synth";
import { commandList, isCommand, optionsOf, usageOf, USAGES, type CommandName } from "./usage";

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

function schema({ values, output }: Context): number {
  const text = `${JSON.stringify(z.toJSONSchema(gatewaySchema, { io: "input" }), null, 2)}\n`;
  if (!values.write) {
    output.out(text);
    return 0;
  }
  mkdirSync(path.dirname(SCHEMA_FILE), { recursive: true });
  writeFileSync(SCHEMA_FILE, text);
  const name = path.basename(SCHEMA_FILE);
  output.out(`wrote ${SCHEMA_FILE}\n`);
  output.out(`Begin a model with "# yaml-language-server: $schema=${name}", or in JSON with "$schema": "${name}".\n`);
  return 0;
}

const PAGES = path.join(__dirname, "../../docs/diagnostics");

const orMeant = (word: string, known: readonly string[]): string => {
  const meant = nearest(word, known);
  return meant === undefined ? "" : ` Is it "${meant}"?`;
};

/** What a command takes, or the page of a diagnostic's code; all codes where nothing is named. */
function help({ args: [word], output }: Context): number {
  const codes = Object.keys(CATALOGUE);
  if (word === undefined) output.out(`${codes.join("\n")}\n`);
  else if (isCommand(word)) output.out(usageOf(word));
  else if (codes.includes(word)) output.out(readFileSync(path.join(PAGES, pageOf(word)), "utf8"));
  else {
    const what = word.includes("/") ? "diagnostic" : "command or diagnostic";
    throw new UsageError(`There is no ${what} "${word}".${orMeant(word, [...codes, ...Object.keys(USAGES)])}`);
  }
  return 0;
}

/** What takes a while to load, or asks for packages that not everybody has, is loaded by whoever needs it. */
const COMMANDS: Readonly<Record<CommandName, (context: Context) => number | Promise<number>>> = {
  check,
  plan,
  synth,
  explain: async (context) => (await import("./explain.js")).explainCommand(context),
  access: async (context) => (await import("./access.js")).accessCommand(context),
  diff: async (context) => (await import("./diff.js")).diffCommand(context),
  page: async (context) => (await import("./page.js")).pageCommand(context),
  cost: async (context) => (await costs()).costCommand(context),
  rollout: async (context) => (await import("./rollout.js")).rolloutCommand(context),
  serve: async (context) => (await import("./serve.js")).serveCommand(context),
  init: async (context) => (await import("./init.js")).initCommand(context),
  verify: async (context) => (await import("./verify.js")).verifyCommand(context),
  import: async (context) => (await import("./import.js")).importCommand(context),
  try: async (context) => (await import("./try.js")).tryCommand(context),
  test: async (context) => (await import("./test.js")).testCommand(context),
  completion: async (context) => (await import("./completion.js")).completionCommand(context),
  schema,
  help,
};

/** An option that the command does not have would be without effect, and somebody would count on it. */
function refuseOthers(name: CommandName, values: Context["values"]): void {
  const known = Object.keys(optionsOf(name));
  const other = Object.keys(values).find((option) => !known.includes(option));
  if (other === undefined) return;
  const meant = nearest(other, known);
  const why = meant === undefined ? "" : ` Is it --${meant}?`;
  throw new UsageError(`${name} has no --${other}.${why} See gatewright ${name} --help.`);
}

/** Runs one command line; gives the exit code. */
export async function runCommand(argv: readonly string[], output: Output): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [name = "", ...args] = positionals;
    if (values.version) {
      output.out(`${version}\n`);
      return 0;
    }
    if (name === "") {
      (values.help ? output.out : output.err)(commandList());
      return values.help ? 0 : 2;
    }
    if (!isCommand(name))
      throw new UsageError(
        `There is no command "${name}".${orMeant(name, Object.keys(USAGES))} See gatewright --help.`,
      );
    if (values.help) {
      output.out(usageOf(name));
      return 0;
    }
    refuseOthers(name, values);
    return await COMMANDS[name]({ args, values, output });
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
