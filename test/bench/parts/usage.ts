import { readdirSync, readFileSync } from "node:fs";

/** What processes use, as Linux counts it. A tick is 10 ms on every platform that Node runs on. */
const TICK_US = 10_000;

/** Fields of /proc/PID/stat from the third on: the second may have spaces in it. */
const stat = (pid: number): string[] => {
  const text = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
};

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${String(pid)}/task`).flatMap((task) =>
    readFileSync(`/proc/${String(pid)}/task/${task}/children`, "utf8")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}

/** CPU time in microseconds of a process and all that it has started and that still runs. */
export function cpuUs(pid: number): number {
  const fields = stat(pid);
  const own = (Number(fields[11]) + Number(fields[12])) * TICK_US;
  return childrenOf(pid).reduce((sum, child) => sum + cpuUs(child), own);
}

/** All that a process has started and that still runs, with `itself` where asked for, by what programs are called: CPU time in seconds, resident MiB. */
export function programsOf(pid: number, itself = false): Map<string, { cpu: number; mib: number }> {
  const found = new Map<string, { cpu: number; mib: number }>();
  const add = (child: number): void => {
    const name = readFileSync(`/proc/${String(child)}/comm`, "utf8").trim();
    const fields = stat(child);
    const { cpu = 0, mib = 0 } = found.get(name) ?? {};
    const own = ((Number(fields[11]) + Number(fields[12])) * TICK_US) / 1e6;
    found.set(name, { cpu: cpu + own, mib: mib + rssMib(child) });
    childrenOf(child).forEach(add);
  };
  if (itself) add(pid);
  else childrenOf(pid).forEach(add);
  return found;
}

/** CPU time that a core has spent in programs; interrupts are nobody's. */
export function busyUs(core: number): number {
  const line = readFileSync("/proc/stat", "utf8")
    .split("\n")
    .find((l) => l.startsWith(`cpu${String(core)} `));
  const [, user = 0, nice = 0, system = 0] = (line ?? "").split(" ").map(Number);
  return (user + nice + system) * TICK_US;
}

/** Resident memory of one process in MiB. */
export function rssMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${String(pid)}/status`, "utf8")) ?? [];
  return Number(kib) / 1024;
}
