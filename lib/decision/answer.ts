import type { ErrorBodyConfig } from "../policy/kinds/response";
import { errorBody, renderErrorBody } from "../policy/kinds/response";
import { isSteering } from "../policy/kinds/header-hygiene";
import type { Respond } from "./gateway";
import {
  namedByConnection,
  pathOf,
  type Exchange,
  type GatewayRequest,
  type HeaderLine,
  type Refusal,
} from "../policy/kind";

/** How an answer looks when it leaves the gateway, whoever made it. */

/** What a route answers by itself (Gateway API: `RequestRedirect` for one that leads elsewhere). */
export function routeAnswer({ status, contentType, body, redirect }: Respond, request: GatewayRequest): Refusal {
  if (!redirect) {
    return { status, reason: "respond", message: "", content: { type: contentType, text: body }, answer: true };
  }
  const path = pathOf(request.target);
  const query = request.target.slice(path.length);
  const location = `${redirect.scheme}://${redirect.host ?? request.host}${redirect.path ?? path}${query}`;
  return { status, reason: "redirect", message: "", headers: { location }, answer: true };
}

/** Headers of one connection (RFC 9110 section 7.6.1): they are not passed on. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A service's headers without those that policies remove, without what it says of its own make, and what nginx would obey. */
export function serviceAnswerHeaders({ response }: Exchange, headers: readonly HeaderLine[]): HeaderLine[] {
  return headers.filter(([name]) => {
    const key = name.toLowerCase();
    return key !== "server" && !key.startsWith("x-accel-") && !response.remove.has(key);
  });
}

/** The answer's headers with those that policies set in place of its own; what it varies by only grows. */
export function answerHeaders({ response }: Exchange, status: number, headers: readonly HeaderLine[]): HeaderLine[] {
  const success = status >= 200 && status < 400 && response.setOnSuccess.size > 0;
  const set = success ? new Map([...response.set, ...response.setOnSuccess]) : response.set;
  const kept = headers.filter(([name]) => name.toLowerCase() === "vary" || !set.has(name.toLowerCase()));
  return [...kept, ...set.entries()];
}

/** Body and headers of an answer that the gateway makes itself. */
export function refusalContent(
  config: ErrorBodyConfig | undefined,
  requestId: string,
  { status, message, headers, details, content, answer }: Refusal,
): { headers: HeaderLine[]; body: string } {
  const own: HeaderLine[] = Object.entries(headers ?? {});
  // 204 has no content to be of a type (RFC 9110 section 15.3.5).
  if (content && status === 204) return { headers: own, body: "" };
  if (content) return { headers: [...own, ["content-type", content.type]], body: content.text };
  if (answer) return { headers: own, body: "" };
  const form = config ?? errorBody.schema.parse({});
  const retryAfter = headers?.["retry-after"];
  const body = renderErrorBody(form, { status, message, requestId, retryAfter, ...(details && { details }) });
  return { headers: [...own, ["content-type", "application/json"]], body };
}

/** What a host says of the headers that its services get, beside what policies decide for one request. */
export interface HostHeaders {
  /** Set from an identity, on whatever route: no client's pass. */
  identityHeaders: readonly string[];
  /** Names that steer a service, and pass here all the same. */
  passedHeaders: readonly string[];
}

/** What the gateway says of a request to the service. */
const forwarded = ({ client, scheme, host }: GatewayRequest, upstreamHost = host): readonly HeaderLine[] => [
  // In its one spelling, without a port: services make links of it.
  ["host", upstreamHost],
  ["x-forwarded-for", client],
  ["x-forwarded-proto", scheme],
  ["x-forwarded-host", host],
  ["x-forwarded-port", scheme === "https" ? "443" : "80"],
];

/** The request's headers as the service gets them. */
export function serviceHeaders(
  { request, upstream }: Exchange,
  { identityHeaders, passedHeaders }: HostHeaders,
): HeaderLine[] {
  const { set, remove, only } = upstream;
  const ofConnection = namedByConnection(request);
  const own = forwarded(request, upstream.host).filter(
    ([name]) => !passedHeaders.includes(name) && !set.has(name) && !remove.has(name),
  );
  const drops = (name: string): boolean =>
    HOP_BY_HOP.has(name) ||
    (only !== undefined && !only.has(name)) ||
    // The gateway has answered it, or waits for nobody's.
    name === "expect" ||
    remove.has(name) ||
    set.has(name) ||
    identityHeaders.includes(name) ||
    ofConnection.includes(name) ||
    own.some(([header]) => header === name) ||
    (isSteering(name) && !passedHeaders.includes(name));
  return [...request.headers.filter(([name]) => !drops(name.toLowerCase())), ...own, ...set.entries()];
}
