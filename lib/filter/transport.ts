import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { HOP_BY_HOP, serviceHeaders, type HostHeaders } from "../decision/answer";
import type { Transport } from "../decision/call";
import { NoAnswer } from "../policy/no-answer";
import { BodyRefused, type Exchange, type HeaderLine, type ServiceAnswer } from "../policy";
import type { BackendTls } from "../policy/kinds/route-shape";
import type { Connections } from "./connections";
import { ClientGone, headerLines, type IncomingBody } from "./incoming";

/** How long a service may go on reading a request that it has answered. */
const LINGER_MS = 10_000;

/** A handshake's answer, with the connection that it has opened. */
export interface UpgradedAnswer extends ServiceAnswer {
  socket?: Socket;
  head?: Buffer;
}

interface Call {
  exchange: Exchange;
  addresses: Readonly<Record<string, string>>;
  /** Services that are called by TLS. */
  tls: Readonly<Record<string, BackendTls>>;
  /** The largest head of an answer. */
  headBytes: number;
  ofHost: HostHeaders;
  body: IncomingBody;
  connections: Connections;
  /** The client has gone. */
  signal: AbortSignal;
  websocket: boolean;
}

const answerLines = (message: IncomingMessage): HeaderLine[] =>
  headerLines(message.rawHeaders).filter(
    ([name]) => !HOP_BY_HOP.has(name.toLowerCase()) || name.toLowerCase() === "trailer",
  );

/** Sends one exchange to its service over HTTP/1.1. */
export class HttpTransport implements Transport {
  constructor(private readonly call: Call) {}

  /** A body that may be sent again must be had whole. */
  async prepare(): Promise<void> {
    const { body, exchange } = this.call;
    if (exchange.call.tries > 1 && body.exists) await body.read(Infinity);
  }

  async send(service: string, firstByteMs: number, untilMs: number): Promise<UpgradedAnswer> {
    const { body } = this.call;
    const content = await body.passOn();
    if (this.call.signal.aborted) throw new ClientGone();
    return new Promise((resolve, reject) => {
      this.#sendOnce(service, content, { firstByteMs, untilMs }, resolve, reject);
    });
  }

  discard(answer: ServiceAnswer): void {
    if (Buffer.isBuffer(answer.body)) return;
    answer.body.on("error", () => undefined);
    answer.body.resume();
  }

  #headers(content: Buffer | Readable | undefined): string[] {
    const { exchange, ofHost, websocket } = this.call;
    const lines = serviceHeaders(exchange, ofHost).filter(
      ([name]) => name.toLowerCase() !== "content-length" || !Buffer.isBuffer(content),
    );
    if (websocket) lines.push(["Connection", "Upgrade"], ["Upgrade", "websocket"]);
    else lines.push(["Connection", "keep-alive"]);
    if (Buffer.isBuffer(content)) lines.push(["Content-Length", String(content.length)]);
    else if (content && !lines.some(([n]) => n.toLowerCase() === "content-length"))
      lines.push(["Transfer-Encoding", "chunked"]);
    return lines.flat();
  }

  #request(service: string, content: Buffer | Readable | undefined): ClientRequest {
    const { exchange, addresses, tls, connections, headBytes } = this.call;
    const address = addresses[service] ?? "";
    const colon = address.lastIndexOf(":");
    const options = {
      host: address.slice(0, colon),
      port: Number(address.slice(colon + 1)),
      method: exchange.request.method,
      path: exchange.upstream.target,
      headers: this.#headers(content),
      maxHeaderSize: headBytes,
    };
    const way = tls[service];
    const agent = connections.agent(way);
    if (!agent) throw new NoAnswer("connect-failure");
    const request = way ? https.request({ ...options, agent }) : http.request({ ...options, agent });
    // Node would leave out what is above a number of lines; the head's size is the bound.
    request.maxHeadersCount = 0;
    return request;
  }

  #sendOnce(
    service: string,
    content: Buffer | Readable | undefined,
    { firstByteMs, untilMs }: { firstByteMs: number; untilMs: number },
    resolve: (answer: UpgradedAnswer) => void,
    reject: (error: Error) => void,
  ): void {
    const { signal } = this.call;
    const request = this.#request(service, content);
    let connected = false;
    let settled = false;
    let timer: NodeJS.Timeout | undefined;
    const wait = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        fail(new NoAnswer("timeout"));
      }, ms);
    };
    const gone = (): void => {
      fail(new ClientGone());
      // An answer may have come before the body was read: whoever would send the rest of it is not there any more.
      request.destroy();
    };
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      clearTimeout(timer);
      return true;
    };
    const fail = (error: Error): void => {
      if (!settle()) return;
      request.destroy();
      reject(error);
    };
    const startMs = Date.now();
    let endMs = untilMs;
    const streamed = content !== undefined && !Buffer.isBuffer(content);
    wait(firstByteMs);
    signal.addEventListener("abort", gone, { once: true });
    const connect = (): void => {
      connected = true;
      // How long a client takes to send its body is no fault of the service.
      if (streamed) clearTimeout(timer);
    };
    request.on("socket", (socket) => {
      const secure = this.call.tls[service] !== undefined;
      if (request.reusedSocket || (!secure && !socket.connecting)) connect();
      else socket.once(secure ? "secureConnect" : "connect", connect);
    });
    // The time to the first byte begins when the service has the request.
    request.on("finish", () => {
      if (settled) return;
      if (streamed) endMs += Date.now() - startMs;
      wait(firstByteMs);
    });
    request.once("close", () => {
      signal.removeEventListener("abort", gone);
    });
    request.on("error", () => {
      fail(new NoAnswer(connected ? "reset" : "connect-failure"));
    });
    request.on("response", (message) => {
      if (!settle()) return;
      // A service that has said all and reads no more holds nobody's connection.
      message.once("end", () => {
        if (request.writableFinished) return;
        const unread = setTimeout(() => request.destroy(), LINGER_MS);
        unread.unref();
        request.once("close", () => {
          clearTimeout(unread);
        });
      });
      resolve(this.#answer(message, endMs));
    });
    request.on("upgrade", (message, socket: Socket, head) => {
      if (!settle()) return;
      const answer = { by: "service" as const, status: 101, headers: answerLines(message), body: Buffer.alloc(0) };
      resolve({ ...answer, socket, head });
    });
    if (content === undefined || Buffer.isBuffer(content)) {
      request.end(content);
      return;
    }
    // A client that breaks off is no fault of the service.
    content.once("error", (error) => {
      fail(error instanceof BodyRefused ? error : new ClientGone());
      request.destroy();
    });
    content.pipe(request);
  }

  /** The answer as it comes; it breaks when it pauses too long, or when the time for all of it is over. */
  #answer(message: IncomingMessage, untilMs: number): ServiceAnswer {
    const broken = (): void => {
      message.destroy(new NoAnswer("timeout"));
    };
    const { idleMs } = this.call.exchange.call;
    // An answer that nobody reads on pauses as well.
    if (idleMs !== Infinity) message.setTimeout(idleMs, broken);
    if (untilMs !== Infinity) {
      const timer = setTimeout(broken, Math.max(0, untilMs - Date.now()));
      message.once("close", () => {
        clearTimeout(timer);
      });
    }
    return {
      by: "service",
      status: message.statusCode ?? 502,
      headers: answerLines(message),
      body: message,
      trailers: () => headerLines(message.rawTrailers),
    };
  }
}
