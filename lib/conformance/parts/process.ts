import { spawn, type ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Real parts as child processes on free loopback ports: their output goes to a file, and they are stopped by pid. */
export interface Part {
  readonly pid: number;
  readonly logFile: string;
  running(): boolean;
  signal(name: NodeJS.Signals): void;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const living = new Set<ChildProcess>();
const folders = new Set<string>();

process.once("exit", () => {
  // Not SIGKILL: nginx would leave its workers behind.
  for (const child of living) child.kill("SIGTERM");
  if (process.env["KEEP"] === undefined) for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => {
    process.exit(130);
  });
}

/** A folder that is gone when this process is, however it ends; `KEEP=1` keeps it. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

/** A program that somebody waits for ends with this process as well. */
export function untilExit(child: ChildProcess): void {
  living.add(child);
  child.once("close", () => living.delete(child));
}

export function startPart(
  command: string,
  args: readonly string[],
  options: { logFile: string; env?: NodeJS.ProcessEnv; cwd?: string },
): Part {
  const log = openSync(options.logFile, "a");
  const child = spawn(command, args, {
    stdio: ["ignore", log, log],
    env: options.env ?? process.env,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  closeSync(log);
  living.add(child);
  let failure: Error | undefined;
  child.on("error", (error) => (failure = error));
  const exited = new Promise<void>((resolve) => {
    child.once("close", () => {
      living.delete(child);
      resolve();
    });
  });
  const running = (): boolean => failure === undefined && child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    logFile: options.logFile,
    running,
    signal: (name) => child.kill(name),
    async stop(signal = "SIGTERM") {
      if (!running()) return;
      child.kill(signal);
      const killer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await exited;
      clearTimeout(killer);
    },
  };
}

/** Below those that the system gives to connections that begin: one of these could take a port before a part does. */
const FIRST_PORT = 12_000;
const LAST_PORT = 32_000;

/** Every port is given once by this process: a part may be slow to take its own. */
const given = new Set<number>();

function listens(server: net.Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once("error", () => {
      resolve(false);
    });
    server.listen(port, "127.0.0.1", () => {
      resolve(true);
    });
  });
}

const closed = (server: net.Server): Promise<unknown> => new Promise((resolve) => server.close(resolve));

async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (given.has(port)) continue;
    const server = net.createServer();
    const free = await listens(server, port);
    await closed(server);
    if (!free) continue;
    given.add(port);
    return port;
  }
}

/** Free ports on loopback, all of them different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** A free port whose next one is free as well: workers number their own from it. */
export async function freePair(): Promise<number> {
  for (;;) {
    const port = await freePort();
    const next = net.createServer();
    const free = await listens(next, port + 1);
    await closed(next);
    if (free && !given.has(port + 1)) {
      given.add(port + 1);
      return port;
    }
  }
}

/** Waits until the probe is true; a part that has died, or the end of the time, is an error with the end of its log. */
export async function until(
  what: string,
  probe: () => Promise<boolean> | boolean,
  part?: Part,
  limitMs = 120_000,
): Promise<void> {
  const end = Date.now() + limitMs;
  for (;;) {
    if (await Promise.resolve(probe()).catch(() => false)) return;
    const dead = part !== undefined && !part.running();
    if (dead || Date.now() > end) {
      const tail = part ? readFileSync(part.logFile, "utf8").slice(-3_000) : "";
      throw new Error(`${what} ${dead ? "died" : `was not ready in ${String(limitMs / 1000)} s`}\n${tail}`);
    }
    await sleep(20);
  }
}

export function portOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
