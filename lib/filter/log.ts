import pino, { type Logger } from "pino";
import type { ExchangeRecord } from "./audit";

/** What waits to be written may be this large; more is dropped and counted, since answers matter more than their log. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const FLUSH_MS = 100;
/** A pipe that nobody reads must not keep a process that is to end. */
const LAST_FLUSH_MS = 1_000;

export interface Logs {
  /** For those who run the filter. */
  log: Logger;
  /** One line per exchange. */
  audit(record: ExchangeRecord): void;
  /** Resolves when all is written, or nobody reads. */
  flush(): Promise<void>;
}

/** Lines as JSON on standard output, written in batches. */
export function standardLogs(onDrop: () => void): Logs {
  const sink = pino.destination({
    dest: 1,
    sync: false,
    minLength: 8 * 1024,
    maxLength: MAX_WAITING_BYTES,
    periodicFlush: FLUSH_MS,
  });
  sink.on("drop", onDrop);
  // A pipe that nobody reads is no reason to stop answering.
  sink.on("error", onDrop);
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, sink);
  let second = 0;
  let prefix = "";
  return {
    log,
    // Straight to the sink: every field is known, and there is one line for every request.
    audit(record) {
      const now = Date.now();
      if (now !== second) {
        second = now;
        prefix = `{"level":30,"time":"${new Date(now).toISOString()}","audit":true,`;
      }
      sink.write(`${prefix}${JSON.stringify(record).slice(1)}\n`);
    },
    flush() {
      return new Promise((resolve) => {
        setTimeout(resolve, LAST_FLUSH_MS).unref();
        sink.flush(() => {
          resolve();
        });
      });
    },
  };
}

/** A logger that is given: a test's, or that of a program around the filter. */
export function givenLogs(log: Logger): Logs {
  return {
    log,
    audit: (record) => {
      log.info({ audit: true, ...record });
    },
    flush: () => Promise.resolve(),
  };
}
