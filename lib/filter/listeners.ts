import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { contains } from "../policy/kinds/addresses";
import type { FilterPlan } from "../decision/filter-plan";
import type { Filter } from "./filter";
import { ClientMessage, peerOf } from "./incoming";
import { send, shed, unreadable } from "./plain-answer";
import { leave } from "./reply";
import { serve, serveUpgrade, type Arrived } from "./through";

export const LIMITS = {
  // Above what a gateway passes on, so that the door never refuses for size what the proxy has accepted.
  maxHeaderSize: 96 * 1024,
  keepAliveTimeout: 120_000,
  // Whoever takes longer to say what he wants is not heard; a body has a time for its pauses alone (`IncomingBody`).
  headersTimeout: 15_000,
  requestTimeout: 0,
  connectionsCheckingInterval: 1_000,
};

/** Of clients themselves. */
export const clientLimits = ({ front }: FilterPlan): typeof LIMITS => ({ ...LIMITS, keepAliveTimeout: front.idleMs });

/** How long a TLS handshake may take, in milliseconds. */
export const HANDSHAKE_MS = 15_000;

/** Nobody but probes and collectors asks for health and metrics. */
export const MOST_ADMIN_CONNECTIONS = 64;

/** Exchanges that are under way when the listeners close may take this long. */
const LAST_MS = 15_000;
const IDLE_CHECK_MS = 100;

export type AnyServer = Server | TlsServer;

export async function listen(server: AnyServer, port: number, host: string): Promise<number> {
  // A header that is dropped unseen could be the one that refuses.
  server.maxHeadersCount = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** The balancer's own question: any Host, but nobody else may ask, and a client's request has passed it. */
export function isHealthCheck({ front }: FilterPlan): (message: IncomingMessage, response: ServerResponse) => boolean {
  return (message, response) => {
    if (message.url !== front.healthPath || message.headers["x-forwarded-for"] !== undefined) return false;
    if (!contains(front.networks, peerOf(message))) return false;
    message.resume();
    send(response, { status: 200, headers: [["content-type", "text/plain"]], body: "healthy" });
    return true;
  };
}

/** What Node's parser refuses: never a request, so it has no form of a system's own. */
function refuseUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const statuses: Record<string, string> = {
    HPE_INVALID_METHOD: "405 Method Not Allowed",
    HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
    ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  };
  leave(socket);
  socket.end(bare(statuses[error.code ?? ""] ?? "400 Bad Request"));
}

const bare = (status: string, ...more: string[]): string =>
  [`HTTP/1.1 ${status}`, ...more, "Connection: close", "Content-Length: 0", "\r\n"].join("\r\n");
const BARE_400 = bare("400 Bad Request", "X-Gateway-Reason: unreadable");
const BARE_429 = bare("429 Too Many Requests", "Retry-After: 1", "X-Gateway-Reason: overload");

/**
 * Node takes the body from a request that asks for another protocol, whatever that is: what was said to come would be
 * missing at the service, and the next request on its connection be read as it.
 */
const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

/** A client that has its answer before it has sent its body keeps its place until it has, or leaves. */
function whenRead(message: IncomingMessage, then: () => void): void {
  if (message.complete || message.socket.destroyed || !hasBody(message)) {
    then();
    return;
  }
  const { socket } = message;
  const end = (): void => {
    message.off("end", end);
    socket.off("close", end);
    then();
  };
  message.once("end", end);
  socket.once("close", end);
}

/** A listener for whole exchanges, ordinary ones and handshakes. */
export function exchanges(
  filter: Filter,
  create: (listener: RequestListener) => AnyServer,
  arrive: (message: IncomingMessage) => Arrived | undefined,
  own: (message: IncomingMessage, response: ServerResponse) => boolean = () => false,
): AnyServer {
  /** Connections on which nothing more is heard. */
  const over = new WeakSet<Socket>();
  const server = create((message, response) => {
    // What comes next may begin in the middle of a request: it is not answered, and the connection ends with what is.
    if (over.has(message.socket)) return;
    if (message instanceof ClientMessage && message.offersInVain) {
      over.add(message.socket);
      response.shouldKeepAlive = false;
    }
    if (own(message, response)) return;
    const arrived = arrive(message);
    if (!arrived) {
      unreadable(response);
      return;
    }
    const place = filter.place(arrived.request.client, response);
    if (!place) {
      shed(message, response);
      return;
    }
    if (hasBody(message)) place.receive(message);
    void serve(filter, arrived, message, response).finally(() => {
      whenRead(message, place.leave);
    });
  });
  server.on("clientError", refuseUnparsable);
  // Node tells both of it: without a handshake there is nobody to answer, and a farewell would wait for one for ever.
  server.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  server.on("upgrade", (message: IncomingMessage, socket: Socket, head: Buffer) => {
    filter.hold(socket);
    const arrived = hasBody(message) ? undefined : arrive(message);
    const place = arrived && filter.place(arrived.request.client);
    if (arrived && place) {
      void serveUpgrade(filter, arrived, socket, head, place.leave);
      return;
    }
    leave(socket);
    socket.end(arrived ? BARE_429 : BARE_400);
  });
  return server;
}

/** Takes nothing more, and ends when what is under way has ended. */
export function close(server: AnyServer): Promise<void> {
  return new Promise((resolve) => {
    // Whoever was asked before the end began was not told to come elsewhere, and keeps his connection.
    const idle = setInterval(() => {
      server.closeIdleConnections();
    }, IDLE_CHECK_MS);
    server.close(() => {
      clearInterval(idle);
      resolve();
    });
    server.closeIdleConnections();
    setTimeout(() => {
      server.closeAllConnections();
    }, LAST_MS).unref();
  });
}
