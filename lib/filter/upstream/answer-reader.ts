import type { HeaderLine } from "../../policy";

/**
 * Reads what a service answers on one connection (RFC 9112), as strictly as it is written: whatever two readers could take
 * for different things is no answer. A bare gateway by Node's own client takes 1.8 times the CPU of one by this (ADR 23), which
 * is why there is one of our own.
 */

export interface AnswerHead {
  status: number;
  headers: HeaderLine[];
  /** By `Content-Length`; 0 where there can be no body. */
  length: number | undefined;
  /** Nothing more can be asked on this connection (section 9.3). */
  last: boolean;
  /** How long the service says that it keeps the connection when nothing comes, in milliseconds (`Keep-Alive: timeout`). */
  keptMs: number | undefined;
}

/** What is told of one answer, in this order. Each may end the connection. */
export interface AnswerSink {
  onHead(head: AnswerHead): void;
  onData(bytes: Buffer): void;
  onEnd(trailers: HeaderLine[]): void;
}

/** What is asked, as far as it says how its answer is read. */
export interface Question {
  method: string;
  /** The largest head, in bytes. */
  headBytes: number;
  /** Asks to go on by another protocol. */
  upgrades: boolean;
}

export class Malformed extends Error {}

const STATUS_LINE = /HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?\r\n/y;
/** One field line (section 5): no folding, no space before the colon, no control characters. */
const FIELD_LINE = /([!#$%&'*+.^_`|~\dA-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y;
const CHUNK_SIZE = /^([\dA-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const BARE_LF = /(?:^|[^\r])\n/;
const DIGITS = /^\d{1,15}$/;

/** Longest line that says how large a chunk is, with its extensions. */
const CHUNK_LINE_BYTES = 4_096;

const NONE = Buffer.alloc(0);

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;

/** Without the white space around it (section 5.1), which is not what `trim` takes for it. */
function bareValue(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

/** Field lines from there to the end of the text. */
function fieldLines(text: string, from: number): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let at = from; at < text.length; at = FIELD_LINE.lastIndex) {
    FIELD_LINE.lastIndex = at;
    const line = FIELD_LINE.exec(text);
    if (!line) throw new Malformed("a header line cannot be read");
    lines.push([line[1] as string, bareValue(line[2] as string)]);
  }
  return lines;
}

interface Framing {
  length: number | undefined;
  chunked: boolean;
  last: boolean;
  keptMs: number | undefined;
}

/** What the fields say of the body and of the connection (sections 6.3 and 9.3). */
function framingOf(lines: readonly HeaderLine[], old: boolean): Framing {
  const framing: Framing = { length: undefined, chunked: false, last: old, keptMs: undefined };
  for (const [name, value] of lines) {
    // Most names are told apart by their length alone.
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      if (framing.length !== undefined || !DIGITS.test(value)) throw new Malformed("the length cannot be read");
      framing.length = Number(value);
    } else if (name.length === 17 && name.toLowerCase() === "transfer-encoding") {
      if (framing.chunked || old || value.toLowerCase() !== "chunked")
        throw new Malformed("the coding of the body cannot be read");
      framing.chunked = true;
    } else if (name.length === 10 && name.toLowerCase() === "connection") {
      if (/(?:^|[,\t ])close(?:[,\t ]|$)/i.test(value)) framing.last = true;
    } else if (name.length === 10 && name.toLowerCase() === "keep-alive") {
      const [, seconds] = /(?:^|[,\t ])timeout=(\d{1,6})/i.exec(value) ?? [];
      if (seconds !== undefined) framing.keptMs = Number(seconds) * 1_000;
    }
  }
  if (framing.chunked && framing.length !== undefined) throw new Malformed("the body has two lengths");
  return framing;
}

type Stage = "nothing" | "head" | "length" | "close" | "chunk-size" | "chunk" | "chunk-end" | "trailers";

export class AnswerReader {
  #stage: Stage = "nothing";
  #question: Question | undefined;
  /** Bytes of a head or line that has not come whole. */
  #held: Buffer = NONE;
  /** Of the body, or of the chunk, that are still to come. */
  #left = 0;

  constructor(private readonly sink: AnswerSink) {}

  /** Nothing is asked, or its answer has ended. */
  get idle(): boolean {
    return this.#stage === "nothing";
  }

  begin(question: Question): void {
    this.#question = question;
    this.#stage = "head";
  }

  /** Says no more of what is being read. */
  stop(): void {
    this.#stage = "nothing";
    this.#held = NONE;
  }

  /** Reads on; gives what stands behind the end of the answer. Throws `Malformed`. */
  read(bytes: Buffer): Buffer {
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    this.#held = NONE;
    while (rest.length > 0 && !this.idle) {
      const after = this.#step(rest);
      if (!after) {
        this.#held = rest;
        return NONE;
      }
      rest = after;
    }
    return rest;
  }

  /** The service has closed its side. False where an answer was to go on. */
  close(): boolean {
    if (this.#stage === "close") {
      this.stop();
      this.sink.onEnd([]);
    }
    return this.idle;
  }

  /** One step; gives what is left, or nothing where it takes more bytes. */
  #step(bytes: Buffer): Buffer | undefined {
    switch (this.#stage) {
      case "nothing":
        return bytes;
      case "head":
        return this.#head(bytes);
      case "length":
      case "chunk":
        return this.#counted(bytes);
      case "close":
        this.sink.onData(bytes);
        return NONE;
      case "chunk-size":
        return this.#chunkSize(bytes);
      case "chunk-end":
        if (bytes.length < 2) return undefined;
        if (bytes[0] !== 0x0d || bytes[1] !== 0x0a) throw new Malformed("a chunk has no end");
        this.#stage = "chunk-size";
        return bytes.subarray(2);
      case "trailers":
        return this.#trailers(bytes);
    }
  }

  /** What comes up to that end, with its own line's; nothing where it has not come yet. */
  #upTo(end: string, bytes: Buffer, most: number): number | undefined {
    const at = bytes.indexOf(end);
    if ((at < 0 ? bytes.length : at + end.length) > most) throw new Malformed("it is too large");
    return at < 0 ? undefined : at;
  }

  #head(bytes: Buffer): Buffer | undefined {
    const { method, headBytes, upgrades } = this.#question as Question;
    const end = this.#upTo("\r\n\r\n", bytes, headBytes);
    if (end === undefined) {
      // Without the right line ends there will be no end.
      if (BARE_LF.test(bytes.toString("latin1"))) throw new Malformed("a line ends by LF alone");
      return undefined;
    }
    const text = bytes.toString("latin1", 0, end + 2);
    STATUS_LINE.lastIndex = 0;
    const line = STATUS_LINE.exec(text);
    if (!line) throw new Malformed("the status line cannot be read");
    const status = Number(line[2]);
    const headers = fieldLines(text, line[0].length);
    const rest = bytes.subarray(end + 4);
    if (status < 200 && status !== 101) return rest;
    if (status === 101 && !upgrades) throw new Malformed("another protocol was not asked for");
    const { chunked, ...framing } = framingOf(headers, line[1] === "0");
    const bare = method === "HEAD" || status === 101 || status === 204 || status === 304;
    const length = bare ? 0 : framing.length;
    this.#left = length ?? 0;
    this.#stage = chunked && !bare ? "chunk-size" : length === undefined ? "close" : length > 0 ? "length" : "nothing";
    this.sink.onHead({
      ...{ status, headers, length },
      last: framing.last || this.#stage === "close",
      keptMs: framing.keptMs,
    });
    // What follows 101 is another protocol's.
    if (length === 0 && status !== 101) this.sink.onEnd([]);
    return rest;
  }

  #counted(bytes: Buffer): Buffer {
    const part = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    const rest = bytes.length > this.#left ? bytes.subarray(this.#left) : NONE;
    this.#left -= part.length;
    const whole = this.#left === 0;
    const ended = whole && this.#stage === "length";
    if (whole) this.#stage = ended ? "nothing" : "chunk-end";
    this.sink.onData(part);
    if (ended) this.sink.onEnd([]);
    return rest;
  }

  #chunkSize(bytes: Buffer): Buffer | undefined {
    const end = this.#upTo("\r\n", bytes, CHUNK_LINE_BYTES);
    if (end === undefined) return undefined;
    const [, size] = CHUNK_SIZE.exec(bytes.toString("latin1", 0, end)) ?? [];
    if (size === undefined) throw new Malformed("the size of a chunk cannot be read");
    this.#left = parseInt(size, 16);
    this.#stage = this.#left > 0 ? "chunk" : "trailers";
    return bytes.subarray(end + 2);
  }

  #trailers(bytes: Buffer): Buffer | undefined {
    const { headBytes } = this.#question as Question;
    const none = bytes.length >= 2 && bytes[0] === 0x0d && bytes[1] === 0x0a;
    const end = none ? 0 : this.#upTo("\r\n\r\n", bytes, headBytes);
    if (end === undefined) return undefined;
    const trailers = none ? [] : fieldLines(bytes.toString("latin1", 0, end + 2), 0);
    this.#stage = "nothing";
    this.sink.onEnd(trailers);
    return bytes.subarray(end + (none ? 2 : 4));
  }
}
