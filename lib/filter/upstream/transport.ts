import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { HOP_BY_HOP, serviceHeaders, type HostHeaders } from "../../decision/answer";
import type { Transport } from "../../decision/call";
import { NoAnswer } from "../../policy/no-answer";
import { BodyRefused, type Exchange, type HeaderLine, type ServiceAnswer } from "../../policy";
import type { BackendTls } from "../../policy/kinds/route-shape";
import type { SeveralAddresses } from "../../decision/filter-plan";
import type { Departure } from "../departure";
import { ClientGone, type BodySink, type IncomingBody, type PassingBody } from "../incoming-body";
import type { AnswerHead } from "./answer-reader";
import type { Balancer } from "../../decision/balancer";
import type { Connections } from "./connections";
import type { Caller, ServiceConnection } from "./service-connection";

/** A handshake's answer, with the connection that it has opened. */
export interface UpgradedAnswer extends ServiceAnswer {
  socket?: Socket;
  head?: Buffer;
}

interface Call {
  exchange: Exchange;
  addresses: Readonly<Record<string, string>>;
  /** Services that are at several. */
  several: Readonly<Record<string, SeveralAddresses>>;
  balancer: Balancer;
  /** Services that are called by TLS. */
  tls: Readonly<Record<string, BackendTls>>;
  /** The largest head of an answer. */
  headBytes: number;
  ofHost: HostHeaders;
  body: IncomingBody;
  connections: Connections;
  client: Departure;
  websocket: boolean;
}

/** How long a try may take, in milliseconds and until when by `Date.now()`. */
interface Times {
  firstByteMs: number;
  untilMs: number;
}

/** Sends one exchange to its service over HTTP/1.1. */
export class HttpTransport implements Transport {
  readonly #tried = new Set<string>();

  constructor(private readonly call: Call) {}

  /** A body that may be sent again must be had whole. */
  async prepare(): Promise<void> {
    const { body, exchange } = this.call;
    if (exchange.call.tries > 1 && body.exists) await body.read(Infinity);
  }

  async send(service: string, firstByteMs: number, untilMs: number): Promise<UpgradedAnswer> {
    const several = this.call.several[service];
    if (!several) return this.#ask(service, this.call.addresses[service] ?? "", firstByteMs, untilMs);
    const { balancer } = this.call;
    return balancer.ask(service, several, this.#tried, (address) => this.#ask(service, address, firstByteMs, untilMs));
  }

  async #ask(service: string, address: string, firstByteMs: number, untilMs: number): Promise<UpgradedAnswer> {
    const { body, tls, connections, client } = this.call;
    const content = await body.passOn();
    if (client.hasLeft) throw new ClientGone();
    const pool = connections.to(address, tls[service]);
    if (!pool) throw new NoAnswer("connect-failure");
    const head = requestHead(this.call, content);
    const attempt = new Attempt(this.call, pool.take(), content, { firstByteMs, untilMs });
    await attempt.ask(head);
    return attempt.answer();
  }

  discard(answer: ServiceAnswer): void {
    if (Buffer.isBuffer(answer.body)) return;
    answer.body.on("error", () => undefined);
    answer.body.resume();
  }
}

/** What no line of a head may hold (RFC 9110 section 5.5), whoever has set it. */
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const NO_TARGET = /[^\x21-\xff]/;
const ABOUT_BODY = new Set(["POST", "PUT", "PATCH"]);

/** The head as it is sent. Throws where something in it would end its line. */
function requestHead({ exchange, ofHost, websocket }: Call, content: Buffer | PassingBody | undefined): string {
  const { request, upstream } = exchange;
  if (NO_TARGET.test(upstream.target)) throw new Error("The target cannot be sent.");
  let head = `${request.method} ${upstream.target} HTTP/1.1\r\n`;
  // A request that is about its body says that it has none (RFC 9110 section 8.6).
  let saysLength = ABOUT_BODY.has(request.method);
  for (const [name, value] of serviceHeaders(exchange, ofHost)) {
    // How the body is framed is said below.
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      saysLength = true;
      continue;
    }
    const line = `${name}: ${value}`;
    if (NO_VALUE.test(line)) throw new Error(`The header ${name} cannot be sent.`);
    head += `${line}\r\n`;
  }
  head += websocket ? "Connection: Upgrade\r\nUpgrade: websocket\r\n" : "Connection: keep-alive\r\n";
  if (content?.length !== undefined) head += `Content-Length: ${String(content.length)}\r\n`;
  else if (content) head += "Transfer-Encoding: chunked\r\n";
  else if (saysLength) head += "Content-Length: 0\r\n";
  return `${head}\r\n`;
}

const ofAnswer = ([name]: HeaderLine): boolean => {
  const key = name.toLowerCase();
  return key === "trailer" || !HOP_BY_HOP.has(key);
};

/** One try on one connection. */
class Attempt implements Caller, BodySink {
  #resolve!: () => void;
  #reject!: (error: Error) => void;
  /** It is all the same now whether the client leaves. */
  #stay = (): void => undefined;
  #settled = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #passing: PassingBody | undefined;
  readonly #startMs = Date.now();
  #endMs: number;
  #head: AnswerHead | undefined;
  #upgraded: { socket: Socket; head: Buffer } | undefined;
  /** What has come of the answer before anybody could read it. */
  readonly #early: Buffer[] = [];
  #body: AnswerBody | undefined;
  #trailers: readonly HeaderLine[] = [];
  #whole = false;
  #sent: boolean;
  #broken: NoAnswer | undefined;

  constructor(
    private readonly call: Call,
    private readonly connection: ServiceConnection,
    private readonly content: Buffer | PassingBody | undefined,
    private readonly times: Times,
  ) {
    this.#passing = Buffer.isBuffer(content) ? undefined : content;
    this.#sent = this.#passing === undefined;
    this.#endMs = times.untilMs;
  }

  /** Resolves when the head of the answer is there. */
  ask(head: string): Promise<void> {
    const { call, connection, content } = this;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#stay = call.client.onLeave(() => {
        this.#fail(new ClientGone());
        // An answer may have come before the body was read: whoever would send the rest of it is not there any more.
        connection.destroy();
      });
      const question = { method: call.exchange.request.method, headBytes: call.headBytes, upgrades: call.websocket };
      const passing = this.#passing;
      // While its client sends, nobody waits for the service yet.
      if (!passing || !connection.isConnected) this.#wait();
      connection.ask(
        this,
        question,
        head,
        passing ? undefined : (content as Buffer | undefined),
        passing !== undefined,
      );
      passing?.begin(this);
    });
  }

  /** The answer, whose head is there: with what has come with it, or as it comes. */
  answer(): UpgradedAnswer {
    const { status, headers, length } = this.#head as AnswerHead;
    const lines = headers.filter(ofAnswer);
    const whole = this.#whole && length !== undefined;
    if (whole || this.#upgraded) {
      const [first = Buffer.alloc(0), ...more] = this.#early;
      const body = more.length > 0 ? Buffer.concat(this.#early) : first;
      return { by: "service", status, headers: lines, body, ...this.#upgraded };
    }
    return { by: "service", status, headers: lines, body: this.#stream(), trailers: () => this.#trailers };
  }

  /** The answer as it comes; it breaks when it pauses too long, or when the time for all of it is over. */
  #stream(): Readable {
    const body = new AnswerBody(this.connection, () => {
      clearTimeout(this.#timer);
    });
    this.#body = body;
    for (const bytes of this.#early) body.push(bytes);
    if (this.#broken) body.destroy(this.#broken);
    else if (this.#whole) body.end();
    else {
      const { idleMs } = this.call.exchange.call;
      // An answer that nobody reads on pauses as well.
      if (idleMs !== Infinity) this.connection.watch(idleMs);
      if (this.#endMs !== Infinity) {
        this.#timer = setTimeout(
          () => {
            this.onPause();
          },
          Math.max(0, this.#endMs - Date.now()),
        );
      }
    }
    return body;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#fail(new NoAnswer("timeout"));
    }, this.times.firstByteMs);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    clearTimeout(this.#timer);
    return true;
  }

  #fail(error: Error): void {
    if (!this.#settle()) return;
    this.connection.destroy();
    this.#reject(error);
  }

  onConnect(): void {
    if (this.#settled) return;
    // How long a client takes to send its body is no fault of the service.
    if (this.#passing) clearTimeout(this.#timer);
    else this.#wait();
  }

  onDrain(): void {
    this.#passing?.resume();
    // The time to the first byte begins when the service has the request.
    if (!this.#settled && !this.#passing) this.#wait();
  }

  onHead(head: AnswerHead): void {
    this.#head = head;
    if (this.#settle() && head.status !== 101) this.#resolve();
  }

  onUpgrade(socket: Socket, head: Buffer): void {
    this.#upgraded = { socket, head };
    this.call.client.onLeave(() => socket.destroy());
    this.#resolve();
  }

  onData(bytes: Buffer): void {
    if (!this.#body) this.#early.push(bytes);
    else if (!this.#body.push(bytes)) this.connection.pause();
  }

  onEnd(trailers: HeaderLine[]): void {
    this.#trailers = trailers;
    this.#whole = true;
    this.#body?.end();
    if (this.#sent) this.#stay();
  }

  onPause(): void {
    this.#body?.destroy(new NoAnswer("timeout"));
  }

  onLost(): void {
    this.#stay();
    this.#passing?.drop();
    const kind = this.connection.isConnected ? "reset" : "connect-failure";
    if (this.#settle()) this.#reject(new NoAnswer(kind));
    else if (!this.#whole) {
      this.#broken = new NoAnswer("reset");
      this.#body?.destroy(this.#broken);
    }
  }

  onBytes(bytes: Buffer): boolean {
    return this.connection.write(bytes, this.#passing?.length === undefined);
  }

  onWhole(): void {
    this.#sent = true;
    if (this.#whole) this.#stay();
    this.connection.finish(this.#passing?.length === undefined, () => {
      if (this.#settled) return;
      this.#endMs += Date.now() - this.#startMs;
      this.#wait();
    });
  }

  /** A client that breaks off is no fault of the service. */
  onBroken(error: Error): void {
    this.#fail(error instanceof BodyRefused ? error : new ClientGone());
    this.connection.destroy();
  }
}

/** What comes of an answer after its head. */
class AnswerBody extends Readable {
  #ended = false;

  constructor(
    private readonly connection: ServiceConnection,
    private readonly onOver: () => void,
  ) {
    super();
    // It may break before anybody reads it, while a policy asks the store about something else.
    this.on("error", () => undefined);
  }

  end(): void {
    this.#ended = true;
    this.onOver();
    this.push(null);
  }

  override _read(): void {
    if (!this.#ended) this.connection.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.onOver();
    if (!this.#ended) this.connection.destroy();
    callback(error);
  }
}
