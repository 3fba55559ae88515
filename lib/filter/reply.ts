import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerHeaders, refusalContent, serviceAnswerHeaders } from "../decision/answer";
import type { PlannedHost } from "../decision/filter-plan";
import type { Answer, Exchange, HeaderLine, ServiceAnswer } from "../policy";
import type { Ended } from "./audit";
import { letGo } from "./incoming-body";
import type { UpgradedAnswer } from "./upstream/transport";

/** Brings answers to clients. */

/** How long a side of a bare connection may go on when the other has ended, in milliseconds. */
const LINGER_MS = 10_000;

export interface Reply {
  status: number;
  headers: HeaderLine[];
  body: ServiceAnswer["body"];
  trailers?: ServiceAnswer["trailers"];
}

export function replyTo(exchange: Exchange, host: PlannedHost | undefined, answer: Answer): Reply {
  if (answer.by === "service") {
    const { status, headers, body, trailers } = answer;
    const own = serviceAnswerHeaders(exchange, headers);
    return { status, headers: answerHeaders(exchange, status, own), body, ...(trailers && { trailers }) };
  }
  const { refusal } = answer;
  const { headers, body } = refusalContent(host?.errorBody, exchange.requestId, refusal);
  const own: HeaderLine[] = [...headers, ["x-gateway-reason", refusal.reason]];
  return { status: refusal.status, headers: answerHeaders(exchange, refusal.status, own), body: Buffer.from(body) };
}

const WITHOUT_BODY = new Set([204, 304]);

/** Writes an answer; resolves when all of it is with the client, or when it has broken off. */
export function write(message: IncomingMessage, response: ServerResponse, reply: Reply): Promise<Ended> {
  const { status, headers, body, trailers } = reply;
  // It has broken before anybody could read it.
  if (!Buffer.isBuffer(body) && body.destroyed) {
    response.destroy();
    return Promise.resolve("answer-broken");
  }
  if (response.destroyed) {
    if (!Buffer.isBuffer(body)) body.destroy();
    return Promise.resolve("client-gone");
  }
  const bare = message.method === "HEAD" || WITHOUT_BODY.has(status);
  // A length is ours to say where we hold the body, and nobody's where there can be none (RFC 9110 section 8.6).
  const ownLength = status === 204 || (Buffer.isBuffer(body) && !bare);
  const lines: string[] = [];
  let trailer = "";
  let hasLength = false;
  for (const [name, value] of headers) {
    const key = name.length === 14 || name.length === 7 ? name.toLowerCase() : "";
    if (key === "trailer") {
      trailer += trailer === "" ? value : `, ${value}`;
      continue;
    }
    if (key === "content-length") {
      if (ownLength) continue;
      hasLength = true;
    }
    lines.push(name, value);
  }
  if (Buffer.isBuffer(body) && !bare) lines.push("content-length", String(body.length));
  // Only chunks can have something behind them (RFC 9112 section 7.1.2).
  const chunked = !Buffer.isBuffer(body) && !bare && message.httpVersionMinor > 0 && !hasLength;
  if (chunked && trailer !== "") lines.push("trailer", trailer);
  response.writeHead(status, STATUS_CODES[status] ?? "", lines);
  // Where the body passes on, the service has it.
  if (message.listenerCount("data") === 0) letGo(message);
  return new Promise((resolve) => {
    let broken = false;
    response.once("close", () => {
      if (!Buffer.isBuffer(body)) body.destroy();
      resolve(response.writableFinished ? "complete" : broken ? "answer-broken" : "client-gone");
    });
    if (Buffer.isBuffer(body)) {
      response.end(bare ? undefined : body);
      return;
    }
    if (bare) {
      body.resume();
      response.end();
      return;
    }
    // A broken answer must look broken, not ended.
    body.once("error", () => {
      broken = true;
      response.destroy();
    });
    body.once("end", () => {
      const last = chunked ? (trailers?.() ?? []) : [];
      if (last.length > 0) response.addTrailers(last as [string, string][]);
      response.end();
    });
    body.pipe(response, { end: false });
  });
}

const headText = (status: number, headers: readonly HeaderLine[]): string =>
  [
    `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? "Status"}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n");

/**
 * A bare connection on which the last word is said: what its client still sends is thrown away, and if it does not leave by
 * itself, it is made to. Nobody else reads from it, and unread bytes would keep it for ever.
 */
export function leave(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.resume();
  socket.once("finish", () => {
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    timer.unref();
    socket.once("close", () => {
      clearTimeout(timer);
    });
  });
}

/** Answers a handshake that was not taken: on the bare connection, which then ends. */
export function writeRaw(socket: Socket, { status, headers, body }: Reply): void {
  leave(socket);
  const lines = headers.filter(([name]) => !["content-length", "connection"].includes(name.toLowerCase()));
  if (Buffer.isBuffer(body)) {
    socket.write(headText(status, [...lines, ["content-length", String(body.length)], ["connection", "close"]]));
    socket.end(body);
    return;
  }
  if (body.destroyed) {
    socket.destroy();
    return;
  }
  socket.write(headText(status, [...lines, ["connection", "close"]]));
  body.once("error", () => socket.destroy());
  body.pipe(socket);
}

/** How often a token that can be revoked is looked for while its connection is open. */
const RECHECK_MS = 10_000;
/** No timer waits longer. */
const LONGEST_MS = 2_147_483_647;

/** A connection lasts no longer than the token that it began with. */
function endWithToken({ validUntilMs, stillGood }: Exchange, client: Socket, end: () => void): void {
  const timers: NodeJS.Timeout[] = [];
  if (validUntilMs !== undefined)
    timers.push(setTimeout(end, Math.min(LONGEST_MS, Math.max(0, validUntilMs - Date.now()))));
  if (stillGood) {
    const look = (): void => {
      // While nobody knows, it goes on as it began.
      stillGood().then(
        (good) => {
          if (!good) end();
        },
        () => undefined,
      );
    };
    timers.push(setInterval(look, RECHECK_MS));
  }
  for (const timer of timers) timer.unref();
  client.once("close", () => {
    for (const timer of timers) clearTimeout(timer);
  });
}

/** Joins both sides of an accepted handshake until either ends, or both are silent for too long. */
export function join(
  exchange: Exchange,
  client: Socket,
  clientHead: Buffer,
  answer: UpgradedAnswer,
  idleMs: number,
  closesAtExpiry: boolean,
): Promise<void> {
  const service = answer.socket as Socket;
  const own = serviceAnswerHeaders(exchange, answer.headers);
  const lines = answerHeaders(exchange, 101, own).filter(
    ([name]) => exchange.subprotocol === undefined || name.toLowerCase() !== "sec-websocket-protocol",
  );
  if (exchange.subprotocol !== undefined) lines.push(["sec-websocket-protocol", exchange.subprotocol]);
  client.write(headText(101, [...lines, ["connection", "Upgrade"], ["upgrade", "websocket"]]));
  if (clientHead.length > 0) service.write(clientHead);
  if (answer.head && answer.head.length > 0) client.write(answer.head);
  const end = (): void => {
    client.destroy();
    service.destroy();
  };
  for (const socket of [client, service]) {
    socket.setNoDelay(true);
    socket.setTimeout(idleMs, end);
    socket.on("error", end);
    socket.on("close", end);
  }
  // Either side may close its half first, but the other must follow.
  for (const socket of [client, service]) {
    socket.once("end", () => {
      setTimeout(end, LINGER_MS).unref();
    });
  }
  if (closesAtExpiry) endWithToken(exchange, client, end);
  client.pipe(service);
  service.pipe(client);
  return new Promise((resolve) => client.once("close", resolve));
}
