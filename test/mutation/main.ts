import { spawn } from "node:child_process";
import path from "node:path";
import { KINDS, type KindName } from "../../lib/policy";
import { istio } from "../../lib/targets/istio";
import { nginx } from "../../lib/targets/nginx";
import { enforcersOf, type Enforcer } from "../../lib/targets/target";
import { readCases, type Case } from "../../lib/conformance/case";
import { runTarget } from "../conformance/main";
import { subjectsOf } from "../conformance/subjects";
import { changedText, NAMED, type NamedMutant } from "./named";
import { decisionMutants, type Mutant } from "./decisions";

/**
 * Proves that the cases can fail: each claim of a target with an empty `apply`, and each condition of a `decide` taken
 * out, must turn a case of its kind red. Whatever survives is printed.
 */

const ROOT = path.join(__dirname, "../..");
const CASES = path.join(ROOT, "test/conformance/cases");
const SYSTEMS = ["lab", "sessions", "rpc", "serhafen", "mmr", "maternal", "equb"];

interface Outcome {
  mutant: string;
  /** What turned red, or nothing when it survived. */
  killedBy?: string;
}

/** The mutated target is right until the first red case; a target that does not even start is as good as red. */
async function firstRed(target: string, cases: readonly Case[]): Promise<string | undefined> {
  for (const system of SYSTEMS) {
    const own = cases.filter((c) => c.system === system && c.replicas === 1 && c.environment === "production");
    if (own.length === 0) continue;
    try {
      const results = await runTarget(target, own, { untilFailure: true });
      const red = results.find((r) => r.outcome === "failed");
      if (red) return `${system}: ${red.case.name}`;
    } catch (error) {
      return `it does not start: ${String(error).split("\n")[0] ?? ""}`;
    }
  }
  return undefined;
}

interface ClaimMutant {
  target: string;
  kind: KindName;
  enforcer: Enforcer<never>;
}

function claims(): ClaimMutant[] {
  const of = <D>(target: string, from: Parameters<typeof enforcersOf<D>>[0]): ClaimMutant[] =>
    KINDS.flatMap(({ kind }) =>
      enforcersOf(from, kind)
        .filter(({ inherent }) => !inherent)
        .map((enforcer) => ({
          target: enforcer.difference ? `${target}-native` : target,
          kind,
          enforcer: enforcer,
        })),
    );
  return [...of("nginx", nginx), ...of("istio", istio)];
}

async function runClaim({ target, kind, enforcer }: ClaimMutant, all: readonly Case[]): Promise<Outcome> {
  // One directive may keep two kinds: it is emptied for both.
  const same = claims().filter((c) => c.enforcer.apply === enforcer.apply);
  const kept = same.map((c) => ({ ...c.enforcer }));
  for (const c of same) c.enforcer.apply = () => undefined;
  try {
    const subjects = subjectsOf(kind);
    const red = await firstRed(
      target,
      all.filter((c) => subjects.includes(c.subject)),
    );
    const mutant = `${target} without ${kind}`;
    return { mutant, ...(red !== undefined && { killedBy: red }) };
  } finally {
    same.forEach((c, i) => Object.assign(c.enforcer, kept[i]));
  }
}

const PRELOAD = path.join(__dirname, "preload.cjs");

/** Cases on one target, with a file's text changed: in a process of its own, since modules are loaded once, and in those that it starts. */
function runChanged(
  mutant: string,
  changed: { file: string; text: string },
  target: string,
  only: readonly string[],
): Promise<Outcome> {
  const args = ["--import", "tsx", path.join(ROOT, "test/conformance/main.ts"), "--target", target];
  const env = {
    ...process.env,
    NODE_OPTIONS: `${process.env["NODE_OPTIONS"] ?? ""} --require ${PRELOAD}`,
    GATEWRIGHT_MUTANT: JSON.stringify(changed),
  };
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...args, ...only], { cwd: ROOT, env, stdio: "ignore" });
    child.on("close", (code) => {
      // Nothing that was run, or could be, proves anything.
      resolve({ mutant, ...(code === 1 && { killedBy: "a case" }) });
    });
  });
}

const runDecision = ({ file, text, line, was, kind }: Mutant): Promise<Outcome> =>
  runChanged(
    `${path.relative(ROOT, file)}:${String(line)} without ${was}`,
    { file, text },
    "decide",
    subjectsOf(kind).flatMap((s) => ["--subject", s]),
  );

async function runNamed(mutant: NamedMutant): Promise<Outcome> {
  const { name, file, target, red } = mutant;
  const changed = { file: path.join(ROOT, file), text: changedText(mutant) };
  const outcome = await runChanged(`${target}: ${name}`, changed, target, ["--name", red]);
  process.stdout.write(`${outcome.mutant}: ${outcome.killedBy ?? "SURVIVED"}\n`);
  return outcome;
}

async function inLanes<T>(items: readonly T[], lanes: number, run: (item: T) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) outcomes[at] = await run(items[at] as T);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return outcomes;
}

async function main(): Promise<void> {
  const only = process.argv.slice(2);
  const wants = (name: string): boolean => only.length === 0 || only.some((o) => name.startsWith(o));
  const all = readCases(CASES);
  const mutated = claims().filter((c) => wants(c.target));
  // An emptied claim stands in this process: one at a time.
  const outcomes = await inLanes(mutated, 1, async (claim) => {
    const outcome = await runClaim(claim, all);
    process.stdout.write(`${outcome.mutant}: ${outcome.killedBy ?? "SURVIVED"}\n`);
    return outcome;
  });
  outcomes.push(
    ...(await inLanes(
      NAMED.filter(({ target }) => wants(target) || wants("named")),
      1,
      runNamed,
    )),
  );
  if (wants("decide")) outcomes.push(...(await inLanes(decisionMutants(), 2, runDecision)));
  const survivors = outcomes.filter((o) => o.killedBy === undefined);
  for (const { mutant } of survivors) process.stdout.write(`survived: ${mutant}\n`);
  const failed = survivors.length;
  process.stdout.write(`${String(outcomes.length - failed)} passed, ${String(failed)} failed, 0 skipped\n`);
  // A target that did not start has left its surroundings behind: they end with this process.
  process.exit(failed > 0 ? 1 : 0);
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(2);
});
