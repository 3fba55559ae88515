import {
  costDiff,
  pricedOf,
  reportOf,
  stalePrices,
  USAGE_FILE,
  readUsage,
  type CostResult,
  type Priced,
  type UsageFile,
} from "../cost";
import { diagnostic, hasErrors, type Diagnostic } from "../diagnostics";
import { systemNameOf, type GatewayModel } from "../model";
import type { OutputFile } from "../targets";
import { report, type Context } from "./context";
import { compileAll, modelsOf, type CompiledModel } from "./load";
import { modelFiles } from "./models";
import { atRevision } from "./revision";

/** Prices every environment whose infrastructure and usage are stated; `some`: other models were not asked for. */
function priceAll(compiled: readonly CompiledModel[], some = false): { priced: Priced[]; diagnostics: Diagnostic[] } {
  const models = modelsOf(compiled);
  const environments = models.flatMap((model) => Object.keys(model.infrastructure).map((name) => ({ model, name })));
  if (environments.length === 0) return { priced: [], diagnostics: [] };
  const { value: usage, diagnostics } = readUsage();
  if (!usage) return { priced: [], diagnostics };
  const priced: Priced[] = [];
  if (!some) diagnostics.push(...strangers(usage, environments));
  for (const { model, name } of environments) {
    const used = usage[model.name]?.[name];
    if (used) {
      const result = pricedOf(model, name, used);
      diagnostics.push(...unpriced(model, name, result));
      priced.push(result);
    } else {
      const why = `${USAGE_FILE} says nothing of ${model.name}/${name}, so it is not in the cost report.`;
      const fix = "Write down its requestsPerDay, and what else differs from the defaults: docs/cost.md.";
      diagnostics.push(diagnostic("cost/no-usage", `${model.name}/infrastructure/${name}`, why, fix));
    }
  }
  return { priced: hasErrors(diagnostics) ? [] : priced, diagnostics };
}

/** Systems and environments of the usage file that no model has. */
function strangers(usage: UsageFile, known: readonly { model: GatewayModel; name: string }[]): Diagnostic[] {
  const names = new Set(known.map(({ model, name }) => `${model.name}/${name}`));
  return Object.entries(usage)
    .flatMap(([system, environments]) => Object.keys(environments).map((name) => `${system}/${name}`))
    .filter((name) => !names.has(name))
    .map((name) => {
      const why = `No model has an infrastructure of ${name}; there are ${[...names].join(", ")}.`;
      return diagnostic("cost/invalid-usage", `usage/${name}`, why, "Correct the name, or take it out.", {
        file: USAGE_FILE,
      });
    });
}

function unpriced(model: GatewayModel, environment: string, { bill }: Priced): Diagnostic[] {
  return bill.resources
    .filter(({ state }) => state === "unpriced")
    .map(({ stack, id, why = "" }) => {
      const at = `${systemNameOf(model, environment)}/${stack}/${id}`;
      const fix = "Change the model, or teach lib/cost its price and where the price is from: docs/cost.md.";
      return diagnostic("cost/unpriced", at, why, fix);
    });
}

/** The cost report of all models, for `synth`. */
export function costFiles(compiled: readonly CompiledModel[]): { files: OutputFile[]; diagnostics: Diagnostic[] } {
  const { priced, diagnostics } = priceAll(compiled);
  return { files: priced.length === 0 ? [] : reportOf(priced), diagnostics };
}

const resultOf = (priced: readonly Priced[]): CostResult =>
  priced.map(({ model, environment, bill: { total, lines } }) => ({ system: model.name, environment, total, lines }));

function warnOfStale(priced: readonly Priced[]): Diagnostic[] {
  const today = new Date().toISOString().slice(0, 10);
  const names = priced.flatMap(({ bill }) => bill.lines.map(({ price }) => price));
  return stalePrices(names, today).map((name) => {
    const why = "AWS may have changed it since.";
    return diagnostic("cost/stale-price", `lib/cost/prices/${name}`, why, "Look it up, and write its date beside it.");
  });
}

/** Prints the cost report, or what a branch changes of it: `cost --diff main`. */
export async function costCommand(context: Context): Promise<number> {
  const { values, output } = context;
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), { plansOnly: true });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const before = values.diff === undefined ? undefined : await atRevision(values.diff, "cost", context.args);
  if (before && "problem" in before) return report(context, [...diagnostics, before.problem]);
  const { priced, diagnostics: found } = priceAll(compiled, context.args.length > 0);
  const systems = resultOf(priced);
  const all = [...diagnostics, ...found, ...warnOfStale(priced)];
  if (!before) {
    const code = report(context, all, { systems });
    const nothing = "No environment of these models has both an infrastructure and its usage: docs/cost.md.\n";
    if (code === 0 && !values.json) output.out(priced.length > 0 ? (reportOf(priced)[0]?.content ?? "") : nothing);
    return code;
  }
  const diff = costDiff((before.result as { systems: CostResult } | undefined)?.systems ?? [], systems);
  const code = report(context, all, { diff });
  if (code === 0 && !values.json) output.out(diff);
  return code;
}
