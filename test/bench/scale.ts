import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { loadAll } from "js-yaml";
import { stringify } from "yaml";
import { scaleModel } from "./parts/scale-model";
import { median } from "./parts/measure";
import { atMost, print, progress, table, targetList } from "./parts/table";

/**
 * How the compiler and a decision grow with the routes of a model: `bench:scale [--old FOLDER]`, where FOLDER is a checkout of an
 * older version with its packages. CPU time is what Linux counts of a program and all that it starts.
 */
const SIZES = [10, 100, 1_000, 10_000];
const ROUNDS = 3;
const OLD_SIZES = [10, 1_000, 2_000];
const ROOT = path.join(__dirname, "../..");
const OURS = [process.execPath, path.join(ROOT, "dist/bin/gatewright.js")];

interface Used {
  /** Seconds. */
  cpu: number;
  wall: number;
  /** MiB, at most. */
  memory: number;
}

/** Runs a program to its end, by GNU time. */
async function used([program = "", ...args]: readonly string[], cwd = ROOT): Promise<Used> {
  const begun = performance.now();
  const child = spawn("/usr/bin/time", ["-f", "%U %S %M", program, ...args], {
    cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  const [user = NaN, system = NaN, kib = NaN] = said.trimEnd().split("\n").at(-1)?.split(" ").map(Number) ?? [];
  if (code !== 0 || Number.isNaN(kib)) throw new Error(`${program} ${args.join(" ")}: ${said}`);
  return { cpu: user + system, wall: (performance.now() - begun) / 1000, memory: kib / 1024 };
}

/** The median of rounds, number by number. */
async function typical(argv: readonly string[], cwd?: string): Promise<Used> {
  const rounds: Used[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await used(argv, cwd));
  const of = (name: keyof Used): number => median(rounds.map((r) => r[name]));
  return { cpu: of("cpu"), wall: of("wall"), memory: of("memory") };
}

/** CPU seconds of printing what stands in a folder's files, by `yaml` and `JSON.stringify` alone. */
function printing(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  let seconds = 0;
  for (const file of files) {
    const text = readFileSync(path.join(file.parentPath, file.name), "utf8");
    const values = file.name.endsWith(".yaml") ? loadAll(text) : file.name.endsWith(".json") ? [JSON.parse(text)] : [];
    const before = process.cpuUsage();
    for (const value of values) {
      if (file.name.endsWith(".yaml")) stringify(value);
      else JSON.stringify(value, null, 2);
    }
    const { user, system } = process.cpuUsage(before);
    seconds += (user + system) / 1e6;
  }
  return seconds;
}

/** Microseconds of a decision by the number of routes; ratios are of neighbouring rounds. */
async function decisions(files: readonly string[]): Promise<{ us: number; ratio: number }[]> {
  const argv = ["--import", "tsx", path.join(__dirname, "parts/decision-run.ts"), ...files];
  const child = spawn(process.execPath, argv, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
  await new Promise((resolve) => child.on("close", resolve));
  const rounds = JSON.parse(text) as number[][];
  return files.map((_, i) => ({
    us: median(rounds.map((round) => round[i] ?? NaN)),
    ratio: median(rounds.map((round) => (round[i] ?? NaN) / (round[0] ?? NaN))),
  }));
}

/** By how much the CPU time grows where the routes do: 1 is as much. */
const exponent = (from: Used, to: Used, times: number): number => Math.log(to.cpu / from.cpu) / Math.log(times);

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { old: { type: "string" } } });
  if (!existsSync(OURS[1] ?? "")) throw new Error("First npm run build.");
  const folder = mkdtempSync(path.join(tmpdir(), "bench-scale-"));
  const modelFile = (routes: number, templates: boolean): string => {
    const file = path.join(folder, `${templates ? "" : "old-"}${String(routes)}.json`);
    writeFileSync(file, JSON.stringify(scaleModel(routes, { templates })));
    return file;
  };
  try {
    const rows: { routes: number; check: Used; synth: Used; printing: number; bytes: number }[] = [];
    for (const routes of SIZES) {
      progress(`${String(routes)} routes`);
      const file = modelFile(routes, true);
      const out = path.join(folder, `out-${String(routes)}`);
      mkdirSync(out);
      const check = await typical([...OURS, "check", file]);
      const synth = await typical([...OURS, "synth", file, "--out", out]);
      const files = readdirSync(out, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
      const bytes = files.reduce((sum, f) => sum + readFileSync(path.join(f.parentPath, f.name)).length, 0);
      rows.push({ routes, check, synth, printing: printing(out), bytes });
    }
    progress("decisions");
    const decided = await decisions(SIZES.map((routes) => modelFile(routes, true)));
    print(
      table(
        [
          "routes",
          "check, CPU s",
          "synth, CPU s",
          "synth, wall s",
          "memory, MiB",
          "printing, CPU s",
          "output, MB",
          "decision, µs",
        ],
        rows.map(({ routes, check, synth, printing: printed, bytes }, i) => [
          String(routes),
          check.cpu.toFixed(2),
          synth.cpu.toFixed(2),
          synth.wall.toFixed(2),
          synth.memory.toFixed(0),
          printed.toFixed(2),
          (bytes / 1e6).toFixed(1),
          (decided[i]?.us ?? NaN).toFixed(1),
        ]),
      ),
    );
    const [small, , middle, large] = rows;
    if (!small || !middle || !large) return;
    const targets = [
      atMost("exponent of check from 1,000 to 10,000 routes", exponent(middle.check, large.check, 10), 1.05),
      atMost(
        "check and synth of 10,000 routes beside printing",
        (large.check.cpu + large.synth.cpu) / large.printing,
        12,
      ),
      atMost("memory of synth of 10,000 routes, GiB", large.synth.memory / 1024, 1.5),
      atMost("a decision at 10,000 routes beside one at 10", decided.at(-1)?.ratio ?? NaN, 1.1),
    ];
    if (values.old !== undefined) {
      const old = path.resolve(values.old);
      const program = [path.join(old, "node_modules/.bin/tsx"), path.join(old, "bin/gatewright.ts"), "check"];
      const found: Used[] = [];
      for (const routes of OLD_SIZES) {
        progress(`${String(routes)} routes, the older version`);
        found.push(await used([...program, modelFile(routes, false)], old));
      }
      const [few, thousand, two] = found;
      if (!few || !thousand || !two) return;
      const grows = exponent(thousand, two, 2);
      const extrapolated = two.cpu * 5 ** grows;
      print(
        table(
          ["the older version, routes", "check, CPU s"],
          [
            ...OLD_SIZES.map((routes, i) => [String(routes), (found[i]?.cpu ?? NaN).toFixed(2)]),
            [`10000, by the exponent of the last two (${grows.toFixed(2)})`, extrapolated.toFixed(0)],
          ],
        ),
      );
      targets.push(
        atMost("check of 10,000 routes beside the older version's", large.check.cpu / extrapolated, 1 / 20),
        atMost("check of ten routes beside the older version's", small.check.cpu / few.cpu, 0.35),
      );
    }
    print(targetList(targets));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
