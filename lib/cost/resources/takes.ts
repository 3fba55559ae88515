/**
 * What is taken of a type's properties: `ANY` what a pricer reads, or what costs nothing; a list the only values that there
 * is a price for; a map the same one level deeper, of a list's items as well.
 */
export interface Takes {
  readonly [property: string]: typeof ANY | readonly unknown[] | Takes;
}

export const ANY = true;

/** Names, with a space between, that may have any value. */
export const any = (names: string): Takes => Object.fromEntries(names.split(" ").map((name) => [name, ANY]));

const isValues = (takes: readonly unknown[] | Takes): takes is readonly unknown[] => Array.isArray(takes);

/** The first place where a template says what nobody has a price for: `StorageType: "io2"`. */
export function beyond(value: unknown, takes: Takes, path = ""): string | undefined {
  if (Array.isArray(value)) return firstOf(value, (item) => beyond(item, takes, path));
  if (typeof value !== "object" || value === null) return `${path}: ${JSON.stringify(value)}`;
  return firstOf(Object.entries(value), ([name, inner]) => {
    const known = Object.hasOwn(takes, name) ? takes[name] : [];
    const at = path === "" ? name : `${path}.${name}`;
    if (known === undefined || known === ANY) return undefined;
    if (!isValues(known)) return beyond(inner, known, at);
    return known.includes(inner) ? undefined : `${at}: ${JSON.stringify(inner)}`;
  });
}

function firstOf<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
