import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { TARGETS } from "../../lib/targets";
import { readCases, type Case } from "./case";
import { istioNativeCases } from "./istio-native-form";
import { nginxCases, nginxNativeCases } from "./nginx-native-form";
import { formatResults } from "./report";
import { runCase, type CaseResult } from "./run-case";
import { STANDS } from "./stands";
import { supportPage } from "./support";
import { modelOf, OF_OWN_TARGETS, revocationKeys } from "./systems";

/** What a case asks for that its system does not have; such a case is skipped, never passed. */
function notYet(testCase: Case): string | undefined {
  if (!modelOf(testCase.system)) return `there is no model of ${testCase.system} yet`;
  const text = JSON.stringify(testCase.steps);
  if (/"revoke":|!revoked/.test(text) && revocationKeys(testCase.system).length === 0) {
    return `${testCase.system} revokes no tokens`;
  }
  return undefined;
}

/** Services that a case names and its system does not have: it would prove nothing. */
export function unknownServices({ system, steps, upstreams }: Case): string[] {
  const model = modelOf(system);
  if (!model) return [];
  const expected = steps.flatMap((step) =>
    "expect" in step ? [step.expect, ...(step.expect.last ? [step.expect.last] : [])] : [],
  );
  const named = [
    ...Object.keys(upstreams),
    ...expected.flatMap(({ hits, reaches }) => [
      ...Object.keys(hits ?? {}),
      ...(reaches === undefined ? [] : [reaches]),
    ]),
  ];
  const known = [...Object.keys(model.services), "nothing"];
  return [...new Set(named)].filter((name) => !known.some((k) => k === name || k.startsWith(`${name}-`)));
}

/** Where the gateway speaks no TLS there is no HTTP/2 either. */
const http2Cases = (cases: readonly Case[]): Case[] =>
  cases.filter(({ system }) => modelOf(system)?.front.tls === "gateway");

/** Targets by their own near forms have the cases whose promises they keep so. */
const OF_FORM: Readonly<Record<string, (cases: readonly Case[]) => Case[]>> = {
  "istio-http2": http2Cases,
  "istio-native": istioNativeCases,
  nginx: nginxCases,
  "nginx-http2": (cases) => nginxCases(http2Cases(cases)),
  "nginx-native": nginxNativeCases,
};

/** Whether the target takes what the case's system has in front; `compile` refuses it otherwise, which has a test. */
function isFor(target: string, testCase: Case): boolean {
  const model = modelOf(testCase.system);
  const proxy = target.replace(/-(http2|native)$/, "");
  if (OF_OWN_TARGETS.has(testCase.system) && target !== "decide" && !model?.targets.includes(proxy)) return false;
  const front = model?.front;
  return !front || TARGETS.find((t) => t.name === target)?.refusesFront?.(front) === undefined;
}

/** Cases that can share a running stand. */
function groupsOf(cases: readonly Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>();
  for (const c of cases) {
    const key = JSON.stringify([c.system, c.environment, c.replicas]);
    groups.set(key, [...(groups.get(key) ?? []), c]);
  }
  return groups;
}

/** Runs cases on one target, stand by stand. */
export async function runTarget(
  target: string,
  all: readonly Case[],
  options: { untilFailure?: boolean } = {},
): Promise<CaseResult[]> {
  const cases = (OF_FORM[target]?.(all) ?? all).filter((c) => isFor(target, c));
  const factory = STANDS[target];
  if (!factory) throw new Error(`There is no target "${target}"; use ${Object.keys(STANDS).join(", ")}.`);
  const skip = (c: Case, why: string): CaseResult => ({ case: c, outcome: "skipped", details: [why] });
  const results = cases.flatMap((c) => {
    const why = notYet(c);
    return why === undefined ? [] : [skip(c, why)];
  });
  const runnable = cases.filter((c) => notYet(c) === undefined);
  for (const [key, group] of groupsOf(runnable)) {
    const [system, environment, replicas] = JSON.parse(key) as [string, string, number];
    const begin = (): ReturnType<typeof factory> => factory({ system, environment, replicas });
    let stand = await begin();
    if ("unavailable" in stand) {
      const { unavailable } = stand;
      results.push(...group.map((c) => skip(c, unavailable)));
      continue;
    }
    try {
      for (const c of group) {
        let result: CaseResult;
        try {
          result = await runCase(stand, c);
        } catch (error) {
          // A part that did not come up again says nothing of the case, and must not take the others along.
          process.stderr.write(`${target}, ${c.name}: ${String(error)}\n`);
          await stand.stop();
          const fresh = await begin();
          if ("unavailable" in fresh) throw error;
          stand = fresh;
          result = await runCase(stand, c);
        }
        results.push(result);
        if (options.untilFailure && result.outcome === "failed") return results;
      }
    } finally {
      await stand.stop();
    }
  }
  return results;
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
    },
  });
  const folder = values.cases ?? path.join(__dirname, "cases");
  const cases = readCases(folder)
    .filter((c) => values.system === undefined || c.system === values.system)
    .filter((c) => values.name === undefined || c.name.includes(values.name) || c.subject === values.name)
    .filter((c) => values.subject === undefined || values.subject.includes(c.subject));
  const targets = values.target ?? Object.keys(STANDS);
  const start = performance.now();
  const runs = await Promise.all(
    targets.map(async (target) => {
      const results = await runTarget(target, cases);
      process.stdout.write(
        `${target}: ${String(results.length)} cases in ${((performance.now() - start) / 1000).toFixed(0)} s\n`,
      );
      return [target, results] as const;
    }),
  );
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
