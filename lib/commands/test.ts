import { existsSync, watch } from "node:fs";
import type { Case } from "../conformance/case";
import { unknownNames } from "../conformance/check-cases";
import { runCases } from "../conformance/run";
import type { CaseResult } from "../conformance/run-case";
import { STANDS } from "../conformance/stands";
import type { System } from "../conformance/system";
import { hasErrors } from "../diagnostics";
import { report, UsageError, type Context } from "./context";
import { compileAll, modelsOf } from "./load";
import { modelFiles } from "./models";
import { CASES, casesOf, systemsOf } from "./own-systems";
import { tellResults } from "./results";

/** Cases of somebody's own on their own models, by the real proxies that can be had: `test`. */

/** Words that mean nothing; a case with one would pass or fail for no reason. */
function refuseUnknown(cases: readonly Case[], systems: ReadonlyMap<string, System>): void {
  const wrong = cases.flatMap((c) => {
    const system = systems.get(c.system);
    const found = system
      ? unknownNames(c, system)
      : [`there is no model of "${c.system}"; there are ${[...systems.keys()].join(", ")}`];
    return found.map((what) => `${c.subject}.yaml, "${c.name}": ${what}`);
  });
  if (wrong.length > 0) throw new UsageError(wrong.join("\n"));
}

/** `decide`, and what some model is for and can be run here. */
function targetsOf({ values, output }: Context, systems: ReadonlyMap<string, System>): string[] {
  const meant = new Set([...systems.values()].flatMap(({ model }) => model.targets));
  const here = Object.keys(STANDS);
  const unknown = values.target?.find((target) => !here.includes(target));
  if (unknown !== undefined) throw new UsageError(`Cases cannot be run on "${unknown}"; use ${here.join(", ")}.`);
  const idle = values.target?.find((target) => target !== "decide" && !meant.has(target));
  if (idle !== undefined)
    throw new UsageError(`No model has the target "${idle}"; they have ${[...meant].join(", ")}.`);
  const elsewhere = [...meant].filter((target) => !here.includes(target));
  if (elsewhere.length > 0 && values.target === undefined)
    output.err(
      `not run here: ${elsewhere.join(", ")} (its parts are built from source: see this tool's own repository)\n`,
    );
  return values.target ?? here.filter((target) => target === "decide" || meant.has(target));
}

/** A case that names no environment means the model's first, where there is no production. */
const inFirst = (testCase: Case, system: System | undefined): Case => {
  const known = system?.model.environments ?? [];
  const named = testCase.environment !== "production" || known.includes("production");
  return named ? testCase : { ...testCase, environment: known[0] ?? "production" };
};

async function runOnce(context: Context): Promise<number> {
  const { values, output } = context;
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), { plansOnly: true });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const systems = systemsOf(context, modelsOf(compiled));
  const cases = casesOf(values.cases ?? CASES, values.name)
    // Where models are named the others' cases are not meant.
    .filter((c) => context.args.length === 0 || systems.has(c.system))
    .map((c) => inFirst(c, systems.get(c.system)));
  if (cases.length === 0) throw new UsageError("No case was found.");
  refuseUnknown(cases, systems);
  const results = new Map<string, CaseResult[]>();
  for (const target of targetsOf(context, systems)) {
    const start = performance.now();
    const own = cases.filter((c) => target === "decide" || systems.get(c.system)?.model.targets.includes(target));
    const done = await runCases(STANDS[target] as (typeof STANDS)[string], own, (name) => systems.get(name)).catch(
      (error: unknown) => {
        // A part of somebody's own model that does not start is no bug of ours.
        throw new UsageError(`${target}: ${(error as Error).message}`);
      },
    );
    results.set(target, done);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    if (!values.json) output.err(`${target}: ${String(done.length)} cases in ${seconds} s\n`);
  }
  const nothing = (values.target ?? []).filter((target) => results.get(target)?.every((r) => r.outcome === "skipped"));
  const failed = tellResults(context, results, process.env["CI"] === "true");
  return failed || nothing.length > 0 ? 1 : 0;
}

/** Editors write a file in several steps. */
const SETTLED_MS = 200;

/** Resolves when something below one of the folders has changed. */
async function change(folders: readonly string[]): Promise<void> {
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const watchers = folders.map((folder) =>
      watch(folder, { recursive: true }, () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          for (const watcher of watchers) watcher.close();
          resolve();
        }, SETTLED_MS);
      }),
    );
  });
}

/** `test` on the command line; with `--watch` again whenever a model or a case changes, until it is stopped. */
export async function testCommand(context: Context): Promise<number> {
  if (!context.values.watch) return runOnce(context);
  const folders = [...new Set([...modelFiles(context.args), context.values.cases ?? CASES])].filter(existsSync);
  for (;;) {
    await runOnce(context).catch((error: unknown) => {
      if (!(error instanceof UsageError)) throw error;
      context.output.err(`${error.message}\n`);
    });
    context.output.err("waiting for a change\n");
    await change(folders);
  }
}
