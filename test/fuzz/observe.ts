import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { HeaderLine } from "../../lib/policy";
import type { Case, RequestSpec } from "../../lib/conformance/case";
import type { Stand } from "../../lib/conformance/stands/stand";
import type { OracleAnswer } from "../../lib/conformance/stands/decide";
import type { Seen } from "../../lib/conformance/upstreams";
import { toWire, type WireAnswer } from "../../lib/conformance/wire";

/** What one exchange looked like from outside and from a service, and how two of them differ. */
export interface Observation {
  answer: WireAnswer;
  seen: Seen[];
}

/** Requests one after the other, each on a connection of its own, as a case would begin. */
export async function observe(stand: Stand, testCase: Case, specs: readonly RequestSpec[]): Promise<Observation[]> {
  await stand.begin(testCase);
  const found: Observation[] = [];
  for (const [i, spec] of specs.entries()) {
    const from = stand.services.seen.length;
    const { answer, socket } = await stand.send(toWire(spec, stand.identities, i + 1), 0);
    socket.destroy();
    found.push({ answer, seen: stand.services.seen.slice(from) });
  }
  return found;
}

/** Of one exchange, one connection, or one proxy's own: they are never the same twice. */
const OF_EXCHANGE =
  /^(date|server|connection|keep-alive|transfer-encoding|content-length|upgrade|sec-websocket-(key|accept)|x-b3-.*|x-envoy-.*|traceparent|x-signature.*)$/;
/** Their presence is compared, not their value. */
const PRESENCE = /^(authorization|x-request-id|age|retry-after|www-authenticate|cache-status|cookie)$/;
/** Said by the filter to those who run it, where it answers itself. */
const OF_FILTER = /^x-gateway-/;

function table(lines: readonly HeaderLine[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of lines) {
    const key = name.toLowerCase();
    if (OF_EXCHANGE.test(key) || OF_FILTER.test(key)) continue;
    const plain = PRESENCE.test(key) ? "(there)" : value.trim();
    const before = found.get(key);
    const listed = /^(vary|access-control-(allow|expose)-\w+)$/.test(key);
    const joined = before === undefined ? plain : `${before}, ${plain}`;
    found.set(key, listed ? [...new Set(joined.toLowerCase().split(/\s*,\s*/))].sort().join(", ") : joined);
  }
  return found;
}

function differ(what: string, left: Map<string, string>, right: Map<string, string>): string[] {
  return [...new Set([...left.keys(), ...right.keys()])].sort().flatMap((name) => {
    const [a, b] = [left.get(name), right.get(name)];
    return a === b ? [] : [`${what} ${name}: ${a ?? "none"} | ${b ?? "none"}`];
  });
}

function plainBody({ headers, body }: WireAnswer): string {
  const encoding = headers.find(([name]) => name.toLowerCase() === "content-encoding")?.[1];
  try {
    if (encoding === "gzip") return gunzipSync(body).toString("latin1");
    if (encoding === "br") return brotliDecompressSync(body).toString("latin1");
  } catch {
    return `broken ${encoding ?? ""}`;
  }
  return body.toString("latin1");
}

/** An error in the gateway's form differs in what it says for people, and in its id. */
function content(answer: WireAnswer): string {
  const text = plainBody(answer);
  if (answer.status < 400) return text;
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    const words = Object.entries(parsed).filter(([key]) => !["message", "requestId", "details"].includes(key));
    // Envoy sorts them.
    return JSON.stringify([
      words.sort(),
      Object.keys(parsed)
        .filter((key) => key !== "details")
        .sort(),
    ]);
  } catch {
    return text;
  }
}

const isPreflight = ({ method, headers }: RequestSpec): boolean =>
  method === "OPTIONS" && headers["access-control-request-method"] !== undefined;

/** How a proxy's exchange differs from what `decide` says of it. */
export function differences(spec: RequestSpec, decided: Observation, real: Observation): string[] {
  const oracle = decided.answer as OracleAnswer;
  const { statuses } = oracle;
  // Envoy answers preflights with 200, which Fetch takes as well as 204.
  const same = (a: number, b: number): boolean => a === b || (isPreflight(spec) && a === 204 && b === 200);
  if (![...statuses].some((status) => same(status, real.answer.status)))
    return [`status ${[...statuses].join(" or ")} | ${String(real.answer.status)}`];
  const reached = ({ seen }: Observation): string =>
    seen.map((s) => `${s.service} ${s.method} ${s.path} ${s.body.toString("latin1")}`).join("; ") || "nothing";
  // Where several things are wrong, whose refusal it is decides what it looks like.
  if (statuses.size > 1)
    return decided.seen.length === real.seen.length ? [] : [`reaches ${reached(decided)} | ${reached(real)}`];
  if (reached(decided) !== reached(real)) return [`reaches ${reached(decided)} | ${reached(real)}`];
  const toService = decided.seen.flatMap((s, i) =>
    differ("to the service", table(s.headers), table(real.seen[i]?.headers ?? [])),
  );
  // Envoy's own answers without a body do not say what it would be, and how it could be compressed.
  const bodiless = spec.method === "HEAD" || isPreflight(spec);
  const untold =
    bodiless && decided.seen.length === 0
      ? /^to the client (content-type: application\/json \| none|vary: (none|origin) \| accept-encoding(, origin)?)$/
      : /^$/;
  const toClient = differ("to the client", table(oracle.headers), table(real.answer.headers)).filter(
    (d) => !untold.test(d),
  );
  const bodies =
    spec.method === "HEAD" || content(oracle) === content(real.answer)
      ? []
      : [`body ${content(oracle)} | ${content(real.answer)}`];
  return [...toService, ...toClient, ...bodies].map((text) => text.slice(0, 300));
}
