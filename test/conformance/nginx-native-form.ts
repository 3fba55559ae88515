import type { Case, ExchangeStep } from "../../lib/conformance/case";

/** What the difference `nginx-brotli` changes of Serhafen's cases: this answer is not compressed; all others stay as they are. */
const UNCOMPRESSED = new Set(["a 201 with 4 KiB of JSON is compressed as well"]);

/** And it knows no weights. */
const COMPRESSED = new Set(["a client that likes identity better gets it as it is"]);

function compressed(step: ExchangeStep): ExchangeStep {
  return { ...step, expect: { ...step.expect, headers: { ...step.expect.headers, "content-encoding": "gzip" } } };
}

function uncompressed(step: ExchangeStep): ExchangeStep {
  const { vary: _vary, ...headers } = step.expect.headers;
  return { ...step, expect: { ...step.expect, headers: { ...headers, "content-encoding": "absent" } } };
}

/** What the difference `nginx-idle-time` leaves as it is of the lab's cases. */
const PAUSES = new Set([
  "an answer may pause for longer than its first byte may take",
  "an answer that begins later than it may pause is 504",
]);

/** Cases of a system whose answers nginx compresses itself. */
export function nginxCases(cases: readonly Case[]): Case[] {
  return cases.map((c) => {
    if (c.system !== "serhafen") return c;
    const change = UNCOMPRESSED.has(c.name) ? uncompressed : COMPRESSED.has(c.name) ? compressed : undefined;
    return change ? { ...c, steps: c.steps.map((step) => ("request" in step ? change(step) : step)) } : c;
  });
}

/** Serhafen on nginx, and answers of the lab that pause. */
export const nginxNativeCases = (cases: readonly Case[]): Case[] =>
  nginxCases(cases.filter((c) => c.system === "serhafen" || PAUSES.has(c.name)));
