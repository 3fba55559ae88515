import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { hasErrors } from "../diagnostics";
import type { GatewayModel } from "../model";
import { ROLLOUTS_FILE, rolloutState, shareOf } from "../model/rollouts";
import { report, UsageError, type Context } from "./context";
import { compileAll } from "./load";
import { loadModels, modelFiles, type LoadedModel } from "./models";
import { faultsOf, measure, measuredText, NoPrometheus, type Measured } from "./rollout-gate";
import { writeFiles, writeWhole } from "./synth";

/** The steps of a rollout, forwards while its gate holds, and back: `rollout`. */

type Rollout = GatewayModel["rollouts"][string];

interface Found {
  name: string;
  rollout: Rollout;
  system: string;
  file: string;
  environment: string;
  share: number;
  /** When that was written, where the file beside the model says so. */
  since?: string;
}

const ACTIONS = ["status", "next", "back"] as const;

const allIn = (models: readonly LoadedModel[]): Found[] =>
  models.flatMap(({ file, model }) => {
    const state = rolloutState(path.dirname(file))[model.name];
    return model.environments.flatMap((environment) =>
      Object.entries(model.rollouts).map(([name, rollout]): Found => {
        const { since } = state?.[environment]?.[name] ?? {};
        const share = shareOf(rollout, environment);
        return { name, rollout, system: model.name, file, environment, share, ...(since !== undefined && { since }) };
      }),
    );
  });

/** The step behind the present one; nothing where it is at its end. */
const nextOf = ({ rollout, share }: Found): number | undefined => rollout.steps.find((step) => step > share);
const backOf = ({ rollout, share }: Found): number => rollout.steps.findLast((step) => step < share) ?? 0;

function measured({ values }: Context, { rollout }: Found): Promise<Measured> | undefined {
  const url = values.prometheus ?? process.env["PROMETHEUS_URL"];
  if (url === undefined) return undefined;
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ""))
    throw new UsageError("Write --prometheus as a URL, such as http://prometheus.monitoring.svc:9090.");
  const from = { url, selector: values.selector ?? "", token: process.env["PROMETHEUS_TOKEN"] };
  return measure(from, rollout.gate, rollout.to);
}

const placeOf = ({ name, system, environment }: Found): string => `${system}, ${environment}: ${name}`;

async function status(context: Context, all: readonly Found[]): Promise<number> {
  const rows = await Promise.all(
    all.map(async (found) => {
      const { name, rollout, system, environment, share } = found;
      const next = nextOf(found);
      const seen = share === 0 ? undefined : await measured(context, found);
      const faults = seen && next !== undefined ? [...tooSoon(found), ...faultsOf(rollout.gate, seen)] : [];
      const at = { system, environment, rollout: name, from: rollout.from, to: rollout.to, share };
      return { found, row: { ...at, next: next ?? null, ...(seen && { measured: seen, faults }) } };
    }),
  );
  if (context.values.json) {
    context.output.out(`${JSON.stringify({ formatVersion: 1, rollouts: rows.map(({ row }) => row) }, null, 2)}\n`);
    return 0;
  }
  for (const { found, row } of rows) {
    const { rollout, share } = found;
    const steps = row.next === null ? "at its end" : `next ${String(row.next)} %`;
    context.output.out(`${placeOf(found)}: ${rollout.from} to ${rollout.to}, at ${String(share)} %, ${steps}\n`);
    if (row.measured) context.output.out(`  ${rollout.to}: ${measuredText(row.measured)}\n`);
    for (const fault of row.faults ?? []) context.output.out(`  the gate does not hold: ${fault}\n`);
  }
  if (rows.length === 0) context.output.out("No model has a rollout.\n");
  return 0;
}

function theOne(all: readonly Found[], action: string, name: string | undefined, environment: string): Found {
  if (name === undefined) throw new UsageError(`Name the rollout: rollout ${action} NAME.`);
  const [found, another] = all.filter((f) => f.name === name && f.environment === environment);
  if (!found) {
    const known = [...new Set(all.map((f) => f.name))].join(", ");
    throw new UsageError(`No model has a rollout "${name}" in ${environment}; there are ${known || "none"}.`);
  }
  if (another) throw new UsageError(`Several models have a rollout "${name}": name the model as well.`);
  return found;
}

/** Writes how far it is, and what follows from it for the system's output; where that cannot be, it is as far as it was. */
function move(context: Context, found: Found, share: number): number {
  const { file: model, system, environment, name } = found;
  const folder = path.dirname(model);
  const before = rolloutState(folder);
  const own = before[system] ?? {};
  const step = { at: share, since: new Date().toISOString() };
  const state = { ...before, [system]: { ...own, [environment]: { ...own[environment], [name]: step } } };
  const file = path.join(folder, ROLLOUTS_FILE);
  const former = existsSync(file) ? readFileSync(file) : undefined;
  const undo = (): void => {
    if (former) writeWhole(file, former);
    else rmSync(file, { force: true });
  };
  writeWhole(file, `${JSON.stringify(state, null, 2)}\n`);
  let written: string[];
  try {
    const { compiled, diagnostics } = compileAll([model]);
    if (hasErrors(diagnostics)) {
      undo();
      return report(context, diagnostics);
    }
    const files = compiled.flatMap((c) => c.files);
    ({ written } = writeFiles(context.values.out ?? ".", files, [system]));
  } catch (error) {
    undo();
    throw error;
  }
  const result = { system, environment, rollout: name, from: found.share, to: share, file, written };
  if (context.values.json) context.output.out(`${JSON.stringify({ formatVersion: 1, ...result }, null, 2)}\n`);
  else {
    const steps = `${String(found.share)} to ${String(share)} %`;
    context.output.out(`${placeOf(found)}: ${steps}; ${file} and ${String(written.length)} files written\n`);
  }
  return 0;
}

/** Why a step that was written a moment ago says nothing yet. */
function tooSoon({ rollout, since }: Found): string[] {
  const leftMs = since === undefined ? 0 : Date.parse(since) + rollout.gate.over - Date.now();
  return leftMs > 0 ? [`its step was written at ${since ?? ""}, and its window is not over yet`] : [];
}

async function next(context: Context, found: Found): Promise<number> {
  const step = nextOf(found);
  if (step === undefined) {
    const { from, to } = found.rollout;
    throw new UsageError(
      `${found.name} is at its end: write ${to} in place of ${from} in the model, and take the rollout out, of ${ROLLOUTS_FILE} too.`,
    );
  }
  // Before the first step the new side has had no request to be judged by.
  if (found.share > 0 && !context.values.force) {
    const seen = await measured(context, found);
    if (!seen)
      throw new UsageError(
        "Say where Prometheus is, which knows whether the gate holds: --prometheus URL. --force asks nobody.",
      );
    const faults = [...tooSoon(found), ...faultsOf(found.rollout.gate, seen)];
    if (faults.length > 0) {
      const { system, environment, name, share } = found;
      const result = { system, environment, rollout: name, from: share, to: share, measured: seen, faults };
      if (context.values.json) context.output.out(`${JSON.stringify({ formatVersion: 1, ...result }, null, 2)}\n`);
      context.output.err(`${placeOf(found)} stays at ${String(found.share)} %: ${faults.join("; ")}.\n`);
      return 1;
    }
  }
  return move(context, found, step);
}

function back(context: Context, found: Found): number {
  if (found.share === 0) throw new UsageError(`${found.name} is at 0 % already.`);
  return move(context, found, context.values.all ? 0 : backOf(found));
}

/** `rollout` on the command line. */
export async function rolloutCommand(context: Context): Promise<number> {
  const [action = "status", ...words] = context.args;
  const known = ACTIONS.find((a) => a === action);
  if (!known) throw new UsageError(`Write rollout ${ACTIONS.join(", rollout ")}.`);
  const [name, ...files] = known === "status" ? ["", ...words] : words;
  // The way back must not wait for somebody else's model.
  const { models, diagnostics } = loadModels(modelFiles(files));
  const all = allIn(models);
  if (hasErrors(diagnostics) && !all.some((f) => f.name === name)) return report(context, diagnostics);
  const environment = context.values.environment ?? "production";
  try {
    if (known === "status")
      return await status(
        context,
        all.filter((f) => context.values.environment === undefined || f.environment === environment),
      );
    const found = theOne(all, known, name, environment);
    return known === "next" ? await next(context, found) : back(context, found);
  } catch (error) {
    if (!(error instanceof NoPrometheus)) throw error;
    context.output.err(`${error.message}\n`);
    return 1;
  }
}
