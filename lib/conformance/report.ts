import type { CaseResult } from "./run-case";

const MARKS = { passed: "ok", failed: "FAIL", skipped: "skip" } as const;

/** A table of the cases in which targets differ from what is expected, the reasons for skipping, and the totals. */
export function formatResults(
  results: ReadonlyMap<string, readonly CaseResult[]>,
  partsMustBeThere: boolean,
): { text: string; failed: boolean } {
  const targets = [...results.keys()];
  const all = targets.flatMap((t) => results.get(t) ?? []);
  const keyOf = (r: CaseResult): string => `${r.case.system}/${r.case.subject}: ${r.case.name}`;
  const failing = [...new Set(all.filter((r) => r.outcome === "failed").map(keyOf))];
  const lines: string[] = [];
  for (const key of failing) {
    lines.push(key);
    for (const target of targets) {
      const result = (results.get(target) ?? []).find((r) => keyOf(r) === key);
      if (result)
        lines.push(
          `    ${target.padEnd(8)} ${MARKS[result.outcome].padEnd(5)} ${result.details.slice(0, 6).join("; ")}`,
        );
    }
  }
  const reasons = new Map<string, number>();
  for (const target of targets) {
    for (const r of results.get(target) ?? []) {
      if (r.outcome !== "skipped") continue;
      const key = `${target}: ${r.details[0] ?? ""}`;
      reasons.set(key, (reasons.get(key) ?? 0) + 1);
    }
  }
  for (const [reason, count] of reasons) lines.push(`skipped ${String(count)} on ${reason}`);
  const count = (outcome: CaseResult["outcome"]): number => all.filter((r) => r.outcome === outcome).length;
  const missingPart = all.some((r) => r.outcome === "skipped" && /cannot be/.test(r.details[0] ?? ""));
  lines.push(
    `${String(count("passed"))} passed, ${String(count("failed"))} failed, ${String(count("skipped"))} skipped`,
  );
  return { text: lines.join("\n"), failed: count("failed") > 0 || (partsMustBeThere && missingPart) };
}
