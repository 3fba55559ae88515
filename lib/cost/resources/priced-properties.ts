/**
 * What is taken of a type's properties: `ANY` what a pricer reads, or what costs nothing; a list the only values that there
 * is a price for; `must` one that has to stand there, since AWS takes a dearer one by default; a map the same one level deeper,
 * of a list's items as well.
 */
export interface PricedProperties {
  readonly [property: string]: typeof ANY | readonly unknown[] | Must | PricedProperties;
}

export const ANY = true;

class Must {
  constructor(readonly value: unknown) {}
}

export const must = (value: unknown): Must => new Must(value);

/** Names, with a space between, that may have any value. */
export const any = (names: string): PricedProperties => Object.fromEntries(names.split(" ").map((name) => [name, ANY]));

const isValues = (takes: readonly unknown[] | PricedProperties): takes is readonly unknown[] => Array.isArray(takes);

/** The first place where a template says, or leaves to AWS, what nobody has a price for: `StorageType: "io2"`. */
export function beyond(value: unknown, takes: PricedProperties, path = ""): string | undefined {
  if (Array.isArray(value)) return firstOf(value, (item) => beyond(item, takes, path));
  if (typeof value !== "object" || value === null) return `${path}: ${JSON.stringify(value)}`;
  const said = new Map(Object.entries(value));
  return firstOf([...new Set([...said.keys(), ...Object.keys(takes)])], (name) => {
    const known = (Object.hasOwn(takes, name) ? takes[name] : undefined) ?? [];
    const inner: unknown = said.get(name);
    const at = path === "" ? name : `${path}.${name}`;
    const wrong = `${at}: ${said.has(name) ? JSON.stringify(inner) : "what AWS takes by default"}`;
    if (known === ANY) return undefined;
    if (known instanceof Must) return known.value === inner ? undefined : wrong;
    if (isValues(known)) return !said.has(name) || known.includes(inner) ? undefined : wrong;
    return beyond(said.has(name) ? inner : {}, known, at);
  });
}

function firstOf<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
