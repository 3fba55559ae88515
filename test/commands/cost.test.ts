import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { costDiff, type CostResult } from "../../lib/cost";
import type { Line } from "../../lib/cost/lines";
import { bundle } from "../parts/bundle";
import { removeTemporaryDirectories, temporaryDirectory } from "../support";

const line = (what: string, usd: number, from = "Data"): Line => ({
  group: "database",
  from,
  what,
  quantity: 1,
  unit: "month",
  price: "waf.acl",
  rate: usd,
  usd,
  byUsage: false,
});
const bill = (...lines: Line[]): CostResult => [
  { system: "shop", environment: "production", total: lines.reduce((sum, { usd }) => sum + usd, 0), lines },
];

test("a difference names what is new, gone and changed, and nothing else", () => {
  const before = bill(line("one", 10), line("two", 20), line("three", 30));
  const after = bill(line("two", 25.5), line("three", 30), line("four", 1));
  expect(costDiff(before, after)).toBe(`## Cost, US dollars a month at list prices

### shop, production: −3.50 a month (60.00 → 56.50)

| from | what | before | after | difference |
| --- | --- | --: | --: | --: |
| Data | four | 0.00 | 1.00 | +1.00 |
| Data | one | 10.00 | 0.00 | −10.00 |
| Data | two | 20.00 | 25.50 | +5.50 |
`);
});

test("what has several prices, by tiers, is one line, and the lines come to the difference", () => {
  const diff = costDiff(bill(line("sent", 900), line("sent", 0)), bill(line("sent", 921.6), line("sent", 63.25)));
  expect(diff).toContain("+84.85 a month (900.00 → 984.85)");
  expect(diff).toContain("| Data | sent | 900.00 | 984.85 | +84.85 |");
});

test("a system that comes or goes is a difference", () => {
  expect(costDiff([], bill(line("one", 10)))).toContain("### shop, production: +10.00 a month (0.00 → 10.00)");
  expect(costDiff(bill(line("one", 10)), [])).toContain("−10.00");
});

test("what is the same is said to be", () => {
  expect(costDiff(bill(line("one", 10)), bill(line("one", 10)))).toContain("Nothing costs more or less.");
});

const temporary = temporaryDirectory();
afterAll(removeTemporaryDirectories);

let program = "";
beforeAll(async () => {
  program = await bundle("bin/gatewright.ts");
});

/** The command as it is run: in a process of its own, since it looks at the repository around it. */
function cost(...args: string[]): { code: number; out: string; err: string } {
  try {
    const env = { ...process.env, TMPDIR: temporary };
    const argv = ["--import", "tsx", program, "cost", ...args];
    return { code: 0, out: execFileSync(process.execPath, argv, { encoding: "utf8", stdio: "pipe", env }), err: "" };
  } catch (error) {
    const { status, stdout, stderr } = error as { status: number; stdout: string; stderr: string };
    return { code: status, out: stdout, err: stderr };
  }
}

/** What a comparison could leave behind: of the repository, and for the time that it takes. */
const left = (): string[] => [
  execFileSync("git", ["worktree", "list"], { encoding: "utf8" }),
  ...readdirSync(temporary).filter((name) => name.startsWith("gatewright-")),
];

// What all models cost is in report.test.ts: here it is one, which is enough to see the command at work.
test("the command prints the report of the models that it is given", () => {
  const { code, out } = cost("policies/equb.ts");
  expect([code, out.startsWith("<!-- Generated"), /maternal|mmr|serhafen/.test(out)]).toEqual([0, true, false]);
});

test.each(["no-such-revision", "--output=x"])(
  "%s, which is no revision, is told, and leaves nothing behind",
  (revision) => {
    const before = left();
    const { code, out, err } = cost("policies/equb.ts", `--diff=${revision}`);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toContain("error diff/unknown-revision");
    expect(left()).toEqual(before);
  },
);

test("against its own revision, only what is not committed differs, and of the model that was named", () => {
  const before = left();
  const { code, out } = cost("policies/equb.ts", "--diff", "HEAD");
  expect([code, out.startsWith("## Cost, US dollars a month"), /maternal|mmr|serhafen/.test(out)]).toEqual([
    0,
    true,
    false,
  ]);
  expect(left()).toEqual(before);
});
