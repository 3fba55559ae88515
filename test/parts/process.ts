import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
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

process.once("exit", () => {
  // Not SIGKILL: nginx would leave its workers behind.
  for (const child of living) child.kill("SIGTERM");
});
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => {
    process.exit(130);
  });
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

/** Free ports on loopback; asked for together, they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((s) => (s.address() as AddressInfo).port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

/** A free port whose next one is free as well: workers number their own from it. */
export async function freePair(): Promise<number> {
  for (;;) {
    const [port = 0] = await freePorts(1);
    const next = net.createServer();
    const free = await new Promise<boolean>((resolve) => {
      next.once("error", () => {
        resolve(false);
      });
      next.listen(port + 1, "127.0.0.1", () => {
        resolve(true);
      });
    });
    await new Promise((resolve) => next.close(resolve));
    if (free) return port;
  }
}

/** Waits until the probe is true; a part that has died, or the end of the time, is an error with the end of its log. */
export async function until(
  what: string,
  probe: () => Promise<boolean> | boolean,
  part?: Part,
  limitMs = 30_000,
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
