/** Paths of models, taken apart once. */
const paths = new Map<string, readonly string[]>();

function membersOf(path: string): readonly string[] {
  let members = paths.get(path);
  if (!members) {
    members = path.split(".");
    paths.set(path, members);
  }
  return members;
}

/** The claim at a dotted path of a model, own members only. */
export function claimAt(claims: Readonly<Record<string, unknown>>, path: string): unknown {
  let value: unknown = claims;
  for (const member of membersOf(path)) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, member)) return undefined;
    value = (value as Record<string, unknown>)[member];
  }
  return value;
}

/** Names in a claim: an array of strings, or one string; anything else is none. */
export function namesAt(claims: Readonly<Record<string, unknown>>, path: string): string[] {
  const value = claimAt(claims, path);
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];
}

/** True for a text that can stand in a header. */
export function isPrintable(text: string): boolean {
  return /^[\x20-\x7e]+$/.test(text);
}
