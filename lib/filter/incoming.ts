import { IncomingMessage } from "node:http";
import { hostName, originForm } from "../decision/request-target";
import { contains } from "../policy/kinds/addresses";
import { canonicalAddress } from "../policy/client-address";
import type { FilterPlan } from "../decision/filter-plan";
import type { GatewayRequest, HeaderLine } from "../policy";
import { IncomingBody } from "./incoming-body";
import { announcedClient } from "./proxy-protocol";

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
  if (front.hops === 0) return announcedClient(message.socket) ?? peerOf(message);
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
