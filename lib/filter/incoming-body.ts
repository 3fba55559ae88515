import type { IncomingMessage } from "node:http";
import { BodyRefused, STALLED, TOO_LARGE, type RequestBody } from "../policy";

/** The body of a request: read whole, or passed on as it comes, and counted. */

/** The client has gone: nobody is left to answer. */
export class ClientGone extends Error {}

/** What is read whole is held in memory, whatever a model allows to pass. */
const MOST_READ = 64 * 1024 * 1024;

/** A client that stops in the middle of its body for this long is not heard any more, whoever waits for it. */
const IDLE_MS = 30_000;

/** How a body is framed (RFC 9112 section 6). */
interface Framing {
  length: string | undefined;
  chunked: boolean;
}

const framingOf = ({ headers }: IncomingMessage): Framing => ({
  length: headers["content-length"],
  chunked: headers["transfer-encoding"] !== undefined,
});

/** Whoever gets a body as it comes. */
export interface BodySink {
  /** False where more should wait for `resume`. */
  onBytes(bytes: Buffer): boolean;
  onWhole(): void;
  /** `BodyRefused` where it is too large or stalls, else `ClientGone`. */
  onBroken(error: Error): void;
}

/** A body on its way, counted as it passes. */
export class PassingBody {
  #sink: BodySink | undefined;
  #bytes = 0;

  constructor(
    private readonly message: IncomingMessage,
    /** In bytes; nothing for one in chunks. */
    readonly length: number | undefined,
    private readonly max: number,
  ) {}

  readonly #onData = (bytes: Buffer): void => {
    this.#bytes += bytes.length;
    if (this.#bytes > this.max) this.fail(new BodyRefused(TOO_LARGE));
    else if (this.#sink?.onBytes(bytes) === false) this.message.pause();
  };

  begin(sink: BodySink): void {
    this.#sink = sink;
    const gone = (): void => {
      if (this.#sink) this.fail(new ClientGone());
    };
    const { message } = this;
    if (message.destroyed) gone();
    message.on("data", this.#onData);
    message.once("end", () => {
      const whole = this.#sink;
      this.#sink = undefined;
      // What follows on the connection would be taken for the rest.
      if (this.length !== undefined && this.#bytes !== this.length) whole?.onBroken(new ClientGone());
      else whole?.onWhole();
    });
    message.once("error", gone).once("close", gone);
  }

  resume(): void {
    this.message.resume();
  }

  fail(error: Error): void {
    const broken = this.#sink;
    if (!broken) return;
    this.#sink = undefined;
    // Whoever answers lets the rest go.
    this.message.off("data", this.#onData).pause();
    broken.onBroken(error);
  }

  /** Nobody wants the rest. */
  drop(): void {
    this.#sink = undefined;
    letGo(this.message);
  }
}

/** How long a client that was answered may go on sending, so that it can read why. */
const LINGER_MS = 10_000;

/** What was not read of a request is let through, for a while. */
export function letGo(message: IncomingMessage): void {
  if (message.readableEnded) return;
  message.resume();
  const timer = setTimeout(() => message.socket.destroy(), LINGER_MS);
  timer.unref();
  message.once("close", () => {
    clearTimeout(timer);
  });
}

/** The body of a request, read or passed on as it comes, and counted. */
export class IncomingBody implements RequestBody {
  readonly #chunked: boolean;
  readonly #declared: number | undefined;
  #max = Infinity;
  #readBytes = 0;
  #read: Promise<Buffer | undefined> | undefined;
  /** Tells whoever waits for the body that no more of it comes. */
  #onStall: (() => void) | undefined;

  constructor(
    private readonly message: IncomingMessage,
    /** `framing`: where somebody else has read the head. */
    { idleMs = IDLE_MS, framing }: { idleMs?: number; framing?: Framing } = {},
  ) {
    const { length, chunked } = framing ?? framingOf(message);
    this.#chunked = chunked;
    this.#declared = length === undefined ? undefined : Number(length);
    if (!this.exists) return;
    message.setTimeout(idleMs, () => {
      if (this.#onStall) this.#onStall();
      else message.socket.destroy();
    });
    message.once("end", () => {
      message.setTimeout(0);
    });
  }

  /** False for a request that has none. */
  get exists(): boolean {
    return (this.#declared ?? 0) > 0 || this.#chunked;
  }

  limit(maxBytes: number): boolean {
    this.#max = maxBytes;
    return Math.max(this.#declared ?? 0, this.#readBytes) > maxBytes;
  }

  async read(maxBytes: number): Promise<Buffer | undefined> {
    if ((this.#declared ?? 0) > maxBytes) return undefined;
    this.#read ??= this.#collect(Math.min(maxBytes, MOST_READ));
    const bytes = await this.#read;
    return bytes && bytes.length <= maxBytes ? bytes : undefined;
  }

  /** What was read, or what passes on as it comes. */
  async passOn(): Promise<Buffer | PassingBody | undefined> {
    if (this.#read) return (await this.#read) ?? Promise.reject(new BodyRefused(TOO_LARGE));
    if (!this.exists) return undefined;
    const passing = new PassingBody(this.message, this.#declared, this.#max);
    this.#onStall = () => {
      passing.fail(new BodyRefused(STALLED));
    };
    return passing;
  }

  #collect(maxBytes: number): Promise<Buffer | undefined> {
    const { message } = this;
    const chunks: Buffer[] = [];
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        // Every message closes, most of them after their end.
        if (!message.readableEnded) reject(new ClientGone());
      };
      // Nothing of it comes any more, whoever has read it.
      if (message.destroyed || message.readableEnded) reject(new ClientGone());
      message.once("close", gone);
      this.#onStall = () => {
        reject(new BodyRefused(STALLED));
      };
      const keep = (chunk: Buffer): void => {
        this.#readBytes += chunk.length;
        chunks.push(chunk);
        if (this.#readBytes <= Math.min(this.#max, maxBytes)) return;
        message.off("data", keep).pause();
        resolve(undefined);
      };
      message.on("data", keep);
      message.once("end", () => {
        this.#onStall = undefined;
        resolve(Buffer.concat(chunks));
      });
      message.once("error", gone);
    });
  }
}
