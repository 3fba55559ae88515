import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import pino, { type Logger } from "pino";
import type { ExchangeRecord } from "./audit";

/** What waits to be written may be this large; more is dropped and counted, since answers matter more than their log. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const FLUSH_MS = 100;
/** Lines are handed over together: each write wakes a thread, which costs more than a decision. */
const BATCH_LENGTH = 32 * 1024;
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

/** Everything but these stands in JSON as it is. */
const NEEDS_ESCAPE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const text = (value: string): string => (NEEDS_ESCAPE.test(value) ? JSON.stringify(value) : `"${value}"`);
const given = (name: string, value: string | undefined): string =>
  value === undefined ? "" : `,"${name}":${text(value)}`;

/** A record as `JSON.stringify` writes it, from its first member to the line's end, in a third of the time. */
export function membersOf(r: ExchangeRecord): string {
  return (
    `"requestId":${text(r.requestId)},"method":${text(r.method)},"host":${text(r.host)},"path":${text(r.path)}` +
    `,"route":${text(r.route)},"service":${text(r.service)},"status":${String(r.status)},"decision":"${r.decision}"` +
    `,"reason":${text(r.reason)}${given("user", r.user)}${given("tenant", r.tenant)}${given("apiKey", r.apiKey)}` +
    given("unchecked", r.unchecked) +
    `,"client":${text(r.client)},"ms":${String(r.ms)}` +
    `${r.wouldRefuse ? `,"wouldRefuse":${JSON.stringify(r.wouldRefuse)}` : ""}${given("userAgent", r.userAgent)}${given("referer", r.referer)}` +
    `${r.labels ? `,"labels":${JSON.stringify(r.labels)}` : ""}}\n`
  );
}

/** A pipe that nobody reads must say so: else it holds a thread, and the end of the process waits for that. */
function neverBlock(fd: number): void {
  const kind = fstatSync(fd);
  if (kind.isFIFO() || kind.isSocket()) new Socket({ fd, readable: false, writable: false }).unref();
}

/** Lines as JSON on standard output, written in batches. */
export function standardLogs(onDrop: (lines: number) => void): Logs {
  neverBlock(1);
  const sink = pino.destination({
    dest: 1,
    sync: false,
    // Without it a flush waits for nothing.
    minLength: 1,
    maxLength: MAX_WAITING_BYTES,
  });
  sink.on("drop", (text: string) => {
    onDrop(text.split("\n").length - 1);
  });
  // A pipe that nobody reads is no reason to stop answering.
  sink.on("error", () => {
    onDrop(1);
  });
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, sink);
  let time = 0;
  let prefix = "";
  let lines = "";
  let timer: NodeJS.Timeout | undefined;
  const handOver = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (lines !== "") sink.write(lines);
    lines = "";
  };
  return {
    log,
    // Past the logger: every field is known, and there is one line for every request.
    audit(record) {
      const now = Date.now();
      if (now !== time) {
        time = now;
        prefix = `{"level":30,"time":"${new Date(now).toISOString()}","audit":true,`;
      }
      lines += prefix + membersOf(record);
      if (lines.length >= BATCH_LENGTH) handOver();
      else timer ??= setTimeout(handOver, FLUSH_MS).unref();
    },
    flush() {
      handOver();
      return new Promise((resolve) => {
        setTimeout(() => {
          // What still waits would be written, again and again, when the process ends.
          sink.destroy();
          resolve();
        }, LAST_FLUSH_MS).unref();
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
