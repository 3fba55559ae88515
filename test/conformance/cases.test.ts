import path from "node:path";
import { readCases } from "./case";
import { unknownServices } from "./main";

/** The cases themselves: what no run would tell. */
const cases = readCases(path.join(__dirname, "cases"));

test("every service that a case names is one of its system", () => {
  expect(cases.length).toBeGreaterThan(1_000);
  const wrong = cases.flatMap((c) => unknownServices(c).map((name) => `${c.system}/${c.subject}: ${c.name}: ${name}`));
  expect(wrong).toEqual([]);
});
