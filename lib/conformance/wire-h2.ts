import hpack from "hpack.js";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { HeaderLine } from "../policy";
import { closedEarly, connected, PIECES, type Endpoint, type OpenAnswer, type WireRequest } from "./wire";

/** A request as frames of HTTP/2 (RFC 9113), written here byte for byte for the reason that wire.ts has. */

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8, continuation: 9 };
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const PADDED = 8;
const PRIORITY = 32;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const MAX_FRAME = 16_384;
const TABLE_BYTES = 4096;
const LARGE_WINDOW = 0x3f_ff_ff_ff;
const DEFAULT_WINDOW = 65_535;

/** Fields of a connection in HTTP/1.1, which HTTP/2 has no form for (RFC 9113 section 8.2.2). */
const OF_CONNECTION = ["connection", "upgrade", "te", "keep-alive", "proxy-connection", "http2-settings"];

/** Whether HTTP/2 can say it: WebSockets are asked for by HTTP/1.1 on the same port, as browsers do where nothing else is offered. */
export function isForHttp2({ scheme, httpVersion, websocket, headers, host, target, chunked }: WireRequest): boolean {
  const named = headers.map(([name]) => name.toLowerCase());
  const codings = named.filter((name) => name === "transfer-encoding").length;
  return (
    scheme === "https" &&
    httpVersion === "1.1" &&
    !websocket &&
    host !== "" &&
    target.startsWith("/") &&
    codings === (chunked ? 1 : 0) &&
    !(chunked && named.includes("content-length")) &&
    !named.some((name) => OF_CONNECTION.includes(name) || name === "host")
  );
}

/** A block that relies on none before it, Huffman coded as every client writes it. */
function blockOf(fields: readonly HeaderLine[]): Buffer {
  const compressor = hpack.compressor.create({ table: { size: TABLE_BYTES } });
  // It takes characters for bytes.
  const bytes = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
  compressor.write(fields.map(([name, value]) => ({ name: bytes(name), value: bytes(value), neverIndex: true })));
  return compressor.read() ?? Buffer.alloc(0);
}

/** Cookies go in crumbs (RFC 9113 section 8.2.3), names in lower case, and values without the space around them, which is none of theirs. */
function fieldsOf({ method, host, target, headers }: WireRequest): HeaderLine[] {
  const own = headers.flatMap(([name, value]): HeaderLine[] => {
    const lower = name.toLowerCase();
    if (lower === "transfer-encoding") return [];
    const crumbs = lower === "cookie" ? value.split("; ") : [value];
    return crumbs.map((crumb): HeaderLine => [lower, crumb.replace(/^[ \t]+|[ \t]+$/g, "")]);
  });
  const pseudo: HeaderLine[] = [
    [":method", method],
    [":scheme", "https"],
    [":authority", host],
    [":path", target],
  ];
  return [...pseudo, ...own];
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A payload without its padding and priority. */
function bare(payload: Buffer, flags: number): Buffer {
  const padding = (flags & PADDED) !== 0 ? (payload[0] ?? 0) : 0;
  const start = ((flags & PADDED) !== 0 ? 1 : 0) + ((flags & PRIORITY) !== 0 ? 5 : 0);
  return payload.subarray(start, payload.length - padding);
}

/** The exchange that a connection is at. */
interface Exchange {
  stream: number;
  window: number;
  started: number;
  status?: number;
  headers: HeaderLine[];
  body: Buffer[];
  firstBytes?: number;
  done(error?: Error): void;
}

export class Http2Connection {
  readonly #table = hpack.decompressor.create({ table: { size: TABLE_BYTES } });
  #data: Buffer = Buffer.alloc(0);
  #block: Buffer[] = [];
  #blockEnds = false;
  #nextStream = 1;
  #window = DEFAULT_WINDOW;
  #streamWindow = DEFAULT_WINDOW;
  #wakeWriter: (() => void) | undefined;
  #leaving = false;
  #exchange: Exchange | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      try {
        this.#read(chunk);
      } catch (error) {
        this.#fail(error as Error);
      }
    });
    socket.on("error", (error) => {
      this.#fail(error);
    });
    socket.on("close", () => {
      this.#fail(closedEarly(this.#exchange?.body.reduce((sum, part) => sum + part.length, 0) ?? 0));
    });
  }

  static async open(endpoint: Endpoint, request: WireRequest): Promise<Http2Connection> {
    const socket = await connected(endpoint, request, ["h2"]);
    const connection = new Http2Connection(socket);
    const largeWindows = Buffer.concat([Buffer.of(0, 4), number(LARGE_WINDOW)]);
    socket.write(PREFACE);
    socket.write(frame(FRAME.settings, 0, 0, largeWindows));
    socket.write(frame(FRAME.windowUpdate, 0, 0, number(LARGE_WINDOW)));
    return connection;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** One after the other: there is no second stream while one is open. */
  async request(request: WireRequest): Promise<OpenAnswer> {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const started = performance.now();
    const exchange = await new Promise<Exchange>((resolve, reject) => {
      const done = (error?: Error): void => {
        this.#exchange = undefined;
        this.#wakeWriter?.();
        if (error) reject(error);
        else resolve(own);
      };
      const own: Exchange = { stream, window: this.#streamWindow, started, headers: [], body: [], done };
      this.#exchange = own;
      this.#writeHead(stream, request);
      if (request.body) void this.#writeBody(own, request.body, request.takes);
    });
    const { status = 0, headers, body, firstBytes } = exchange;
    const seconds = (performance.now() - started) / 1000;
    const answer = {
      status,
      headers,
      body: Buffer.concat(body),
      seconds,
      ...(firstBytes !== undefined && { firstBytes }),
    };
    return { answer, socket: this, keeps: !this.#leaving && this.socket.writable };
  }

  #writeHead(stream: number, request: WireRequest): void {
    const block = blockOf(fieldsOf(request));
    for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME) {
      const last = at + MAX_FRAME >= block.length;
      const flags = (last ? END_HEADERS : 0) | (at === 0 && !request.body ? END_STREAM : 0);
      const type = at === 0 ? FRAME.headers : FRAME.continuation;
      this.socket.write(frame(type, flags, stream, block.subarray(at, at + MAX_FRAME)));
    }
  }

  /** As far as the windows of stream and connection allow, or in pieces over the time that it is to take. */
  async #writeBody(exchange: Exchange, body: Buffer, takes: number | undefined): Promise<void> {
    const part = Math.ceil(body.length / PIECES);
    let at = 0;
    do {
      if (takes !== undefined && at % part === 0) await sleep((takes * 1000) / PIECES);
      while (this.#exchange === exchange && Math.min(this.#window, exchange.window) <= 0) {
        await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
      }
      if (this.#exchange !== exchange || this.socket.destroyed) return;
      const most = takes === undefined ? body.length : part - (at % part);
      const piece = body.subarray(at, at + Math.min(most, MAX_FRAME, this.#window, exchange.window));
      at += piece.length;
      this.#window -= piece.length;
      exchange.window -= piece.length;
      this.socket.write(frame(FRAME.data, at >= body.length ? END_STREAM : 0, exchange.stream, piece));
    } while (at < body.length);
  }

  #read(chunk: Buffer): void {
    this.#data = Buffer.concat([this.#data, chunk]);
    while (this.#data.length >= 9) {
      const length = this.#data.readUIntBE(0, 3);
      if (this.#data.length < 9 + length) return;
      const [type = 0, flags = 0] = this.#data.subarray(3, 5);
      const stream = this.#data.readUInt32BE(5);
      const payload = this.#data.subarray(9, 9 + length);
      this.#data = this.#data.subarray(9 + length);
      this.#take(type, flags, stream, payload);
    }
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    const exchange = this.#exchange;
    const ends = (flags & END_STREAM) !== 0;
    if (type === FRAME.settings && (flags & ACK) === 0) this.#takeSettings(payload);
    else if (type === FRAME.ping && (flags & ACK) === 0) this.socket.write(frame(FRAME.ping, ACK, 0, payload));
    else if (type === FRAME.windowUpdate) this.#takeWindow(stream, payload.readUInt32BE(0));
    else if (type === FRAME.goAway) this.#leaving = true;
    else if (type === FRAME.headers || type === FRAME.continuation) {
      if (type === FRAME.headers) this.#blockEnds = ends;
      this.#block.push(type === FRAME.headers ? bare(payload, flags) : payload);
      if ((flags & END_HEADERS) !== 0) this.#takeHead(stream);
    } else if (exchange?.stream === stream && type === FRAME.data) {
      const piece = bare(payload, flags & PADDED);
      if (piece.length > 0) exchange.firstBytes ??= (performance.now() - exchange.started) / 1000;
      exchange.body.push(Buffer.from(piece));
      if (ends) exchange.done();
    } else if (exchange?.stream === stream && type === FRAME.reset) {
      // What a broken connection is in HTTP/1.1.
      const why = `the stream was reset (${String(payload.readUInt32BE(0))})`;
      exchange.done(Object.assign(new Error(why), { code: "ECONNRESET" }));
    }
  }

  #takeSettings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== 4) continue;
      const window = payload.readUInt32BE(at + 2);
      if (this.#exchange) this.#exchange.window += window - this.#streamWindow;
      this.#streamWindow = window;
    }
    this.socket.write(frame(FRAME.settings, ACK, 0));
    this.#wakeWriter?.();
  }

  #takeWindow(stream: number, more: number): void {
    if (stream === 0) this.#window += more;
    else if (this.#exchange?.stream === stream) this.#exchange.window += more;
    this.#wakeWriter?.();
  }

  #takeHead(stream: number): void {
    this.#table.write(Buffer.concat(this.#block));
    this.#table.execute();
    this.#block = [];
    const fields: HeaderLine[] = [];
    for (let field = this.#table.read(); field; field = this.#table.read()) fields.push([field.name, field.value]);
    const exchange = this.#exchange;
    if (exchange?.stream !== stream) return;
    const status = Number(fields.find(([name]) => name === ":status")?.[1]);
    // Trailers have none, and what is informational is not the answer.
    if (status >= 200) Object.assign(exchange, { status, headers: fields.filter(([name]) => !name.startsWith(":")) });
    if (this.#blockEnds) exchange.done();
  }

  #fail(error: Error): void {
    this.#exchange?.done(error);
  }
}

/** Sends a request by HTTP/2, on a connection of its own or on one that was kept. */
export async function sendHttp2(endpoint: Endpoint, request: WireRequest, kept?: Http2Connection): Promise<OpenAnswer> {
  const connection = kept ?? (await Http2Connection.open(endpoint, request));
  try {
    return await connection.request(request);
  } catch (error) {
    connection.destroy();
    throw error;
  }
}
