import cluster from "node:cluster";

/** A worker that dies is replaced, not faster than this. */
const PAUSE_MS = 500;

/**
 * One process per core: workers share the ports of door, through and gateway, connection by connection, since HTTP/1.1
 * callers hold many. Health and metrics are each worker's own, on the admin port plus its number.
 */
export function superviseWorkers(count: number, log: (text: string) => void): void {
  let stopping = false;
  const start = (index: number): void => {
    const worker = cluster.fork({ FILTER_WORKER: String(index) });
    worker.once("exit", (code, signal) => {
      if (stopping) return;
      log(`worker ${String(index)} ended (${signal || String(code)}) and is replaced`);
      setTimeout(() => {
        if (!stopping) start(index);
      }, PAUSE_MS);
    });
  };
  for (let index = 0; index < count; index++) start(index);
  const tell = (signal: NodeJS.Signals): void => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill(signal);
  };
  const stop = (signal: NodeJS.Signals): void => {
    stopping = true;
    tell(signal);
    // The supervisor ends with its last worker.
    cluster.on("exit", () => {
      if (Object.keys(cluster.workers ?? {}).length === 0) process.exit(0);
    });
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.on("SIGHUP", tell);
}
