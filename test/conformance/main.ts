import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { TARGETS } from "../../lib/targets";
import { readCases, type Case } from "../../lib/conformance/case";
import { isApart, networkToBeHad, runApart, writeResults } from "./apart";
import { istioNativeCases } from "./istio-native-form";
import { asDifference, carriedCases, CARRIERS, differs, inFullRun } from "./carrier-forms";
import { nginxCases, nginxNativeCases } from "./nginx-native-form";
import { formatResults } from "../../lib/conformance/report";
import { runCases } from "../../lib/conformance/run";
import type { CaseResult } from "../../lib/conformance/run-case";
import { STANDS } from "./stands";
import { APART } from "./stands/cluster";
import { supportPage } from "./support";
import { modelOf, OF_OWN_TARGETS, systemOf } from "./systems";

/** Where the gateway speaks no TLS there is no HTTP/2 either. */
const http2Cases = (cases: readonly Case[]): Case[] =>
  cases.filter(({ system }) => modelOf(system)?.front.tls === "gateway");

/** Targets by their own near forms have the cases whose promises they keep so. */
const OF_FORM: Readonly<Record<string, (cases: readonly Case[]) => Case[]>> = {
  ...Object.fromEntries(CARRIERS.map((target) => [target, carriedCases])),
  "istio-http2": http2Cases,
  "istio-native": istioNativeCases,
  nginx: nginxCases,
  "nginx-http2": (cases) => nginxCases(http2Cases(cases)),
  "nginx-native": nginxNativeCases,
};

/** Whether the target takes what the case's system has in front; `compile` refuses it otherwise, which has a test. */
function isFor(target: string, testCase: Case): boolean {
  const model = modelOf(testCase.system);
  const proxy = target.replace(/-(http2|native|by-nginx|traefik|istio|envoy-gateway)$/, "");
  if (OF_OWN_TARGETS.has(testCase.system) && target !== "decide" && !model?.targets.includes(proxy)) return false;
  const front = model?.front;
  return !front || TARGETS.find((t) => t.name === proxy)?.refusesFront?.(front) === undefined;
}

/** Runs cases on one target. */
export async function runTarget(
  target: string,
  all: readonly Case[],
  options: { untilFailure?: boolean } = {},
): Promise<CaseResult[]> {
  const factory = STANDS[target];
  if (!factory) throw new Error(`There is no target "${target}"; use ${Object.keys(STANDS).join(", ")}.`);
  const cases = (OF_FORM[target]?.(all) ?? all).filter((c) => isFor(target, c));
  const results = await runCases(factory, cases, systemOf, options);
  return results.map((result) => (differs(target, result.case) ? asDifference(result) : result));
}

/** In a network of its own where a target needs one. */
async function resultsOf(target: string, cases: readonly Case[], isFull: boolean): Promise<CaseResult[]> {
  const prepare = APART.get(target);
  if (prepare === undefined || isApart()) return runTarget(target, cases);
  if (!(await networkToBeHad())) {
    const details = ["no network of its own is to be had here"];
    return cases.map((c) => ({ case: c, outcome: "skipped", details }));
  }
  await prepare();
  return runApart([...process.argv.slice(2), ...(isFull ? ["--full"] : []), "--target", target]);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      target: { type: "string", multiple: true },
      system: { type: "string" },
      cases: { type: "string" },
      name: { type: "string" },
      subject: { type: "string", multiple: true },
      support: { type: "string" },
      // Of carriers what they are known to say otherwise, alone.
      differences: { type: "boolean" },
      // Of each carrier what a run of all targets asks.
      full: { type: "boolean" },
    },
  });
  const folder = values.cases ?? path.join(__dirname, "cases");
  const cases = readCases(folder)
    .filter((c) => values.system === undefined || c.system === values.system)
    .filter((c) => values.name === undefined || c.name.includes(values.name) || c.subject === values.name)
    .filter((c) => values.subject === undefined || values.subject.includes(c.subject));
  const targets = isApart() ? (values.target ?? []).slice(-1) : (values.target ?? Object.keys(STANDS));
  const start = performance.now();
  const isFull = values.full ?? (values.target === undefined && values.system === undefined);
  const runAll = (some: readonly string[]): Promise<(readonly [string, CaseResult[]])[]> =>
    Promise.all(
      some.map(async (target) => {
        const carried = isFull && CARRIERS.includes(target) ? cases.filter((c) => inFullRun(target, c)) : cases;
        const asked = values.differences ? carried.filter((c) => differs(target, c)) : carried;
        // A stand that breaks down must not take the others' results along.
        const results = await resultsOf(target, asked, isFull).catch((error: unknown): CaseResult[] =>
          asked.slice(0, 1).map((c) => ({ case: c, outcome: "failed", details: [String(error)] })),
        );
        process.stdout.write(
          `${target}: ${String(results.length)} cases in ${((performance.now() - start) / 1000).toFixed(0)} s\n`,
        );
        return [target, results] as const;
      }),
    );
  // Those that carry all to the filter wait, so that the others have the machine.
  const [later, now] = [targets.filter((t) => CARRIERS.includes(t)), targets.filter((t) => !CARRIERS.includes(t))];
  const runs = [...(await runAll(now)), ...(await runAll(later))];
  if (isApart()) {
    writeResults(runs.flatMap(([, results]) => results));
    // A stand that broke down may have left parts that would be waited for.
    process.exit(0);
  }
  if (values.support !== undefined) writeFileSync(values.support, supportPage(new Map(runs)));
  const { text, failed } = formatResults(new Map(runs), process.env["CI"] === "true");
  process.stdout.write(`${text}\n`);
  const ran = runs.some(([, results]) => results.length > 0);
  if (!ran) process.stderr.write("No case was chosen.\n");
  process.exitCode = ran ? (failed ? 1 : 0) : 2;
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(2);
  });
}
