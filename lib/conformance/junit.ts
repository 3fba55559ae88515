import type { CaseResult } from "./run-case";

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" },
  ...{ "\n": "&#10;", "\r": "&#13;", "\t": "&#9;" },
};

/** XML 1.0 has no control characters but three, and no noncharacters (section 2.2). */
const text = (value: string): string =>
  value
    // eslint-disable-next-line no-control-regex
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"\n\r\t]/g, (c) => ENTITIES[c] ?? c);

function caseOf({ case: { system, subject, name }, outcome, details }: CaseResult): string {
  const open = `    <testcase classname="${text(`${system}.${subject}`)}" name="${text(name)}"`;
  if (outcome === "passed") return `${open}/>`;
  const said = text(details.join("; "));
  const inner = outcome === "failed" ? `<failure message="${said}"/>` : `<skipped message="${said}"/>`;
  return `${open}>${inner}</testcase>`;
}

/** Results as CI servers read them: one suite for each target. */
export function junitOf(results: ReadonlyMap<string, readonly CaseResult[]>): string {
  const suites = [...results].map(([target, all]) => {
    const count = (outcome: CaseResult["outcome"]): string => String(all.filter((r) => r.outcome === outcome).length);
    return [
      `  <testsuite name="${text(target)}" tests="${String(all.length)}" failures="${count("failed")}" skipped="${count("skipped")}">`,
      ...all.map(caseOf),
      "  </testsuite>",
    ].join("\n");
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", ...suites, "</testsuites>", ""].join("\n");
}
