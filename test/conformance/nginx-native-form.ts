import type { Case, ExchangeStep } from "./case";

/** What the difference `nginx-gzip` changes of Serhafen's cases: these answers are not compressed; all others stay as they are. */
const UNCOMPRESSED = new Set([
  "JSON of 4 KiB is compressed with brotli",
  "plain text of 4 KiB is compressed with brotli",
  "a large answer of 200 KB is compressed",
  "gzip that is not wanted leaves brotli",
  "a 201 with 4 KiB of JSON is compressed as well",
  "compression holds on /v1/users",
]);

/** Of these the last answer, which takes brotli alone. */
const LAST_UNCOMPRESSED = new Set(["an answer kept for a client that takes gzip comes plain to one that does not"]);

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

/** Serhafen on nginx, with total times and compression by nginx alone, and answers of the lab that pause. */
export function nginxNativeCases(cases: readonly Case[]): Case[] {
  return cases
    .filter((c) => c.system === "serhafen" || PAUSES.has(c.name))
    .map((c) => {
      if (LAST_UNCOMPRESSED.has(c.name)) {
        const last = c.steps.length - 1;
        return { ...c, steps: c.steps.map((step, i) => (i === last && "request" in step ? uncompressed(step) : step)) };
      }
      const change = UNCOMPRESSED.has(c.name) ? uncompressed : COMPRESSED.has(c.name) ? compressed : undefined;
      return change ? { ...c, steps: c.steps.map((step) => ("request" in step ? change(step) : step)) } : c;
    });
}
