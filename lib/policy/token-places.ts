import { cookieValues } from "./cookies";
import { headerValues, type Exchange } from "./kind";
import { asksForWebSocket } from "./kinds/web-socket";

/** Where a request may have its token. */

/** `Authorization: Bearer …` (RFC 6750 section 2.1), the scheme in any case; nothing else is a token. */
const BEARER = /^bearer $/i;
const BEARER_LENGTH = "bearer ".length;

const TOKEN = /^[\x21-\x2b\x2d-\x7e]+$/;

/**
 * A handshake's sub-protocols with `bearer, <token>` among them, as a browser sends them, which can set no other header. The
 * others are what the service is offered (RFC 6455 section 1.9).
 */
function protocolsOf(offered: string): { token: string; others: string[] } | undefined {
  const items = offered.split(",").map((item) => item.trim());
  const at = items.indexOf("bearer");
  const token = items[at + 1];
  const others = items.filter((_, i) => i !== at && i !== at + 1);
  if (at < 0 || token === undefined || !TOKEN.test(token)) return undefined;
  return others.some((item) => item === "" || /^bearer$/i.test(item)) ? undefined : { token, others };
}

export const BAD: unique symbol = Symbol("bad");

/** What a place holds: a token, something that should have been one, or nothing. */
type Found = string | typeof BAD | undefined;

function inHeader({ request }: Exchange): Found {
  const lines = headerValues(request, "authorization");
  if (lines.length === 0) return undefined;
  const [line = ""] = lines;
  if (lines.length > 1 || line.length === BEARER_LENGTH || !BEARER.test(line.slice(0, BEARER_LENGTH))) return BAD;
  return line.slice(BEARER_LENGTH);
}

/** A token and nothing else, in a header of its own. */
function inNamed({ request }: Exchange, name: string): Found {
  const lines = headerValues(request, name);
  if (lines.length === 0) return undefined;
  const [line = ""] = lines;
  return lines.length > 1 || !TOKEN.test(line) ? BAD : line;
}

function inProtocols({ request }: Exchange): { token: string; others: string[] } | typeof BAD | undefined {
  if (!asksForWebSocket(request)) return undefined;
  const offered = headerValues(request, "sec-websocket-protocol").join(",");
  return /(^|,)\s*bearer\s*(,|$)/i.test(offered) ? (protocolsOf(offered) ?? BAD) : undefined;
}

function inCookie({ request }: Exchange, name: string): Found {
  const [value, ...others] = cookieValues(request, name);
  return others.length > 0 ? BAD : value || undefined;
}

/** Where a policy looks: in `Authorization`, or in a header of its own, and besides where it says. */
interface TokenPlaces {
  header?: string | undefined;
  cookie?: string | undefined;
  webSocketProtocol: boolean;
}

/** The one token of a request; in several places it must be the same one. */
export function tokenOf(config: TokenPlaces, exchange: Exchange): Found {
  const ofHeader = (): Found => (config.header === undefined ? inHeader(exchange) : inNamed(exchange, config.header));
  if (!config.webSocketProtocol && config.cookie === undefined) {
    const only = ofHeader();
    if (only !== undefined) exchange.tokenFrom = "header";
    return only;
  }
  const offered = config.webSocketProtocol ? inProtocols(exchange) : undefined;
  const found: Record<"header" | "protocol" | "cookie", Found> = {
    header: ofHeader(),
    protocol: typeof offered === "object" ? offered.token : offered,
    cookie: config.cookie === undefined ? undefined : inCookie(exchange, config.cookie),
  };
  const tokens = Object.values(found).filter((token) => token !== undefined);
  if (tokens.some((token) => token !== tokens[0])) return BAD;
  const place = (["header", "protocol", "cookie"] as const).find((name) => found[name] !== undefined);
  if (place) exchange.tokenFrom = place;
  if (typeof offered === "object") {
    const { token, others } = offered;
    // A service that is offered something else chooses, and its word is the answer's.
    if (others.length === 0) exchange.subprotocol = "bearer";
    exchange.upstream.set.set("sec-websocket-protocol", others.length === 0 ? "bearer" : others.join(", "));
    exchange.upstream.set.set("authorization", `Bearer ${token}`);
  }
  return tokens[0];
}
