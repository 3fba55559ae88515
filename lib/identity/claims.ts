/**
 * Where a claim stands: members joined by dots, or a list of members, for names that have dots themselves. A text with
 * `://` in it is one name, as issuers write claims of their own (OpenID Connect Core section 5.1.2).
 */
export type ClaimPath = string | readonly string[];

/** Paths of models, taken apart once. */
const paths = new Map<string, readonly string[]>();

export function claimMembers(path: ClaimPath): readonly string[] {
  if (typeof path !== "string") return path;
  let members = paths.get(path);
  if (!members) {
    members = path.includes("://") ? [path] : path.split(".");
    paths.set(path, members);
  }
  return members;
}

/** The path as a person reads it. */
export const claimText = (path: ClaimPath): string => (typeof path === "string" ? path : JSON.stringify(path));

/** The claim at a path of a model, own members only. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const member of claimMembers(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, member)) return undefined;
    value = (value as Record<string, unknown>)[member];
  }
  return value;
}

/** Names in a claim: an array of strings, or one string; anything else is none. */
export function namesAt(claims: Readonly<Record<string, unknown>>, path: ClaimPath): string[] {
  const value = claimAt(claims, path);
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];
}

/** True for a text that can stand in a header. */
export function isPrintable(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}

/**
 * A claim as a header's value: numbers and booleans as JSON writes them, lists of such values joined by commas. A text with
 * anything but visible ASCII and spaces in it is percent-encoded (RFC 3986 section 2.1, UTF-8), an item of a list also where it
 * has a comma. Nothing for objects, null and what is empty.
 */
export function claimHeader(value: unknown): string | undefined {
  const one = (item: unknown, plain: RegExp): string | undefined => {
    if (typeof item === "number" || typeof item === "boolean") return String(item);
    if (typeof item !== "string" || item === "") return undefined;
    return plain.test(item) ? item : encodeURIComponent(item);
  };
  if (!Array.isArray(value)) return one(value, /^[\x20-\x7e]+$/);
  const items = (value as unknown[]).map((item) =>
    one(item, /^[\x21-\x2b\x2d-\x7e]([\x20-\x2b\x2d-\x7e]*[\x21-\x2b\x2d-\x7e])?$/),
  );
  return items.length > 0 && items.every((item) => item !== undefined) ? items.join(",") : undefined;
}
