import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What Linux tells of processes that we have started. */

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // It has ended in the meantime.
    return "";
  }
};

export function descendants(pid: number): number[] {
  const children = read(`/proc/${String(pid)}/task/${String(pid)}/children`)
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

export const commandLine = (pid: number): string => read(`/proc/${String(pid)}/cmdline`).replaceAll("\0", " ");

export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${String(pid)}/status`))?.[1] ?? 0) / 1024;
}

/** Files that a process has open and nobody can name any more: what it writes down for itself alone. */
export function unnamedFiles(pid: number): string[] {
  try {
    const folder = `/proc/${String(pid)}/fd`;
    return readdirSync(folder).flatMap((fd) => {
      const target = readlinkSync(`${folder}/${fd}`);
      return target.startsWith("/") && target.endsWith(" (deleted)") && !target.startsWith("/dev/") ? [target] : [];
    });
  } catch {
    return [];
  }
}
