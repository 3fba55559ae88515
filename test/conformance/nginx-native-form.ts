import type { Case, ExchangeStep } from "./case";

/** What the difference `nginx-gzip` changes of Serhafen's cases: these answers are not compressed; all others stay as they are. */
const UNCOMPRESSED = new Set([
  "JSON of 4 KiB is compressed with brotli",
  "plain text of 4 KiB is compressed with brotli",
  "a large answer of 200 KB is compressed",
  "gzip that is not wanted leaves brotli",
  "a 201 with 4 KiB of JSON is compressed as well",
]);

function uncompressed(step: ExchangeStep): ExchangeStep {
  const { vary: _vary, ...headers } = step.expect.headers;
  return { ...step, expect: { ...step.expect, headers: { ...headers, "content-encoding": "absent" } } };
}

/** Serhafen on nginx, with total times and compression by nginx alone. */
export function nginxNativeCases(cases: readonly Case[]): Case[] {
  return cases
    .filter((c) => c.system === "serhafen")
    .map((c) =>
      UNCOMPRESSED.has(c.name)
        ? { ...c, steps: c.steps.map((step) => ("request" in step ? uncompressed(step) : step)) }
        : c,
    );
}
