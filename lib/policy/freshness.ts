import CachePolicy from "http-cache-semantics";
import type { GatewayRequest, HeaderLine, ServiceAnswer } from "./kind";

/** How long an answer may be used again (RFC 9111), in the gateway's terms: a time of the model, which the service's word shortens. */

export interface Freshness {
  /** Its age when it came, by the service's own word. */
  ageMs: number;
  /** From when it came: how long it may be used. */
  freshMs: number;
  /** How long after that while another is fetched (RFC 5861). */
  whileRevalidateMs: number;
  /** How long after that where the service fails (RFC 5861). */
  ifErrorMs: number;
}

/** Beside Cache-Control: words for caches that are nobody's browser (RFC 9213, and its forerunner). Each can only shorten. */
const TARGETED = ["cdn-cache-control", "surrogate-control"];

const SECONDS = /^(?:max-age|s-maxage|stale-while-revalidate|stale-if-error|min-fresh)$/;

/** All lines of a name as one value; directives are compared without regard to case, which the library does not do. */
export const joined = (lines: readonly HeaderLine[], name: string): string =>
  lines
    .filter(([n]) => n.toLowerCase() === name)
    .map(([, value]) => value.toLowerCase())
    .join(", ");

/** Directives of a Cache-Control, commas within quotes aside; what is said twice in different words, or is no number, is 0. */
function directives(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", quoted, plain] of text.matchAll(/([^\s,;="]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;]*)))?/g)) {
    const value = quoted ?? plain ?? "";
    const bad = SECONDS.test(name) && (!/^\d+$/.test(value) || (found.get(name) ?? value) !== value);
    found.set(name, bad ? "0" : value);
  }
  return found;
}

const secondsOf = (said: ReadonlyMap<string, string>, name: string): number => Number(said.get(name) ?? 0);

/** Words that are read here: the library takes the first two for "never", and would add the others to the time. */
const OURS = ["must-revalidate", "proxy-revalidate", "stale-while-revalidate", "stale-if-error"];

/** Milliseconds that one header field leaves an answer, or nothing where it may not be kept; `Infinity` where it says nothing of time. */
function lifetime(field: string, lines: readonly HeaderLine[], said: ReadonlyMap<string, string>): number | undefined {
  const strict = ["must-revalidate", "proxy-revalidate"].some((name) => said.has(name));
  const text = [...said]
    .filter(([name]) => !OURS.includes(name))
    .map(([name, value]) => (value === "" ? name : `${name}=${value.replaceAll(",", " ")}`))
    .join(", ");
  const ofTime = field === "cache-control" ? ["expires", "pragma", "date", "last-modified"] : [];
  const has = (name: string): boolean => lines.some(([n]) => n.toLowerCase() === name);
  // An empty one is no date, which means a time that is over.
  const headers = Object.fromEntries(ofTime.filter(has).map((name) => [name, joined(lines, name) || "0"]));
  const policy = new CachePolicy(
    { method: "GET", headers: {} },
    { status: 200, headers: { ...headers, ...(text && { "cache-control": text }) } },
    { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 },
  );
  const explicit = said.has("s-maxage") || said.has("max-age") || headers["expires"] !== undefined;
  const forbidden =
    !policy.storable() || said.has("no-cache") || (text === "" && /no-cache/.test(headers["pragma"] ?? ""));
  if (forbidden || (strict && !explicit)) return undefined;
  // Whole seconds: the library counts the moment since it was asked.
  return explicit ? Math.round(policy.timeToLive() / 1000) * 1000 : Infinity;
}

/** How old an answer is when it comes (RFC 9111 section 4.2.3), or nothing where it does not say so in numbers. */
function ageOnArrival(lines: readonly HeaderLine[], nowMs: number): number | undefined {
  const said = joined(lines, "age");
  if (said !== "" && !/^\d{1,10}$/.test(said)) return undefined;
  const dateMs = Date.parse(joined(lines, "date"));
  // A date is as exact as a second: what is certain counts.
  const apparent = Number.isNaN(dateMs) ? 0 : Math.floor((nowMs - dateMs - 1000) / 1000) * 1000;
  return Math.max(0, Number(said) * 1000, apparent);
}

/** How long an answer to a request may be used again, `ttlMs` at most, or nothing where it may not. */
export function freshnessOf(
  request: GatewayRequest,
  answer: ServiceAnswer,
  ttlMs: number,
  nowMs: number,
): Freshness | undefined {
  if (directives(joined(request.headers, "cache-control")).has("no-store")) return undefined;
  const lines = answer.headers;
  let leftMs = Infinity;
  let strict = false;
  for (const field of ["cache-control", ...TARGETED]) {
    const text = joined(lines, field);
    if (text === "" && field !== "cache-control") continue;
    const said = directives(text);
    const left = lifetime(field, lines, said);
    if (left === undefined) return undefined;
    leftMs = Math.min(leftMs, left);
    strict ||= said.has("must-revalidate") || said.has("proxy-revalidate");
  }
  const said = directives(joined(lines, "cache-control"));
  const ageMs = ageOnArrival(lines, nowMs);
  if (ageMs === undefined) return undefined;
  const freshMs = Math.min(ttlMs, leftMs - ageMs);
  if (freshMs <= 0) return undefined;
  const stale = (name: string): number => (strict ? 0 : Math.min(secondsOf(said, name) * 1000, ttlMs - freshMs));
  return {
    ageMs,
    freshMs,
    whileRevalidateMs: stale("stale-while-revalidate"),
    ifErrorMs: stale("stale-if-error"),
  };
}

/** For how long an answer is worth keeping. */
export const keptMs = ({ freshMs, whileRevalidateMs, ifErrorMs }: Freshness): number =>
  freshMs + Math.max(whileRevalidateMs, ifErrorMs);

/** How a kept answer may be used for a request, `residentMs` after it came. */
export function useOf(
  { ageMs, freshMs, whileRevalidateMs, ifErrorMs }: Freshness,
  request: GatewayRequest,
  residentMs: number,
): "fresh" | "while-revalidate" | "if-error" | "none" {
  const control = joined(request.headers, "cache-control");
  const said = directives(control);
  const ageS = (ageMs + residentMs) / 1000;
  const refused =
    said.has("no-cache") ||
    (control === "" && joined(request.headers, "pragma").includes("no-cache")) ||
    (said.has("max-age") && ageS > secondsOf(said, "max-age")) ||
    (said.has("min-fresh") && (freshMs - residentMs) / 1000 < secondsOf(said, "min-fresh"));
  if (refused) return "none";
  if (residentMs < freshMs) return "fresh";
  if (residentMs < freshMs + whileRevalidateMs) return "while-revalidate";
  return residentMs < freshMs + ifErrorMs ? "if-error" : "none";
}
