import { writeFileSync } from "node:fs";
import { junitOf } from "../conformance/junit";
import { formatResults } from "../conformance/report";
import type { CaseResult } from "../conformance/run-case";
import type { Context } from "./context";

/** Tells how cases went, as it is asked for; gives whether one failed. `mustRun`: a part that cannot be had is a failure. */
export function tellResults(
  { values, output }: Context,
  results: ReadonlyMap<string, readonly CaseResult[]>,
  mustRun: boolean,
): boolean {
  if (values.junit !== undefined) writeFileSync(values.junit, junitOf(results));
  const { text, failed } = formatResults(results, mustRun);
  const rows = [...results].flatMap(([target, all]) =>
    all.map(({ case: { system, subject, name }, outcome, details }) => ({
      ...{ target, system, subject, name, outcome, details },
    })),
  );
  output.out(values.json ? `${JSON.stringify({ formatVersion: 1, results: rows }, null, 2)}\n` : `${text}\n`);
  return failed;
}
