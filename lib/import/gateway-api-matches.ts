import type { RawMatch, RuleForm, Say } from "./gateway-api-filters";
import type { ImportedRoute } from "./imported";
import { isPlainPath, trimmed } from "./paths";

/** Which requests a rule takes, and what of them it changes on their way. */

/** What a match takes; nothing where it cannot be said. */
export function matchOf(
  { path, headers = [], queryParams = [], method }: RawMatch,
  say: Say,
): ImportedRoute["match"] | undefined {
  if (queryParams.length > 0) say("lost", "queryParams", "routes are not chosen by the query");
  const regular = [path, typeof method === "object" ? method : undefined, ...headers].some(
    (one) => one?.type === "RegularExpression",
  );
  if (regular) say("lost", "matches", "regular expressions are not taken");
  if (queryParams.length > 0 || regular) return undefined;
  const call = typeof method === "object" ? method : undefined;
  const value =
    call?.service === undefined
      ? (path?.value ?? "/")
      : `/${call.service}${call.method === undefined ? "" : `/${call.method}`}`;
  if (call?.service === undefined && call?.method !== undefined) {
    say("lost", "matches", "a method of any service is not taken");
    return undefined;
  }
  if (!isPlainPath(value)) {
    say("lost", "path", `"${value}" is no path that every proxy reads alike`);
    return undefined;
  }
  const exact = path?.type === "Exact" || call?.method !== undefined;
  // Of a name that comes twice the first counts.
  const own = Object.fromEntries([...headers].reverse().map((h) => [h.name.toLowerCase(), h.value]));
  return {
    ...(exact ? { exact: [value] } : { prefix: [trimmed(value)] }),
    ...(typeof method === "string" && { methods: [method] }),
    ...(headers.length > 0 && { headers: own }),
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
