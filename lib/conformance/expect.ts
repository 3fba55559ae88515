import { isDeepStrictEqual } from "node:util";
import type { HeaderLine } from "../policy";
import type { Expectation } from "./case";
import type { Identities } from "./identities";
import type { Seen } from "./upstreams";
import { fillPlaceholders, type WireAnswer } from "./wire";

/** What a case expects, held against what came: every difference as a sentence. */

export interface Outcome {
  answer: WireAnswer;
  seen: readonly Seen[];
  identities: Identities;
  n: number;
}

type Matcher = Expectation["headers"][string];

const joined = (headers: readonly HeaderLine[], name: string): string | undefined => {
  const values = headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return values.length > 0 ? values.join(", ") : undefined;
};

export function regexOf(text: string): RegExp | undefined {
  const [, source, flags] = /^\/(.*)\/([a-z]*)$/s.exec(text) ?? [];
  return source === undefined ? undefined : new RegExp(source, flags);
}

function matches(matcher: Matcher, value: string | undefined, answer: WireAnswer, name: string): boolean {
  if (typeof matcher === "object") return value !== undefined && value === joined(answer.headers, name);
  if (matcher === "present") return value !== undefined;
  if (matcher === "absent") return value === undefined;
  const negated = matcher.startsWith("!/") ? regexOf(matcher.slice(1)) : undefined;
  if (negated) return value === undefined || !negated.test(value);
  const regex = regexOf(matcher);
  return value !== undefined && (regex ? regex.test(value) : value === matcher);
}

export function statusMatches(expected: Expectation["status"], status: number): boolean {
  return [expected].flat().some((e) => e === status || (typeof e === "string" && e[0] === String(status)[0]));
}

/** `<string>`, `<number>` and `<any>` stand for values of that kind. */
function jsonMatches(expected: unknown, value: unknown): boolean {
  if (expected === "<any>") return value !== undefined;
  if (expected === "<string>") return typeof value === "string";
  if (expected === "<number>") return typeof value === "number";
  if (Array.isArray(expected)) {
    return (
      Array.isArray(value) && value.length === expected.length && expected.every((e, i) => jsonMatches(e, value[i]))
    );
  }
  if (typeof expected === "object" && expected !== null) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const keys = Object.keys(expected);
    const own = value as Record<string, unknown>;
    return (
      keys.length === Object.keys(own).length &&
      keys.every((k) => jsonMatches((expected as Record<string, unknown>)[k], own[k]))
    );
  }
  return isDeepStrictEqual(expected, value);
}

function bodyDifference(expected: NonNullable<Expectation["body"]>, body: Buffer): string | undefined {
  const text = body.toString("utf8");
  if (expected.bytes !== undefined && body.length !== expected.bytes) return `${String(body.length)} bytes`;
  if (expected.text !== undefined && text !== expected.text) return JSON.stringify(text.slice(0, 120));
  if (expected.matches !== undefined && !regexOf(expected.matches)?.test(text))
    return JSON.stringify(text.slice(0, 200));
  if (expected.json === undefined) return undefined;
  try {
    return jsonMatches(expected.json, JSON.parse(text)) ? undefined : text.slice(0, 200);
  } catch {
    return `no JSON: ${JSON.stringify(text.slice(0, 120))}`;
  }
}

/** A service's name covers its instances: `backend` is `backend-1` as well. */
const isService = (name: string, service: string): boolean =>
  service === name || (service.startsWith(`${name}-`) && /^\d+$/.test(service.slice(name.length + 1)));

const said = (matcher: Matcher): string =>
  typeof matcher === "string" ? matcher : `the same as the ${matcher.sameAs}'s`;

export function differences(expected: Expectation, { answer, seen, identities, n }: Outcome): string[] {
  const found: string[] = [];
  const fill = (m: Matcher): Matcher => (typeof m === "string" ? fillPlaceholders(m, identities, n) : m);
  const last = seen.at(-1);
  if (expected.status !== undefined && !statusMatches(expected.status, answer.status))
    found.push(`status ${String(answer.status)}, expected ${[expected.status].flat().join(" or ")}`);
  if (expected.reaches === "nothing" && last) found.push(`reaches ${last.service}, expected nothing`);
  if (
    expected.reaches !== undefined &&
    expected.reaches !== "nothing" &&
    !(last && isService(expected.reaches, last.service))
  ) {
    found.push(`reaches ${last?.service ?? "nothing"}, expected ${expected.reaches}`);
  }
  for (const [name, matcher] of Object.entries(expected.headers)) {
    const value = joined(answer.headers, name);
    if (!matches(fill(matcher), value, answer, name))
      found.push(`${name}: ${value ?? "absent"}, expected ${said(fill(matcher))}`);
  }
  if (expected.body) {
    const difference = bodyDifference(expected.body, answer.body);
    if (difference !== undefined) found.push(`body ${difference}`);
  }
  for (const [service, count] of Object.entries(expected.hits ?? {})) {
    const got = seen.filter((s) => isService(service, s.service)).length;
    if (got !== count) found.push(`${String(got)} hits on ${service}, expected ${String(count)}`);
  }
  if (expected.answeredWithin !== undefined && answer.seconds > expected.answeredWithin) {
    found.push(`answered after ${answer.seconds.toFixed(2)} s`);
  }
  if (expected.firstBytesWithin !== undefined && (answer.firstBytes ?? 0) > expected.firstBytesWithin) {
    found.push(`answered after ${(answer.firstBytes ?? 0).toFixed(2)} s with its first bytes`);
  }
  if (expected.certificate !== undefined && answer.certificate !== undefined) {
    if (answer.certificate !== expected.certificate) found.push(`certificate of ${answer.certificate}`);
  }
  const { upstream } = expected;
  if (!upstream) return found;
  // Of several answers that are right, one may be a refusal: what is not passed on has no header.
  const mayRefuse = Array.isArray(expected.status) && answer.status >= 400;
  if (!last) return mayRefuse ? found : [...found, "the upstream saw nothing"];
  if (upstream.method !== undefined && upstream.method !== last.method) found.push(`upstream method ${last.method}`);
  if (upstream.path !== undefined && fillPlaceholders(upstream.path, identities, n) !== last.path)
    found.push(`upstream path ${last.path}, expected ${upstream.path}`);
  for (const [name, matcher] of Object.entries(upstream.headers)) {
    const value = joined(last.headers, name);
    if (!matches(fill(matcher), value, answer, name))
      found.push(`upstream ${name}: ${value ?? "absent"}, expected ${said(fill(matcher))}`);
  }
  for (const name of upstream.without) {
    if (joined(last.headers, name) !== undefined) found.push(`upstream has ${name}`);
  }
  if (upstream.body) {
    const difference = bodyDifference(upstream.body, last.body);
    if (difference !== undefined) found.push(`upstream body ${difference}`);
  }
  return found;
}
