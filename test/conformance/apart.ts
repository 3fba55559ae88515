import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { CaseResult } from "../../lib/conformance/run-case";
import { temporaryFolder, untilExit } from "../../lib/conformance/parts/process";

/**
 * Some gateways call pods at their addresses, which are never on loopback, and ask the name server of the machine: they run in
 * network and mount namespaces of their own, and so does what runs the cases.
 */

/** Of everything that the cluster runs. */
export const POD = "10.99.0.1";
export const NAME_SERVER = "10.99.0.53";

const RESULTS = "CONFORMANCE_RESULTS";

const IN_NAMESPACE = `
ip link set lo up
for address in ${POD} ${NAME_SERVER}; do ip address add "$address/32" dev lo; done
mount --bind "$RESOLV_CONF" /etc/resolv.conf
exec "$@"
`;

/** Runs this program again, with its arguments, in namespaces of its own; what it finds is in a file afterwards. */
export async function runApart(args: readonly string[]): Promise<CaseResult[]> {
  const folder = temporaryFolder("gatewright-apart-");
  const [results, resolvConf] = [path.join(folder, "results.json"), path.join(folder, "resolv.conf")];
  writeFileSync(resolvConf, `nameserver ${NAME_SERVER}\n`);
  const program = [process.execPath, ...process.execArgv, process.argv[1] ?? "", ...args];
  const asRoot = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const unshare = [...asRoot, "--net", "--mount", "--propagation", "private", "/bin/sh", "-euc", IN_NAMESPACE, "sh"];
  const env = { ...process.env, RESOLV_CONF: resolvConf, [RESULTS]: results };
  const child = spawn("unshare", [...unshare, ...program], { stdio: ["ignore", "inherit", "inherit"], env });
  untilExit(child);
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return JSON.parse(readFileSync(results, "utf8")) as CaseResult[];
}

/** Whether this is such a run; then its results go to the file. */
export const isApart = (): boolean => process.env[RESULTS] !== undefined;

export function writeResults(results: readonly CaseResult[]): void {
  writeFileSync(process.env[RESULTS] ?? "", JSON.stringify(results));
}
