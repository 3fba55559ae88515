import path from "node:path";
import { readCases } from "../../lib/conformance/case";
import { unknownNames } from "../../lib/conformance/check-cases";
import { namedOtherwise } from "./carrier-forms";
import { knownSystem } from "./systems";

/** The cases themselves: what no run would tell. */
const cases = readCases(path.join(__dirname, "cases"));

test("every service, identity, key and environment that a case names is one of its system", () => {
  expect(cases.length).toBeGreaterThan(1_000);
  const wrong = cases.flatMap((c) =>
    unknownNames(c, knownSystem(c.system)).map((what) => `${c.system}/${c.subject}: ${c.name}: ${what}`),
  );
  expect(wrong).toEqual([]);
});

test("cases that some are said to answer otherwise are there", () => {
  const names = cases.map((c) => c.name);
  expect(namedOtherwise.filter((name) => !names.includes(name))).toEqual([]);
});
