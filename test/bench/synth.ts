import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { median } from "./parts/measure";
import { atMost, print, progress, table, targetList } from "./parts/table";

/**
 * How long `cdk synth` takes beside an app of one resource that has the same checks: `bench:synth`. Both by the same command,
 * in turns; the target is the median of the ratios of neighbouring runs.
 */
const ROUNDS = 7;
const ROOT = path.join(__dirname, "../..");
const APPS: Readonly<Record<string, readonly string[]>> = {
  "an app of one resource": ["test/bench/parts/empty-app.ts"],
  "one system": ["bin/cdk.ts", "--context", "system=serhafen"],
  "every system": ["bin/cdk.ts"],
};

function secondsOf([app = "", ...args]: readonly string[], output: string): number {
  const cdk = path.join(ROOT, "node_modules/.bin/cdk");
  const begun = performance.now();
  const argv = ["synth", "--quiet", "--app", `npx tsx ${app}`, "--output", output, ...args];
  const { status, stderr } = spawnSync(cdk, argv, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`cdk synth of ${app} failed: ${stderr}`);
  return (performance.now() - begun) / 1000;
}

const output = mkdtempSync(path.join(tmpdir(), "bench-synth-"));
try {
  const rounds: number[][] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    progress(`round ${String(round)} of ${String(ROUNDS)}`);
    const seconds = Object.values(APPS).map((args) => secondsOf(args, output));
    // The first one fills caches.
    if (round > 0) rounds.push(seconds);
  }
  const rows = Object.keys(APPS).map((name, i) => [name, median(rounds.map((round) => round[i] ?? NaN)).toFixed(2)]);
  const beside = (i: number): number => median(rounds.map((round) => (round[i] ?? NaN) / (round[0] ?? NaN)));
  print(table(["cdk synth of", "seconds"], rows));
  print(
    targetList([
      atMost("cdk synth of one system, beside an app of one resource", beside(1), 1.5),
      atMost("cdk synth of every system, beside an app of one resource", beside(2), 1.5),
    ]),
  );
} finally {
  rmSync(output, { recursive: true, force: true });
}
