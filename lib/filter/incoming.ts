import { IncomingMessage } from "node:http";
import { hostName, originForm } from "../decision/request-target";
import { contains } from "../policy/kinds/addresses";
import { canonicalAddress } from "../policy/client-address";
import type { FilterPlan } from "../decision/filter-plan";
import { BodyRefused, STALLED, TOO_LARGE, type GatewayRequest, type HeaderLine, type RequestBody } from "../policy";

/** A request that comes in on one of our listeners, as policies see it. */

/** Requests that offer another protocol; not a field, since Node writes it before there are any. */
const offering = new WeakSet<IncomingMessage>();

/**
 * A request whose offers of protocols other than WebSocket are passed over (RFC 9110 section 7.8). Node would take its body
 * from it otherwise, whatever is offered: it asks for this property once the headers are there.
 */
export class ClientMessage extends IncomingMessage {
  get upgrade(): boolean {
    if (!offering.has(this)) return false;
    const offers = headerLines(this.rawHeaders).filter(([name]) => name.toLowerCase() === "upgrade");
    return offers.some(([, value]) => /(^|,)\s*websocket\s*(,|$)/i.test(value));
  }
  set upgrade(asked: boolean) {
    if (asked) offering.add(this);
    else offering.delete(this);
  }
  /** Its offer is passed over. Node's parser has let go of whatever came behind it in one piece. */
  get offersInVain(): boolean {
    return offering.has(this) && !this.upgrade;
  }
}

export function headerLines(raw: readonly string[]): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let i = 0; i < raw.length; i += 2) lines.push([raw[i] as string, raw[i + 1] as string]);
  return lines;
}

/** The value of the only line of that name. */
export function onlyValue(lines: readonly HeaderLine[], name: string): string | undefined {
  let found: string | undefined;
  for (const [n, value] of lines) {
    if (n.length !== name.length || n.toLowerCase() !== name) continue;
    if (found !== undefined) return undefined;
    found = value;
  }
  return found;
}

/** Bytes of the head as it was sent. */
export function headBytes(method: string, target: string, headers: readonly HeaderLine[]): number {
  let bytes = method.length + target.length + " HTTP/1.1\r\n\r\n".length + 1;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return bytes;
}

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

/** A name, perhaps with a port, or an address in brackets. */
const HOST = /^(?:[^:]+|\[[^\]]*\])(?::\d*)?$/;

/** Where a proxy passes on Host as it came, and says beside it whom nginx took the request for: a target in absolute form counts. */
export const forwardedHost = (said: string, forwarded: string | undefined): string =>
  hostName(forwarded !== undefined && HOST.test(said) ? forwarded : said);

const OF_PROXY = /^x-gateway-/i;

/** What a proxy passes through: it has said which route and which client, and no client can say so. */
export function fromProxy(message: IncomingMessage): { request: GatewayRequest; route: string } | undefined {
  const lines = headerLines(message.rawHeaders);
  const host = onlyValue(lines, "host");
  const route = onlyValue(lines, "x-gateway-route");
  const client = canonicalAddress(onlyValue(lines, "x-gateway-client") ?? "");
  const { method, url } = message;
  if (!host || !client || !method || !url || !route) return undefined;
  const headers = lines.filter(([name]) => !OF_PROXY.test(name));
  const request: GatewayRequest = {
    // The proxy's own word on it.
    scheme: onlyValue(lines, "x-forwarded-proto") === "http" ? "http" : "https",
    method,
    host: hostName(host),
    target: url,
    headers,
    client,
    headBytes: headBytes(method, url, headers),
    body: new IncomingBody(message),
  };
  return { request, route };
}

/** Who in front is believed, and how many of them. */
type TrustedFront = Pick<FilterPlan["front"], "hops" | "networks">;

/** Address of whoever has opened the connection. */
export const peerOf = ({ socket }: IncomingMessage): string => canonicalAddress(socket.remoteAddress ?? "") ?? "";

/**
 * The client, as the trusted hops in front tell: the N-th address from the right, never the whole list. It is the peer where
 * that is none of the networks in front, or where what is told is no address.
 */
export function forwardedClient(peer: string, told: readonly string[], { hops, networks }: TrustedFront): string {
  if (hops === 0 || !contains(networks, peer)) return peer;
  return canonicalAddress(told.at(-hops) ?? "") ?? peer;
}

function clientOf(message: IncomingMessage, lines: readonly HeaderLine[], front: TrustedFront): string {
  if (front.hops === 0) return peerOf(message);
  const forwarded = lines.filter(([name]) => name.toLowerCase() === "x-forwarded-for").map(([, value]) => value);
  return forwardedClient(peerOf(message), forwarded.join(",").split(","), front);
}

/** A request of a client, where the filter is the gateway itself. */
export function fromClient(
  message: IncomingMessage,
  scheme: "http" | "https",
  front: TrustedFront,
): GatewayRequest | undefined {
  const lines = headerLines(message.rawHeaders);
  const said = onlyValue(lines, "host");
  const { method, url } = message;
  if (!said || !method || !url) return undefined;
  const { host, target } = originForm(said, url);
  return {
    scheme,
    method,
    host: hostName(host),
    target,
    headers: lines,
    client: clientOf(message, lines, front),
    headBytes: headBytes(method, url, lines),
    body: new IncomingBody(message),
  };
}
