/** Smaller forms of a plain value: without one of its members, or with one of them smaller. */
export function* smaller(value: unknown): Generator {
  if (Array.isArray(value)) {
    const list = value as unknown[];
    for (let i = 0; i < list.length; i++) yield list.filter((_, at) => at !== i);
    for (let i = 0; i < list.length; i++) for (const item of smaller(list[i])) yield list.with(i, item);
  } else if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    for (const [key] of entries) yield Object.fromEntries(entries.filter(([k]) => k !== key));
    for (const [key, inner] of entries) for (const item of smaller(inner)) yield { ...value, [key]: item };
  } else if (typeof value === "string" && value.includes("?")) {
    yield value.slice(0, value.indexOf("?"));
  }
}

/** The smallest form found that still `fails`, within a number of tries; a form that cannot be tried (undefined) costs none. */
export async function shrink<T>(from: T, fails: (value: T) => Promise<boolean | undefined>, tries: number): Promise<T> {
  let best = from;
  let left = tries;
  for (let found = true; found && left > 0;) {
    found = false;
    for (const candidate of smaller(best)) {
      const failed = await fails(candidate as T).catch(() => false);
      if (failed !== undefined) left -= 1;
      if (failed) best = candidate as T;
      found = failed === true;
      if (found || left <= 0) break;
    }
  }
  return best;
}
