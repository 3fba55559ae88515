import type { Socket } from "node:net";
import type { HeaderLine } from "../../policy";
import { AnswerReader, type AnswerHead, type AnswerSink, type Question } from "./answer-reader";

/** How long a service may go on reading a request that it has answered. */
const LINGER_MS = 10_000;

/** After so long without a word it is asked whether the other side is still there (`SO_KEEPALIVE`). */
const ALIVE_MS = 1_000;

/** A body of at most this many bytes is sent in one piece with its head. */
const ONE_PIECE_BYTES = 16 * 1024;

/** Who waits for an answer. */
export interface Caller extends AnswerSink {
  /** The service can be reached: it gets the request now. */
  onConnect(): void;
  /** What was written is with the system; more can be. */
  onDrain(): void;
  /** Nothing was heard, or nothing could be said, for the time of `watch`. */
  onPause(): void;
  /** There will be no (more) answer; why, where that is known. */
  onLost(reason?: Error): void;
  /** After the answer 101 the connection is the caller's, with what has come behind that. */
  onUpgrade(socket: Socket, bytes: Buffer): void;
}

/** A connection to a service: one exchange after the other, and none that begins before the last one's end. */
export class ServiceConnection implements AnswerSink {
  readonly #reader = new AnswerReader(this);
  #caller: Caller | undefined;
  #isConnected = false;
  /** Nothing of the request is left to be written. */
  #sent = true;
  #last = false;
  #over = false;
  #upgraded = false;
  #watched = false;
  #paused = false;
  readonly #listeners: readonly (readonly [string, (said: Buffer & Error) => void])[] = [
    [
      "data",
      (bytes) => {
        this.#read(bytes);
      },
    ],
    [
      "drain",
      () => {
        this.#caller?.onDrain();
        if (this.#reader.idle && this.#sent) this.#end();
      },
    ],
    ["timeout", () => this.#caller?.onPause()],
    [
      "end",
      () => {
        this.#reader.close();
        this.destroy();
      },
    ],
    [
      "error",
      (reason) => {
        this.destroy(reason);
      },
    ],
    [
      "close",
      () => {
        this.destroy();
      },
    ],
  ];
  /** Until when the service keeps it when nothing comes (`Date.now()`). */
  keptUntilMs = Infinity;

  constructor(
    private readonly socket: Socket,
    secure: boolean,
    /** The last exchange is over, and another may begin. */
    private readonly onFree: (connection: ServiceConnection) => void,
    private readonly onClosed: (connection: ServiceConnection) => void,
  ) {
    socket.setNoDelay(true);
    socket.once(secure ? "secureConnect" : "connect", () => {
      this.#isConnected = true;
      // A pod that vanished says nothing: nobody else would find out before the next request.
      socket.setKeepAlive(true, ALIVE_MS);
      this.#caller?.onConnect();
    });
    for (const [event, listener] of this.#listeners) socket.on(event, listener);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** Asks; the body follows by `write`, or is there. */
  ask(caller: Caller, question: Question, head: string, body: Buffer | undefined, follows: boolean): void {
    this.#caller = caller;
    this.#reader.begin(question);
    this.#sent = !follows;
    this.#last = false;
    const { socket } = this;
    if (!body || body.length > ONE_PIECE_BYTES) {
      socket.write(head, "latin1");
      if (body) socket.write(body);
      return;
    }
    const whole = Buffer.allocUnsafe(head.length + body.length);
    whole.write(head, "latin1");
    whole.set(body, head.length);
    socket.write(whole);
  }

  /** More of the body, framed as the head has said. */
  write(bytes: Buffer, chunked: boolean): boolean {
    const { socket } = this;
    if (!chunked) return socket.write(bytes);
    socket.cork();
    socket.write(`${bytes.length.toString(16)}\r\n`, "latin1");
    socket.write(bytes);
    const goesOn = socket.write("\r\n", "latin1");
    socket.uncork();
    return goesOn;
  }

  /** The request is whole; `then` when the system has it. */
  finish(chunked: boolean, then: () => void): void {
    if (this.#over) return;
    this.socket.write(chunked ? "0\r\n\r\n" : "", "latin1", () => {
      this.#sent = true;
      then();
      if (this.#reader.idle) this.#end();
    });
  }

  /** The caller is told when nothing has moved for so long. */
  watch(idleMs: number): void {
    this.#watched = true;
    this.socket.setTimeout(idleMs);
  }

  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** Ends it, whatever is under way. */
  destroy(reason?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.stop();
    this.socket.destroy();
    this.onClosed(this);
    const caller = this.#caller;
    this.#caller = undefined;
    caller?.onLost(reason);
  }

  onHead(head: AnswerHead): void {
    this.#last = head.last;
    this.#upgraded = head.status === 101;
    // A second less than it says, so that a request does not meet its end.
    this.keptUntilMs = head.keptMs === undefined ? Infinity : Date.now() + head.keptMs - 1_000;
    this.#caller?.onHead(head);
  }

  onData(bytes: Buffer): void {
    this.#caller?.onData(bytes);
  }

  onEnd(trailers: HeaderLine[]): void {
    this.#caller?.onEnd(trailers);
    // A body that was handed over whole may wait in the socket: nothing of it may stand before the next request.
    if (this.#sent && this.socket.writableLength === 0) {
      this.#end();
      return;
    }
    // A service that has said all and reads no more holds nobody's connection.
    const unread = setTimeout(() => {
      this.destroy();
    }, LINGER_MS);
    unread.unref();
    this.socket.once("close", () => {
      clearTimeout(unread);
    });
    this.#last = true;
  }

  #read(bytes: Buffer): void {
    // What nobody has asked for could be taken for the answer to what is asked next.
    if (this.#reader.idle) {
      this.destroy();
      return;
    }
    try {
      const rest = this.#reader.read(bytes);
      if (this.#upgraded) this.#handOver(rest);
      else if (rest.length > 0) this.destroy();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this;
    const caller = this.#caller;
    this.#over = true;
    this.#caller = undefined;
    for (const [event, listener] of this.#listeners) socket.off(event, listener);
    socket.pause();
    this.onClosed(this);
    caller?.onUpgrade(socket, bytes);
  }

  #end(): void {
    if (this.#over || !this.#caller) return;
    this.#caller = undefined;
    if (this.#last || !this.socket.writable) {
      this.destroy();
      return;
    }
    if (this.#watched) this.socket.setTimeout(0);
    this.#watched = false;
    this.resume();
    this.onFree(this);
  }
}
