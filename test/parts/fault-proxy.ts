import net, { type AddressInfo, type Server, type Socket } from "node:net";

/**
 * What lies between two parts: `pass` is a good network; `refuse` has nobody listening; `reset` accepts and resets;
 * `blackhole` swallows every byte for good; `hold` is a partition, whose bytes arrive when it heals.
 */
export type FaultMode = "pass" | "refuse" | "reset" | "blackhole" | "hold";

interface Chunk {
  bytes: Buffer;
  due: number;
}

/** A handle that is shutting down cannot be reset: libuv refuses it, and node spins at its own exit (20.20). */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** One direction of a connection: bytes wait here for their time, in order. */
class Stream {
  readonly #waiting: Chunk[] = [];
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly to: Socket,
    private readonly held: () => boolean,
  ) {}

  push(bytes: Buffer, delayMs: number): void {
    this.#waiting.push({ bytes, due: performance.now() + delayMs });
    this.flush();
  }

  end(): void {
    this.#ended = true;
    this.flush();
  }

  flush(): void {
    clearTimeout(this.#timer);
    if (this.held()) return;
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const left = first.due - performance.now();
      if (left > 0) {
        this.#timer = setTimeout(() => {
          this.flush();
        }, left);
        return;
      }
      this.#waiting.shift();
      this.to.write(first.bytes);
    }
    if (this.#ended) this.to.end();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }
}

class Link {
  /** It has lost bytes: going on would be another stream than the one that was sent. */
  broken = false;
  readonly server: Socket;
  readonly up: Stream;
  readonly down: Stream;

  constructor(
    readonly client: Socket,
    target: number,
    held: () => boolean,
  ) {
    this.server = net.connect({ port: target, host: "127.0.0.1", allowHalfOpen: true });
    this.up = new Stream(this.server, held);
    this.down = new Stream(client, held);
  }

  destroy(): void {
    this.up.stop();
    this.down.stop();
    reset(this.client);
    reset(this.server);
  }
}

/** A TCP proxy on loopback whose network can be made bad, for connections that are there and for new ones. */
export class FaultProxy {
  /** Connections accepted since the start. */
  connections = 0;
  /** Pieces that clients have sent: a short request is one, on a connection of its own or on one that was kept. */
  chunksUp = 0;
  bytesUp = 0;
  bytesDown = 0;
  #mode: FaultMode = "pass";
  #delayMs = 0;
  #server: Server | undefined;
  #port = 0;
  readonly #links = new Set<Link>();

  /** New connections go to this port. */
  constructor(public target: number) {}

  static async start(target: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get mode(): FaultMode {
    return this.#mode;
  }

  get open(): number {
    return this.#links.size;
  }

  /** Connections that are there feel it too, except `refuse` and `reset`, which only new ones meet: see `cut`. */
  async set(mode: FaultMode): Promise<void> {
    const before = this.#mode;
    this.#mode = mode;
    if (mode === "refuse") this.#close();
    else if (!this.#server) await this.#listen();
    if (mode !== "blackhole" && before === "blackhole") {
      for (const link of [...this.#links]) if (link.broken) this.#drop(link);
    }
    for (const link of this.#links) {
      link.up.flush();
      link.down.flush();
    }
  }

  /** Every chunk is this much later, each way. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Resets the connections that are there. */
  cut(): void {
    for (const link of [...this.#links]) this.#drop(link);
  }

  stop(): Promise<void> {
    this.#mode = "refuse";
    this.#close();
    this.cut();
    return Promise.resolve();
  }

  async #listen(): Promise<void> {
    const server = net.createServer({ allowHalfOpen: true }, (client) => {
      this.#accept(client);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  #close(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  #accept(client: Socket): void {
    this.connections += 1;
    if (this.#mode === "reset" || this.#mode === "refuse") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, this.target, () => this.#mode === "hold" || this.#mode === "blackhole");
    this.#links.add(link);
    this.#carry(link, link.client, link.up, (n) => {
      this.chunksUp += 1;
      this.bytesUp += n;
    });
    this.#carry(link, link.server, link.down, (n) => (this.bytesDown += n));
  }

  #carry(link: Link, from: Socket, stream: Stream, count: (bytes: number) => void): void {
    from.setNoDelay(true);
    from.on("data", (bytes: Buffer) => {
      count(bytes.length);
      if (this.#mode === "blackhole") link.broken = true;
      else stream.push(bytes, this.#delayMs);
    });
    from.on("end", () => {
      if (this.#mode === "blackhole") link.broken = true;
      else stream.end();
    });
    // What a sender that has reset its connection had not got through is never sent.
    from.on("error", () => {
      this.#drop(link);
    });
    from.on("close", () => {
      if (link.client.destroyed && link.server.destroyed) this.#links.delete(link);
    });
  }

  #drop(link: Link): void {
    link.destroy();
    this.#links.delete(link);
  }
}
