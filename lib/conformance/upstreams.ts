import { createHash } from "node:crypto";
import https from "node:https";
import http2 from "node:http2";
import http, { type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayModel } from "../model";
import type { HeaderLine } from "../policy";
import type { Behaviour } from "./case";
import { bodyOf } from "./wire";

/** What an upstream has seen of one request. */
export interface Seen {
  service: string;
  method: string;
  path: string;
  headers: HeaderLine[];
  body: Buffer;
}

export interface Answering {
  status: number;
  headers: Record<string, string>;
  body: Buffer | undefined;
  delayMs: number;
  /** Over which the body is sent. */
  takesMs: number;
  reset: boolean;
}

/** How the services of a system behave in the present case, and what they have seen in it. */
export class Services {
  readonly seen: Seen[] = [];
  #behaviours: Readonly<Record<string, Behaviour>> = {};
  #answered = new Map<string, number>();

  begin(behaviours: Readonly<Record<string, Behaviour>>): void {
    this.#behaviours = behaviours;
    this.#answered.clear();
    this.seen.length = 0;
  }

  /** What is said of an instance, or of the service that it is one of. */
  #named(service: string): string {
    return service in this.#behaviours ? service : service.replace(/-\d+$/, "");
  }

  isDown(service: string): boolean {
    return this.#behaviours[this.#named(service)]?.down ?? false;
  }

  /** The answer to the next request of a service. */
  next(seen: Seen): Answering {
    this.seen.push(seen);
    const named = this.#named(seen.service);
    const items = this.#behaviours[named]?.respond ?? [];
    let left = this.#answered.get(named) ?? 0;
    this.#answered.set(named, left + 1);
    const expanded = items.map((item) =>
      typeof item === "number" ? { status: item, headers: {}, delay: 0, reset: false, times: 1 } : item,
    );
    const item = expanded.find((i, at) => {
      if (left < i.times || at === expanded.length - 1) return true;
      left -= i.times;
      return false;
    });
    const spec = item && "body" in item ? item.body : undefined;
    const body = bodyOf(spec);
    return {
      status: item?.status ?? 200,
      headers: { ...(body.type !== undefined && { "content-type": body.type }), ...item?.headers },
      body: body.bytes,
      delayMs: (item?.delay ?? 0) * 1000,
      takesMs: 1000 * (typeof spec === "object" ? (spec.takes ?? 0) : 0),
      reset: item?.reset ?? false,
    };
  }
}

/** The answer of an echo server. */
export function echoOf({ service, method, path, headers, body }: Seen): Buffer {
  const joined: Record<string, string> = {};
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    joined[key] = joined[key] === undefined ? value : `${joined[key]}, ${value}`;
  }
  return Buffer.from(
    JSON.stringify({ service, method, path, headers: joined, body: body.toString("latin1").slice(0, 4096) }),
  );
}

const PIECES = 10;

async function inPieces(response: ServerResponse, body: Buffer, ms: number): Promise<void> {
  const size = Math.ceil(body.length / PIECES);
  for (let at = 0; at < body.length && !response.destroyed; at += size) {
    response.write(body.subarray(at, at + size));
    await sleep(ms / PIECES);
  }
  response.end();
}

/** Over HTTP/2 `:authority` is the Host, and the other pseudo headers are none. */
const rawLines = (message: IncomingMessage): HeaderLine[] =>
  Array.from({ length: message.rawHeaders.length / 2 }, (_, i): HeaderLine => {
    const name = message.rawHeaders[2 * i] as string;
    return [name === ":authority" ? "host" : name, message.rawHeaders[2 * i + 1] as string];
  }).filter(([name]) => !name.startsWith(":"));

type Service = Pick<GatewayModel["services"][string], "tls" | "protocol" | "addresses">;

/** What stands for a service: itself, or an instance for each of its addresses. */
export const instancesOf = (name: string, { addresses }: { addresses?: readonly string[] | undefined }): string[] =>
  addresses ? addresses.map((_, i) => `${name}-${String(i + 1)}`) : [name];

/** Real echo servers, one for each service or instance, on loopback. */
export class EchoServers {
  readonly ports = new Map<string, number>();
  readonly #servers = new Map<string, Server>();
  readonly #sockets = new Set<Socket>();

  constructor(
    private readonly services: Services,
    /** What those show that are called by TLS, and whose certificates they ask for where the gateway shows one. */
    private readonly certificate: { cert: string; key: string; clients: string },
  ) {}

  async start(services: Readonly<Record<string, Service>>): Promise<void> {
    const instances = Object.entries(services).flatMap(([name, spoken]) =>
      instancesOf(name, spoken).map((instance) => [instance, spoken] as const),
    );
    for (const [name, spoken] of instances) {
      const server = this.#create(name, spoken);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      this.ports.set(name, (server.address() as AddressInfo).port);
      this.#servers.set(name, server);
    }
  }

  /** Closes the listeners of services that are down, and opens those that are not. */
  async apply(): Promise<void> {
    for (const [name, server] of this.#servers) {
      const down = this.services.isDown(name);
      if (down && server.listening) {
        // Connections that were handed over are no longer the server's to close.
        for (const socket of this.#sockets) socket.destroy();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      } else if (!down && !server.listening) {
        const port = this.ports.get(name);
        await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      }
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers.values()) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  /** Its requests and answers are read and written as those of HTTP/1.1 are. */
  #ofHttp2(server: http2.Http2Server | http2.Http2SecureServer): Server {
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on("session", (session: http2.ServerHttp2Session) => {
      sessions.add(session);
      session.on("close", () => sessions.delete(session)).on("error", () => undefined);
    });
    const closeAllConnections = (): void => {
      for (const session of sessions) session.destroy();
    };
    return Object.assign(server, { closeAllConnections }) as unknown as Server;
  }

  #create(service: string, { tls, protocol }: Service): Server {
    const options = { maxHeaderSize: 128 * 1024, keepAliveTimeout: 120_000, requestTimeout: 0 };
    const { cert, key, clients } = this.certificate;
    const asks = tls?.clientCertificate === undefined ? {} : { requestCert: true, ca: clients };
    const secure = { ...options, cert, key, ...asks };
    const server =
      protocol === "grpc"
        ? this.#ofHttp2(tls ? http2.createSecureServer(secure) : http2.createServer())
        : tls
          ? https.createServer(secure)
          : http.createServer(options);
    server.on("request", (message, response) => {
      const chunks: Buffer[] = [];
      message.on("data", (chunk: Buffer) => chunks.push(chunk));
      message.on("end", () => {
        const seen: Seen = {
          service,
          method: message.method ?? "",
          path: message.url ?? "",
          headers: rawLines(message),
          body: Buffer.concat(chunks),
        };
        const answering = this.services.next(seen);
        setTimeout(() => {
          if (answering.reset) {
            message.socket.destroy();
            return;
          }
          const body = answering.body ?? echoOf(seen);
          const headers = { "content-type": "application/json", ...answering.headers };
          // What takes its time has no length, as events have none.
          const none = answering.takesMs > 0 || (protocol === "grpc" && answering.status === 204);
          const length = none ? {} : { "content-length": body.length };
          response.writeHead(answering.status, { ...headers, ...length });
          if (answering.takesMs > 0) void inPieces(response, body, answering.takesMs);
          else response.end(message.method === "HEAD" || answering.status === 204 ? undefined : body);
        }, answering.delayMs);
      });
    });
    server.on("upgrade", (message: IncomingMessage, socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => socket.destroy());
      socket.on("end", () => socket.destroy());
      socket.resume();
      this.services.next({
        service,
        method: message.method ?? "",
        path: message.url ?? "",
        headers: rawLines(message),
        body: Buffer.alloc(0),
      });
      const accept = createHash("sha1")
        .update(`${message.headers["sec-websocket-key"] ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
    return server;
  }
}
