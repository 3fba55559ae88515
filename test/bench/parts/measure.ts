import { CORES } from "./cores";
import { load, type LoadOptions, type LoadReport } from "./load";
import { busyUs, cpuUs } from "./usage";
import type { Server } from "./servers";

/** One window under load. */
export interface Window extends Omit<LoadReport, "cpuUs"> {
  /** CPU microseconds of the server for each answer. */
  cpuUs: number;
  /** Share of the server's core that others have used. */
  foreign: number;
  /** All that was asked for it, with the warm-up and what was measured again. */
  asked: number;
}

/** A window that others have disturbed more than this is measured again, whatever it says, but not for ever. */
const FOREIGN = 0.05;
const TRIES = 3;

export async function measure(
  server: Server,
  options: Omit<LoadOptions, "port"> & { warmUp?: number },
): Promise<Window> {
  const { warmUp, ...rest } = options;
  const target = { ...rest, port: server.port };
  let asked = warmUp === undefined ? 0 : (await load({ ...target, seconds: warmUp })).answered;
  let best = await once(server, target);
  asked += best.answered;
  for (let tries = 1; tries < TRIES && best.foreign > FOREIGN; tries++) {
    const again = await once(server, target);
    asked += again.answered;
    if (again.foreign < best.foreign) best = again;
  }
  return { ...best, asked };
}

async function once(server: Server, target: LoadOptions): Promise<Omit<Window, "asked">> {
  const before = { own: cpuUs(server.part.pid), all: busyUs(CORES.server), at: performance.now() };
  const report = await load(target);
  const own = cpuUs(server.part.pid) - before.own;
  const foreign = (busyUs(CORES.server) - before.all - own) / ((performance.now() - before.at) * 1000);
  return { ...report, cpuUs: own / report.answered, foreign: Math.max(0, foreign) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = NaN, high = NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

/** The middle of several windows, number by number. */
export class Sample {
  readonly windows: Window[] = [];

  add(window: Window): void {
    this.windows.push(window);
  }

  of(name: "cpuUs" | "rps" | "p50" | "p99" | "foreign"): number {
    return median(this.windows.map((w) => w[name]));
  }

  sum(name: "unexpected" | "errors" | "asked"): number {
    return this.windows.reduce((total, w) => total + w[name], 0);
  }

  spread(): [number, number] {
    const values = this.windows.map((w) => w.cpuUs);
    return [Math.min(...values), Math.max(...values)];
  }
}
