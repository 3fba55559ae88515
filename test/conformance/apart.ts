import { execFile, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { CaseResult } from "../../lib/conformance/run-case";
import { temporaryFolder, untilExit } from "../../lib/conformance/parts/process";

/** A controller calls pods at their addresses, which are never on loopback: it runs in a network of its own, and so do the cases. */

/** Of everything that the cluster runs. */
export const POD = "10.99.0.1";

const run = promisify(execFile);
const RESULTS = "CONFORMANCE_RESULTS";

const IN_NETWORK = `ip link set lo up; ip address add ${POD}/32 dev lo; exec "$@"`;

const asRoot = (): string[] => (process.getuid?.() === 0 ? [] : ["--map-root-user"]);

/** Whether this machine lets somebody have a network of his own. */
export async function networkToBeHad(): Promise<boolean> {
  const command = [...asRoot(), "--net", "/bin/sh", "-euc", IN_NETWORK, "sh", "true"];
  return run("unshare", command).then(
    () => true,
    () => false,
  );
}

/** Runs this program again, with its arguments, in a network of its own; what it finds is in a file afterwards. */
export async function runApart<T = CaseResult>(args: readonly string[]): Promise<T[]> {
  const results = path.join(temporaryFolder("gatewright-apart-"), "results.json");
  const program = [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...args];
  const unshare = [...asRoot(), "--net", "/bin/sh", "-euc", IN_NETWORK, "sh"];
  const env = { ...process.env, [RESULTS]: results };
  const child = spawn("unshare", [...unshare, ...program], { stdio: ["ignore", "inherit", "inherit"], env });
  untilExit(child);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`The run in a network of its own ended with ${String(code)}.`);
  return JSON.parse(readFileSync(results, "utf8")) as T[];
}

/** Whether this is such a run; then its results go to the file. */
export const isApart = (): boolean => process.env[RESULTS] !== undefined;

export function writeResults(results: readonly unknown[]): void {
  writeFileSync(process.env[RESULTS] ?? "", JSON.stringify(results));
}
