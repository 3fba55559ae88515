import fc from "fast-check";
import { membersOf } from "../../lib/filter/log";
import type { ExchangeRecord } from "../../lib/filter/audit";

const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", "\n", "\u0000", "ü"));
const some = fc.option(text, { nil: undefined });
const record: fc.Arbitrary<ExchangeRecord> = fc.record({
  requestId: text,
  method: text,
  host: text,
  path: text,
  route: text,
  service: text,
  status: fc.integer({ min: 0, max: 599 }),
  decision: fc.constantFrom("allow", "refuse"),
  reason: text,
  user: some,
  tenant: some,
  apiKey: some,
  unchecked: fc.constantFrom(undefined, "revocation"),
  client: text,
  ms: fc.double({ min: 0, max: 1e6, noNaN: true }),
});

test("a line of the log is what JSON.stringify writes, whatever clients send", () => {
  fc.assert(
    fc.property(record, (r) => {
      expect(`{${membersOf(r)}`).toBe(`${JSON.stringify(r)}\n`);
    }),
    { numRuns: 1_000 },
  );
});
