import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { median } from "./parts/measure";
import { atMost, print, progress, table, targetList } from "./parts/table";

/**
 * How long `cdk synth` takes beside an app of one resource that has the same checks: `bench:synth`. In turns; a ratio is the
 * median of those of neighbouring runs. The app of one resource is started as CDK's own template starts an app, and once more
 * as cdk.json starts ours: without V8's second compiler for WebAssembly and without threads that collect garbage.
 */
const ROUNDS = 7;
const ROOT = path.join(__dirname, "../..");
const { app: OURS } = JSON.parse(readFileSync(path.join(ROOT, "cdk.json"), "utf8")) as { app: string };
const EMPTY = "test/bench/parts/empty-app.ts";
const APPS: Readonly<Record<string, readonly string[]>> = {
  "an app of one resource": [`npx tsx ${EMPTY}`],
  "the same, started as ours": [OURS.replace("bin/cdk.ts", EMPTY)],
  "one system": [OURS, "--context", "system=serhafen"],
  "every system": [OURS],
};

function secondsOf([app = "", ...args]: readonly string[], output: string): number {
  const cdk = path.join(ROOT, "node_modules/.bin/cdk");
  const begun = performance.now();
  const argv = ["synth", "--quiet", "--app", app, "--output", output, ...args];
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
  const beside = (i: number, base: number): number =>
    median(rounds.map((round) => (round[i] ?? NaN) / (round[base] ?? NaN)));
  print(table(["cdk synth of", "seconds"], rows));
  print(
    targetList([
      atMost("cdk synth of one system, beside an app of one resource", beside(2, 0), 1.5),
      atMost("cdk synth of every system, beside an app of one resource", beside(3, 0), 1.5),
    ]),
  );
  const [one, every] = [beside(2, 1).toFixed(2), beside(3, 1).toFixed(2)];
  print(`Beside an app of one resource that is started as ours: one system ${one}, every system ${every}.\n`);
} finally {
  rmSync(output, { recursive: true, force: true });
}
