import type { RawMatch, RuleForm, Say } from "./gateway-api-filters";
import type { ImportedRoute } from "./imported";
import { isPlainPath, trimmed } from "./paths";

/** Which requests a rule takes, and what of them it changes on their way. */

interface Taken {
  match: ImportedRoute["match"];
  /** It takes more than it did: nobody may be let in by it. */
  isWider: boolean;
}

/** Bytes that clients need not escape: what is compared is not decoded. */
const QUERY_NAME = /^[\w.~-]{1,64}$/;
const QUERY_VALUE = /^[\w.~-]{1,256}$/;
const HEADER_NAME = /^[a-z\d-]+$/i;

/** The plain segments that a path begins with. */
const plainPart = (path: string): string => /^(?:\/[A-Za-z\d_~-]+(?=\/|$))*/.exec(path)?.[0] ?? "";

function pathOf({ path, method }: RawMatch, say: Say): { exact?: string[]; prefix?: string[]; isWider: boolean } {
  const lost = (what: string, value: string): { prefix: string[]; isWider: true } => {
    say(
      "lost",
      what === "path" ? "path" : "matches",
      `"${value}": ${what === "path" ? "no path that every proxy reads alike" : what}`,
    );
    return { prefix: [plainPart(value) || "/"], isWider: true };
  };
  const call = typeof method === "object" ? method : undefined;
  const { type, value = "/" } = call
    ? { type: call.type, value: `/${call.service ?? ""}${call.method === undefined ? "" : `/${call.method}`}` }
    : (path ?? {});
  if (type === "RegularExpression") return lost("regular expressions are not taken", value);
  if (call?.service === undefined && call?.method !== undefined)
    return lost("a method of any service is not taken", value);
  if (!isPlainPath(value)) return lost("path", value);
  const exact = call ? call.method !== undefined : type === "Exact";
  return { ...(exact ? { exact: [value] } : { prefix: [trimmed(value)] }), isWider: false };
}

/** What a match takes, or a wider one where it cannot be said. */
export function matchOf(raw: RawMatch, say: Say): Taken {
  const { headers = [], queryParams = [], method } = raw;
  const { isWider, ...path } = pathOf(raw, say);
  const asked = queryParams.filter(
    ({ type, name, value }) => type !== "RegularExpression" && QUERY_NAME.test(name) && QUERY_VALUE.test(value),
  );
  const unasked = queryParams.filter((parameter) => !asked.includes(parameter)).map(({ name }) => name);
  if (unasked.length > 0) say("lost", "queryParams", `routes are not chosen by ${unasked.join(", ")} so`);
  const sayable = headers.filter(({ type, name }) => type !== "RegularExpression" && HEADER_NAME.test(name));
  const others = headers.filter((header) => !sayable.includes(header)).map(({ name }) => name);
  if (others.length > 0) say("lost", "matches", `routes are not chosen by ${others.join(", ")} so`);
  // Of a name that comes twice the first counts.
  const own = Object.fromEntries([...sayable].reverse().map((h) => [h.name.toLowerCase(), h.value]));
  return {
    match: {
      ...path,
      ...(typeof method === "string" && { methods: [method.toUpperCase()] }),
      ...(sayable.length > 0 && { headers: own }),
      ...(asked.length > 0 && { query: Object.fromEntries([...asked].reverse().map((q) => [q.name, q.value])) }),
    },
    isWider: isWider || unasked.length > 0 || others.length > 0,
  };
}

/** What the service hears in place of the path and name; nothing where it cannot be said. */
export function rewriteOf(
  { rewriteHost, rewritePath }: RuleForm,
  match: ImportedRoute["match"],
  say: Say,
): object | undefined {
  const [exact] = match.exact ?? [];
  const [prefix = exact] = match.prefix ?? [];
  const host = rewriteHost === undefined ? {} : { host: rewriteHost };
  if (!rewritePath) return host;
  if (rewritePath.full !== undefined) {
    if (exact !== undefined) return { prefix: exact, replacement: rewritePath.full, ...host };
    say("lost", "URLRewrite", "everything below a prefix to one path is not taken");
    return undefined;
  }
  return { prefix, replacement: rewritePath.prefix ?? "/", ...host };
}
