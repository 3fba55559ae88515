import { createHash, createHmac, randomBytes } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import type { HeaderLine } from "../policy";
import type { BodySpec, RequestSpec } from "./case";
import type { Identities } from "./identities";

/** One request as bytes on a connection, and its answer: no library here may tidy what a case has spelled. */

export interface WireRequest {
  scheme: "https" | "http";
  httpVersion: RequestSpec["httpVersion"];
  method: string;
  host: string;
  target: string;
  headers: HeaderLine[];
  body: Buffer | undefined;
  chunked: boolean;
  /** Seconds over which the body is sent. */
  takes?: number;
  client: string;
  websocket: boolean;
}

export interface WireAnswer {
  status: number;
  headers: HeaderLine[];
  body: Buffer;
  /** Seconds from the sending to the end of the answer. */
  seconds: number;
  /** And to the first bytes of its body, where there was one. */
  firstBytes?: number;
  /** Whose certificate was shown, where there was one. */
  certificate?: string;
}

/** The bytes of a body, and the content type that they have when nothing else is said. */
export function bodyOf(spec: BodySpec | undefined): { bytes?: Buffer; type?: string; chunked: boolean } {
  if (spec === undefined) return { chunked: false };
  if (typeof spec === "string") return { bytes: Buffer.from(spec), chunked: false };
  const chunked = spec.chunked ?? false;
  if (spec.bytes !== undefined) {
    const type = spec.type ?? "application/octet-stream";
    const bytes = type.includes("json")
      ? Buffer.from(`"${"x".repeat(Math.max(0, spec.bytes - 2))}"`)
      : Buffer.alloc(spec.bytes, "x");
    return { bytes, type, chunked };
  }
  const text = spec.json === undefined ? (spec.text ?? "") : JSON.stringify(spec.json).padEnd(spec.padTo ?? 0);
  return { bytes: Buffer.from(text), type: spec.type ?? "application/json", chunked };
}

/** Puts tokens and keys in the place of their names. */
export function fillPlaceholders(text: string, identities: Identities, n: number): string {
  return text
    .replace(/\$\{token:([^}]+)\}/g, (_, name: string) => identities.token(name))
    .replace(/\$\{key:([^}]+)\}/g, (_, name: string) => identities.key(name).value)
    .replace(/\{n\}/g, String(n));
}

/** A body with its placeholders filled, also those within the texts of a JSON value. */
function filled(body: BodySpec | undefined, fill: (text: string) => string): BodySpec | undefined {
  if (typeof body === "string") return fill(body);
  if (body?.json === undefined) return body && { ...body, ...(body.text !== undefined && { text: fill(body.text) }) };
  return { ...body, json: JSON.parse(fill(JSON.stringify(body.json))) as unknown };
}

function signatureHeaders(spec: RequestSpec, target: string, body: string, identities: Identities): HeaderLine[] {
  if (!spec.sign) return [];
  const { key: keyName, age, over } = spec.sign;
  const key = identities.key(keyName);
  const timestamp = String(Math.floor(Date.now() / 1000) - age);
  const nonce = spec.sign.nonce ?? randomBytes(16).toString("hex");
  const digest = createHash("sha256")
    .update(over.body ?? body)
    .digest("hex");
  const input = [over.method ?? spec.method, over.path ?? target, timestamp, nonce, digest].join("\n");
  return [
    ["x-signature-key-id", key.id ?? ""],
    ["x-signature-timestamp", timestamp],
    ["x-signature-nonce", nonce],
    ["x-signature", createHmac("sha256", key.value).update(input).digest("base64url")],
  ];
}

export function toWire(spec: RequestSpec, identities: Identities, n: number): WireRequest {
  const fill = (text: string): string => fillPlaceholders(text, identities, n);
  const target = fill(spec.path);
  const { bytes, type, chunked } = bodyOf(filled(spec.body, fill));
  const own = Object.entries(spec.headers).flatMap(([name, value]) =>
    [value].flat().map((v): HeaderLine => [name, fill(v)]),
  );
  const has = (name: string): boolean => own.some(([n]) => n.toLowerCase() === name);
  const headers: HeaderLine[] = [...own];
  if (!has("user-agent")) headers.push(["User-Agent", "cases/1"]);
  if (spec.token !== undefined) headers.push(["Authorization", `Bearer ${identities.token(spec.token)}`]);
  if (spec.apiKey !== undefined) headers.push(["X-API-Key", identities.key(spec.apiKey).value]);
  if (type !== undefined && !has("content-type")) headers.push(["Content-Type", type]);
  if (chunked) headers.push(["Transfer-Encoding", "chunked"]);
  else if (bytes && !has("content-length")) headers.push(["Content-Length", String(bytes.length)]);
  if (spec.websocket) {
    headers.push(["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"]);
    headers.push(["Sec-WebSocket-Key", randomBytes(16).toString("base64")]);
  }
  headers.push(...signatureHeaders(spec, target, bytes?.toString() ?? "", identities));
  const { scheme, httpVersion, method, host, websocket } = spec;
  const client = fill(spec.client);
  const takes = typeof spec.body === "object" ? spec.body.takes : undefined;
  const all = { scheme, httpVersion, method, host, target, headers, body: bytes, chunked, client, websocket };
  return takes === undefined ? all : { ...all, takes };
}

/** The runner stands in the place of the trusted hop: what it has seen goes to the right of what the client said. */
export function withForwardedFor(request: WireRequest): WireRequest {
  const said = request.headers.filter(([name]) => name.toLowerCase() === "x-forwarded-for").map(([, value]) => value);
  const rest = request.headers.filter(([name]) => name.toLowerCase() !== "x-forwarded-for");
  return { ...request, headers: [...rest, ["X-Forwarded-For", [...said, request.client].join(", ")]] };
}

export function headBytes(request: WireRequest): Buffer {
  const lines = [`${request.method} ${request.target} HTTP/${request.httpVersion}`, `Host: ${request.host}`];
  lines.push(...request.headers.map(([name, value]) => `${name}: ${value}`));
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

interface Head {
  status: number;
  headers: HeaderLine[];
  rest: Buffer;
}

function parseHead(data: Buffer): Head | undefined {
  const end = data.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = data.subarray(0, end).toString("latin1").split("\r\n");
  const headers = lines.map((line): HeaderLine => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(" ")[1]), headers, rest: data.subarray(end + 4) };
}

/** The body when it is whole; `closed` ends one that has no length. */
function parseBody(head: Head, method: string, closed: boolean): Buffer | undefined {
  const header = (name: string): string | undefined => head.headers.find(([n]) => n.toLowerCase() === name)?.[1];
  if (method === "HEAD" || head.status === 204 || head.status === 304 || head.status === 101) return Buffer.alloc(0);
  if (header("transfer-encoding") === "chunked") {
    const chunks: Buffer[] = [];
    let at = 0;
    for (;;) {
      const line = head.rest.indexOf("\r\n", at);
      if (line < 0) return undefined;
      const size = parseInt(head.rest.subarray(at, line).toString("latin1"), 16);
      if (head.rest.length < line + 2 + size + 2) return undefined;
      if (size === 0) return Buffer.concat(chunks);
      chunks.push(head.rest.subarray(line + 2, line + 2 + size));
      at = line + 2 + size + 2;
    }
  }
  const length = header("content-length");
  if (length !== undefined)
    return head.rest.length >= Number(length) ? head.rest.subarray(0, Number(length)) : closed ? head.rest : undefined;
  return closed ? head.rest : undefined;
}

export interface Endpoint {
  /** 127.0.0.1 where nothing is said. */
  address?: string;
  port: number;
  tls: boolean;
  /** What TLS is asked for, where that is not the request's host. */
  serverName?: string;
  /** Takes certificates that authorities of this machine have signed alone; those of a run have none. */
  verified?: boolean;
  /** Who calls is told by the PROXY protocol (version 1), as a balancer tells it. */
  proxyProtocol?: boolean;
}

export interface OpenAnswer<S extends { destroy(): void } = { destroy(): void }> {
  answer: WireAnswer;
  socket: S;
  /** Another request may follow on it. */
  keeps?: boolean;
}

const ANSWER_LIMIT_MS = 40_000;

/** Of a connection that was closed in good order, but before its answer was whole. */
export const closedEarly = (bytes: number): NodeJS.ErrnoException =>
  Object.assign(new Error(`the connection was closed after ${String(bytes)} bytes of its answer`), { code: "ECLOSED" });

/** A connection for one request's host, by TLS where the endpoint has it, for the named protocols of ALPN. */
function connect(endpoint: Endpoint, request: WireRequest, protocols?: string[]): net.Socket {
  const plain = net.connect({ port: endpoint.port, host: endpoint.address ?? "127.0.0.1" });
  if (endpoint.proxyProtocol) plain.write(`PROXY TCP4 ${request.client} 127.0.0.1 40000 ${String(endpoint.port)}\r\n`);
  const servername =
    endpoint.serverName ?? (net.isIP(request.host) ? "" : request.host.toLowerCase().replace(/:\d+$/, ""));
  const socket = endpoint.tls
    ? tls.connect({
        socket: plain,
        servername,
        rejectUnauthorized: endpoint.verified ?? false,
        ...(protocols && { ALPNProtocols: protocols }),
      })
    : plain;
  // Also of one that is kept, when nobody listens.
  socket.on("error", () => undefined);
  socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error("no answer in time")));
  return socket;
}

/** A connection that is there, and nothing said on it. */
export async function connected(endpoint: Endpoint, request: WireRequest, protocols?: string[]): Promise<net.Socket> {
  const socket = connect(endpoint, request, protocols);
  await new Promise((resolve, reject) => {
    socket
      .once(endpoint.tls ? "secureConnect" : "connect", resolve)
      .once("error", reject)
      .once("close", reject);
  });
  return socket;
}

/** Whom the certificate is of that a connection was shown. */
export function certificateOf(socket: net.Socket): { certificate?: string } {
  // Nothing where the connection has ended since.
  const shown =
    socket instanceof tls.TLSSocket ? (socket.getPeerCertificate() as Partial<tls.PeerCertificate> | null) : null;
  return shown?.subject ? { certificate: String(shown.subject.CN) } : {};
}

/** Whether another request may follow on the connection. */
function isOpen({ answer: { headers }, socket }: OpenAnswer<net.Socket>): boolean {
  const value = (name: string): string => headers.find(([n]) => n.toLowerCase() === name)?.[1]?.toLowerCase() ?? "";
  const framed = value("content-length") !== "" || value("transfer-encoding") === "chunked";
  return framed && value("connection") !== "close" && socket.writable;
}

const PIECE_BYTES = 16_384;
export const PIECES = 10;

/** At once, or in pieces over the time that it is to take. */
async function writeBody(socket: net.Socket, { body, chunked, takes }: WireRequest): Promise<void> {
  if (!body) return;
  const size = takes === undefined ? PIECE_BYTES : Math.ceil(body.length / PIECES);
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    if (takes !== undefined) await sleep((takes * 1000) / PIECES);
    if (socket.destroyed) return;
    socket.write(
      chunked ? Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n")]) : part,
    );
  }
  if (chunked) socket.write("0\r\n\r\n");
}

/**
 * Sends a request and reads the answer, on a connection of its own or on one that was kept; the caller closes the connection
 * unless `keeps` says that another request may follow.
 */
export function send(endpoint: Endpoint, request: WireRequest, kept?: net.Socket): Promise<OpenAnswer<net.Socket>> {
  return new Promise((resolve, reject) => {
    const socket = kept ?? connect(endpoint, request);
    let data: Buffer = Buffer.alloc(0);
    let started = 0;
    let settled = false;
    let firstBytes: number | undefined;
    const settle = (error?: Error): void => {
      if (settled) return;
      let head = parseHead(data);
      while (head && head.status >= 100 && head.status < 200 && head.status !== 101) {
        data = head.rest;
        head = parseHead(data);
      }
      if (head && head.rest.length > 0) firstBytes ??= (performance.now() - started) / 1000;
      const body = head && parseBody(head, request.method, error !== undefined);
      if (head && body) {
        settled = true;
        const { status, headers } = head;
        socket.removeListener("data", onData).removeListener("error", settle).removeListener("close", onClose);
        const seconds = (performance.now() - started) / 1000;
        const answer = {
          ...{ status, headers, body, seconds, ...certificateOf(socket) },
          ...(firstBytes !== undefined && { firstBytes }),
        };
        resolve({ answer, socket, keeps: isOpen({ answer, socket }) });
      } else if (error) {
        settled = true;
        socket.destroy();
        // It was closed while it was idle: that is no answer to this request.
        if (kept && data.length === 0) resolve(send(endpoint, request));
        else reject(error);
      }
    };
    const onData = (chunk: Buffer): void => {
      data = Buffer.concat([data, chunk]);
      settle();
    };
    const onClose = (): void => {
      settle(closedEarly(data.length));
    };
    socket.on("data", onData).on("error", settle).on("close", onClose);
    const write = (): void => {
      started = performance.now();
      socket.write(headBytes(request));
      void writeBody(socket, request);
    };
    if (kept) write();
    else socket.on(endpoint.tls ? "secureConnect" : "connect", write);
  });
}
