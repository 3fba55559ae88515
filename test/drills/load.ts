import { Connection, type Answer } from "./connection";
import { statusOf } from "./question";
import { sleep } from "./wait";

export interface LoadResult {
  requests: number;
  /** Answers by what the filter has said. */
  statuses: Record<string, number>;
  /** Requests that got no answer, by why. */
  failures: Record<string, number>;
  seconds: number;
  /** Milliseconds of the answers that were 200, sorted. */
  ms: number[];
  /** When requests failed or were answered otherwise, in time of `performance`. */
  bad: number[];
}

export interface Load {
  /** Counted up to now. */
  readonly requests: number;
  stop(): Promise<LoadResult>;
}

export interface LoadOptions {
  connections: number;
  /** Where a new connection goes. */
  port(): number;
  next(n: number): Buffer;
  statusOf?: (answer: Answer) => number;
}

const count = (into: Record<string, number>, key: string): void => {
  into[key] = (into[key] ?? 0) + 1;
};

export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;

/** Clients that ask again as soon as they have their answer, each on a connection that it keeps as long as it may. */
export function startLoad(options: LoadOptions): Load {
  const result: LoadResult = { requests: 0, statuses: {}, failures: {}, seconds: 0, ms: [], bad: [] };
  const read = options.statusOf ?? statusOf;
  const start = performance.now();
  let going = true;
  const client = async (): Promise<void> => {
    let connection: Connection | undefined;
    while (going) {
      try {
        if (!connection?.usable) {
          connection?.close();
          connection = await Connection.open(options.port());
        }
        const answer = await connection.ask(options.next(result.requests++));
        const status = read(answer);
        count(result.statuses, String(status));
        if (status === 200) result.ms.push(answer.ms);
        else result.bad.push(performance.now());
      } catch (error) {
        result.bad.push(performance.now());
        count(result.failures, (error as NodeJS.ErrnoException).code ?? (error as Error).message);
        // A port that refuses would be asked without end.
        await sleep(5);
      }
    }
    connection?.close();
  };
  const clients = Array.from({ length: options.connections }, client);
  return {
    get requests() {
      return result.requests;
    },
    async stop() {
      going = false;
      await Promise.all(clients);
      result.seconds = (performance.now() - start) / 1000;
      result.ms.sort((a, b) => a - b);
      return result;
    },
  };
}
