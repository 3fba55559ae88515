import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";

/** Who runs where: what is measured alone on the first core, the client on the second, the rest on the third if any. */
export const CORES = { server: 0, client: 1, helpers: Math.min(2, availableParallelism() - 1) } as const;

/** A command that stays on one core; its pid is that of the program itself. */
export function pinned(core: number, command: string, args: readonly string[]): [string, string[]] {
  return ["taskset", ["-c", String(core), command, ...args]];
}

/** Keeps this process, and what it starts without saying where, off the measured core. */
export function stayAside(): void {
  if (availableParallelism() < 2) throw new Error("The benchmark needs two cores.");
  execFileSync("taskset", ["-acp", String(CORES.helpers), String(process.pid)], { stdio: "ignore" });
}
