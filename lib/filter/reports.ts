import { createSocket, type Socket } from "node:dgram";
import { createServer, constants, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ReportLine } from "../decision/report";
import type { Report } from "../policy";
import { isStatus, readAccessLogs, STREAM_PATH, SWITCHING } from "./envoy-access-log";

/**
 * The ends of exchanges that a proxy has carried, as it tells them: nginx in lines of syslog by UDP (`access_log syslog:…`),
 * Envoy by its access log service (gRPC).
 */

/** A line has no long text in it; Envoy sends an entry as soon as there is one. */
const MOST_LINE_BYTES = 4_096;
const MOST_MESSAGE_BYTES = 1024 * 1024;
/** Each of a proxy's threads has one. */
const MOST_SESSIONS = 1_024;

/** What nginx says of a service that has not answered. */
const NO_ANSWER = [502, 504];
/** Bursts wait here while decisions are made; the kernel gives less where it allows less. */
const RECEIVE_BYTES = 4 * 1024 * 1024;
/** Of a proxy that is gone without a word. */
const SILENT_MS = 3_600_000;

/** Of all tries, one after the other; a try without the head of an answer has a dash for a time. */
const lastOf = (values: string): string => values.split(/[,:]/).pop()?.trim() ?? "";

/** Of the last try: the status that nginx has noted for it, and the time to the head of an answer. */
function whoAnswered(status: number, headerTime: string): Report["answeredBy"] {
  if (headerTime === "") return "proxy";
  if (headerTime !== "-") return "service";
  // With another status nginx has ended it for the client's sake: he has left, or sent too much.
  return NO_ANSWER.includes(status) ? "nobody" : "proxy";
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** One datagram of nginx: what syslog has in front of it says nothing. */
export function readNginxLine(datagram: Buffer): ReportLine | undefined {
  const start = datagram.indexOf("{");
  if (start < 0 || datagram.length > MOST_LINE_BYTES) return undefined;
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(datagram.toString("utf8", start)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const [ticket, status, last] = [text(line["ticket"]), Number(line["status"]), lastOf(text(line["headerTimes"]))];
  // What a handshake has opened may last for hours: its answer is the handshake's.
  const ms = Number(status === SWITCHING ? last : line["time"]) * 1_000;
  if (ticket === "" || !isStatus(status) || !Number.isFinite(ms)) return undefined;
  // An older nginx.conf does not tell it.
  const noted = line["upstreamStatuses"] === undefined ? status : Number(lastOf(text(line["upstreamStatuses"])));
  const answeredBy = whoAnswered(noted, last);
  return { ticket, method: text(line["method"]), report: { answeredBy, status }, ms };
}

/** Messages of one stream: each with its length in front (gRPC over HTTP/2, "Length-Prefixed-Message"). */
function readMessages(stream: ServerHttp2Stream, take: (message: Buffer) => void): void {
  let pending: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= 5) {
      const end = 5 + pending.readUInt32BE(1);
      // Compressed, which nobody has asked for, or larger than anything that is told here.
      if (pending[0] !== 0 || end > MOST_MESSAGE_BYTES) {
        stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        return;
      }
      if (pending.length < end) return;
      take(pending.subarray(5, end));
      pending = pending.subarray(end);
    }
  });
}

/** Listens for both on one port, UDP and TCP; what cannot be read is told as nothing, and means nothing. */
export class Reports {
  readonly #sessions = new Set<{ destroy(): void }>();
  #udp: Socket | undefined;
  #grpc: Http2Server | undefined;

  /** `take` gets each line, or nothing for one that cannot be read. */
  constructor(private readonly take: (line: ReportLine | undefined) => void) {}

  async listen(host: string, port: number): Promise<number> {
    const grpc = createServer();
    this.#grpc = grpc;
    grpc.on("session", (session) => {
      if (this.#sessions.size >= MOST_SESSIONS) {
        session.destroy();
        return;
      }
      this.#sessions.add(session);
      session.on("error", () => undefined);
      session.setTimeout(SILENT_MS, () => {
        session.destroy();
      });
      session.once("close", () => this.#sessions.delete(session));
    });
    grpc.on("stream", (stream, headers) => {
      this.#stream(stream, headers[":path"]);
    });
    await new Promise<void>((resolve, reject) => grpc.once("error", reject).listen(port, host, resolve));
    const bound = (grpc.address() as AddressInfo).port;
    const udp = createSocket({ type: host.includes(":") ? "udp6" : "udp4", recvBufferSize: RECEIVE_BYTES });
    this.#udp = udp;
    udp.on("message", (datagram) => {
      this.take(readNginxLine(datagram));
    });
    await new Promise<void>((resolve, reject) => udp.once("error", reject).bind(bound, host, resolve));
    // From here on it is nobody's business to end the process.
    for (const server of [udp, grpc]) {
      server.on("error", () => {
        this.take(undefined);
      });
    }
    return bound;
  }

  #stream(stream: ServerHttp2Stream, path: string | undefined): void {
    stream.on("error", () => undefined);
    const known = path === STREAM_PATH;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    // 12: there is no such method.
    stream.once("wantTrailers", () => {
      stream.sendTrailers({ "grpc-status": known ? "0" : "12" });
    });
    stream.once("end", () => stream.end());
    if (!known) {
      stream.end();
      return;
    }
    readMessages(stream, (message) => {
      let lines: (ReportLine | undefined)[] = [undefined];
      try {
        lines = readAccessLogs(message);
      } catch {
        // Told as one that cannot be read.
      }
      for (const line of lines) this.take(line);
    });
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    const closed = (server: Socket | Http2Server): Promise<void> =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    if (this.#udp) await closed(this.#udp);
    if (this.#grpc) await closed(this.#grpc);
  }
}
