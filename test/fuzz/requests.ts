import type { GatewayInput } from "../../lib/model";
import type { RequestSpec } from "../../lib/conformance/case";
import { HEADERS, ORIGINS, SEGMENTS } from "./models";
import type { Random } from "./random";

/** Requests around what a model has: most of them fit one of its routes, and many are wrong in one thing. */

const TOKENS = [
  ...[
    "reader",
    "reader",
    "writer",
    "admin",
    "partner",
    "numbers",
    "red",
    "red",
    "claims",
    "stranger",
    "numbered",
    "lookalike",
  ],
  ...["reader!expired", "reader!tampered", "partner!expired", "team-42", "teamless"],
];
const CLIENTS = ["198.51.100.7", "203.0.113.5", "203.0.113.66", "2001:db8::7", "2001:db8:66::1", "::ffff:203.0.113.9"];

const BODIES: readonly ((r: Random) => RequestSpec["body"])[] = [
  (r) => ({ json: { name: r.pick("ann", "bob", "Ann", "toolongname"), amount: r.pick(4.35, -1, 1.005, 12) } }),
  (r) => ({ json: { name: "ann", NAME: "bob", more: r.below(9) } }),
  (r) => ({ bytes: r.pick(0, 1, 16, 17, 100, 101, 1024, 1025, 5000), chunked: r.chance(0.5) }),
  (r) => ({ json: { query: r.pick("{ a { b { c { d } } } }", "{ a }", "{ __schema { types { name } } }", "{") } }),
  () => ({ json: [1, 2, 3] }),
  () => ({ text: "name=ann&email=a%40b.test", type: "application/x-www-form-urlencoded" }),
  (r) => ({ text: r.pick("{", "null", '"text"', '{"name":"ann","name":"bob"}', ""), type: "application/json" }),
  () => "plain text",
];

function pathOf(r: Random, input: GatewayInput, host: string): string {
  const { match } = r.pick(...input.routes);
  const base = r.chance(0.9) ? (input.hosts[host]?.basePath ?? "") : "";
  const filled = (match.template ?? []).map((t) => t.replace(/\{\w+\}/g, () => r.pick(...SEGMENTS, "7", "")));
  const known = base + r.pick(...(match.exact ?? []), ...(match.prefix ?? []), ...filled, "/nowhere");
  const tail = r.pick(
    "",
    "",
    "",
    "/",
    "/1",
    `/${r.pick(...SEGMENTS)}`,
    "x",
    "/%61",
    "/a%2Fb",
    "/../b",
    "//",
    "/.",
    ";v=1",
    "/caf%C3%A9",
    "/%ff",
    "/a+b",
  );
  const query = r.pick("", "", "", "?a=1", "?query={a}", "?name=ann", "?x=%2e%2e", `?long=${"y".repeat(60)}`, "?");
  // nginx itself refuses a path above the root, whoever's host it is.
  const path = (known + tail + query).replace(/^\/\//, "/").replace(/^\/\.\./, "/up/..");
  return r.chance(0.04) ? path.toUpperCase() : path;
}

/** A header's value as the model asks for it, now and then. */
function valueOf(r: Random, name: string): string {
  if (name === "x-version") return r.pick("2", "2.0", "3");
  if (name === "x-team") return r.pick("red", "blue", "42");
  return r.pick("theirs", "a, b", "en", "u-1");
}

function headersOf(r: Random): Record<string, string> {
  const entries: [string, string][] = r.some(0.12, ...HEADERS).map((name) => [name, valueOf(r, name)]);
  const add = (share: number, name: string, ...values: string[]): void => {
    if (r.chance(share)) entries.push([name, r.pick(...values)]);
  };
  add(0.3, "origin", ...ORIGINS, "https://evil.test", "null");
  add(0.15, "cookie", "session=1", "theme=dark; csrf_token=abc", "csrf_token=abc; session=x");
  add(0.1, "x-csrf-token", "abc", "xyz");
  add(0.15, "accept-encoding", "gzip", "br, gzip;q=0.5", "identity", "gzip;q=0");
  add(0.1, "accept", "application/json", "text/csv");
  add(0.06, "x-request-id", "id-1", "a b", "ü");
  add(
    0.1,
    r.pick("x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-real-ip", "forwarded"),
    "evil",
    "1.2.3.4",
  );
  add(
    0.05,
    r.pick("x-original-url", "x-http-method-override", "remote-user", "x-gateway-user", "x-envoy-internal"),
    "admin",
  );
  add(0.06, "cache-control", "no-cache", "no-store", "max-age=0");
  add(0.04, "connection", "close", "keep-alive");
  add(0.04, "upgrade", "h2c", "websocket");
  add(0.05, "range", "bytes=0-1");
  add(0.05, "if-none-match", '"a"');
  add(0.03, "expect", "100-continue");
  add(0.05, "content-type", "application/json; charset=utf-8", "text/plain", "application/JSON");
  if (r.chance(0.05))
    entries.push(["authorization", r.pick("Basic dTpw", "Bearer", "bearer x.y.z", "Bearer  two", "")]);
  return Object.fromEntries(entries.filter(([name, value]) => !(name === "x-request-id" && value === "ü")));
}

export function randomRequest(r: Random, input: GatewayInput): RequestSpec {
  const host = r.pick(
    "fuzz.test",
    "fuzz.test",
    "fuzz.test",
    "two.fuzz.test",
    "two.fuzz.test",
    "nobody.test",
    "FUZZ.test",
  );
  const method = r.pick("GET", "GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");
  const headers = headersOf(r);
  const preflight = method === "OPTIONS" && r.chance(0.7);
  const websocket =
    method === "GET" && r.chance(0.06) && headers["upgrade"] === undefined && headers["connection"] === undefined;
  const hasBody =
    !websocket && !preflight && (["POST", "PUT", "PATCH"].includes(method) ? r.chance(0.8) : r.chance(0.05));
  const token = headers["authorization"] === undefined && r.chance(0.65) ? r.pick(...TOKENS) : undefined;
  const path = pathOf(r, input, host.toLowerCase());
  return {
    // It knows neither chunks nor handshakes.
    httpVersion: !hasBody && !websocket && headers["expect"] === undefined && r.chance(0.04) ? "1.0" : "1.1",
    // nginx itself refuses a path above the root, before it redirects.
    scheme: r.chance(0.06) && !path.includes("/..") ? "http" : "https",
    method,
    host,
    path,
    ...(token !== undefined && { token }),
    ...(r.chance(0.15) && { apiKey: r.pick("red", "blue", "unknown") }),
    headers: {
      ...headers,
      ...(preflight && {
        origin: r.pick(...ORIGINS, "https://evil.test"),
        "access-control-request-method": r.pick("POST", "GET", "DELETE"),
      }),
    },
    ...(hasBody && { body: r.pick(...BODIES)(r) }),
    client: r.pick(...CLIENTS),
    websocket,
    ...(r.chance(0.08) &&
      !websocket && { sign: { key: r.pick("hmac-a", "hmac-b", "hmac-old"), age: r.pick(0, 0, 300), over: {} } }),
  };
}
