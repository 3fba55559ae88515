import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

/** How a key server can be: `silent` takes the request and never answers, `trickle` sends a byte now and then. */
export type KeyServerMode =
  "good" | "refused" | "silent" | "slow" | "trickle" | "error" | "html" | "empty" | "wrong" | "large" | "redirect";

const MOVED = "/moved";
const LARGE_BYTES = 10 * 1024 * 1024;

export interface Certificate {
  cert: string;
  key: string;
}

/** A key server that can be made to fail; its keys are whatever `keySet` says at the moment of the request. */
export class FaultyKeyServer {
  connections = 0;
  /** Requests that have come in, in all modes. */
  requests = 0;
  /** Requests that have followed the redirect: there should be none. */
  followed = 0;
  slowMs = 30_000;
  #mode: KeyServerMode = "good";
  #server: Server | undefined;
  #port = 0;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly keySet: () => string,
    private certificate?: Certificate,
  ) {}

  static async start(keySet: () => string, options: { certificate?: Certificate } = {}): Promise<FaultyKeyServer> {
    const server = new FaultyKeyServer(keySet, options.certificate);
    await server.#listen();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `${this.certificate ? "https" : "http"}://127.0.0.1:${String(this.#port)}/keys`;
  }

  /** From now on; requests that wait for an answer are cut, as by a server that has been restarted. */
  async set(mode: KeyServerMode): Promise<void> {
    this.#mode = mode;
    this.#forget();
    this.#server?.closeAllConnections();
    if (mode === "refused") this.#close();
    else if (!this.#server) await this.#listen();
  }

  /** New connections see this certificate. */
  async useCertificate(certificate: Certificate): Promise<void> {
    this.certificate = certificate;
    this.#close();
    await this.#listen();
  }

  stop(): Promise<void> {
    this.#forget();
    this.#close();
    return Promise.resolve();
  }

  #forget(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers.clear();
  }

  async #listen(): Promise<void> {
    const answer = (message: IncomingMessage, response: ServerResponse): void => {
      this.#answer(message, response);
    };
    const server = this.certificate ? https.createServer(this.certificate, answer) : http.createServer(answer);
    this.#server = server;
    server.on("connection", () => (this.connections += 1));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  #close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#server = undefined;
  }

  #later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  #answer(message: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    if (message.url === MOVED) this.followed += 1;
    const send = (status: number, body: string, type = "application/json"): void => {
      response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
      response.end(body);
    };
    switch (this.#mode) {
      case "good":
        send(200, this.keySet());
        break;
      case "refused":
        message.socket.resetAndDestroy();
        break;
      case "silent":
        break;
      case "slow":
        this.#later(this.slowMs, () => {
          send(200, this.keySet());
        });
        break;
      case "trickle":
        this.#trickle(response);
        break;
      case "error":
        send(500, '{"error":"unknown_error"}');
        break;
      case "html":
        send(200, "<!doctype html><title>Maintenance</title><p>We are back soon.</p>", "text/html");
        break;
      case "empty":
        send(200, '{"keys":[]}');
        break;
      case "wrong":
        send(200, '{"keys":"none","error":null}');
        break;
      case "large":
        // A key set that is right in all but its size.
        send(200, this.keySet().replace(/^\{/, `{"padding":"${"x".repeat(LARGE_BYTES)}",`));
        break;
      case "redirect":
        if (message.url === MOVED) send(200, this.keySet());
        else response.writeHead(302, { location: MOVED, "content-length": 0 }).end();
        break;
    }
  }

  #trickle(response: ServerResponse): void {
    const body = Buffer.from(this.keySet());
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    let at = 0;
    const timer = setInterval(() => {
      response.write(body.subarray(at, at + 1));
      at += 1;
      if (at < body.length) return;
      clearInterval(timer);
      this.#timers.delete(timer);
      response.end();
    }, 100);
    this.#timers.add(timer);
  }
}
