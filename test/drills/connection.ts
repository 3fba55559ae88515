import net, { type Socket } from "node:net";

export interface Answer {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: string;
  ms: number;
}

interface Waiting {
  start: number;
  timer: NodeJS.Timeout;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * One keep-alive connection, one request at a time. Nothing is tried again here: a connection that ends under a request
 * is a failed request.
 */
export class Connection {
  #data: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #ended: Error | undefined;
  #last = false;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#data = this.#data.length === 0 ? chunk : Buffer.concat([this.#data, chunk]);
      this.#settle();
    });
    socket.on("error", (error) => {
      this.#fail(error);
    });
    socket.on("close", () => {
      this.#fail(new Error("closed without an answer"));
    });
  }

  static open(port: number, limitMs = 2_000): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: "127.0.0.1" });
      const timer = setTimeout(() => socket.destroy(new Error("not connected in time")), limitMs);
      socket.once("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.removeAllListeners("error");
        resolve(new Connection(socket));
      });
    });
  }

  /** False once the other side has ended it, or has said that it will. */
  get usable(): boolean {
    return this.#ended === undefined && !this.#last;
  }

  ask(bytes: Buffer, limitMs = 10_000): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const timer = setTimeout(() => {
        this.#fail(new Error(`no answer in ${String(limitMs)} ms`));
        this.socket.destroy();
      }, limitMs);
      this.#waiting = { start: performance.now(), timer, resolve, reject };
      this.socket.write(bytes);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (!waiting) return;
    clearTimeout(waiting.timer);
    waiting.reject(error);
  }

  #settle(): void {
    const waiting = this.#waiting;
    const at = this.#data.indexOf(HEAD_END);
    if (!waiting || at < 0) return;
    const [first = "", ...lines] = this.#data.subarray(0, at).toString("latin1").split("\r\n");
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const body = this.#body(headers, at + HEAD_END.length);
    if (body === undefined) return;
    this.#data = Buffer.alloc(0);
    this.#waiting = undefined;
    clearTimeout(waiting.timer);
    this.#last = headers.get("connection")?.toLowerCase() === "close";
    waiting.resolve({ status: Number(first.split(" ")[1]), headers, body, ms: performance.now() - waiting.start });
  }

  /** The body once it is whole. */
  #body(headers: ReadonlyMap<string, string>, from: number): string | undefined {
    if (headers.get("transfer-encoding") === "chunked") {
      const text = this.#data.toString("latin1", from);
      return text.endsWith("0\r\n\r\n") ? text : undefined;
    }
    const length = Number(headers.get("content-length") ?? 0);
    return this.#data.length < from + length ? undefined : this.#data.toString("utf8", from, from + length);
  }
}
