import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = path.join(__dirname, "../../..");

/** Go programs that only the benchmarks need: the load client is our own, OPA comes as a module. */
const PROGRAMS = {
  load: { folder: "tools/load", package: "." },
  opa: { folder: "tools/opa", package: "github.com/open-policy-agent/opa" },
} as const;

/** Builds the program once for each state of its sources and each version of Go. */
export async function goProgram(name: keyof typeof PROGRAMS): Promise<string> {
  const folder = path.join(ROOT, PROGRAMS[name].folder);
  const hash = createHash("sha256").update((await run("go", ["version"])).stdout);
  const sources = readdirSync(folder).filter((file) => /\.(go|mod|sum)$/.test(file));
  for (const file of sources.sort()) hash.update(file).update(readFileSync(path.join(folder, file)));
  const binary = path.join(ROOT, ".cache/go", hash.digest("hex").slice(0, 16), name);
  if (existsSync(binary)) return binary;
  mkdirSync(path.dirname(binary), { recursive: true });
  const fresh = `${binary}.${String(process.pid)}`;
  await run("go", ["build", "-trimpath", "-ldflags", "-s -w", "-o", fresh, PROGRAMS[name].package], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: "0" },
    maxBuffer: 64 * 1024 * 1024,
  });
  renameSync(fresh, binary);
  return binary;
}
