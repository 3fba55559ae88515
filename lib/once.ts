/**
 * What follows from a value alone, found out once for it: for values that nobody changes, as models, gateways and plans are.
 * `more` is what it takes besides, and is the same for the same value.
 */
export function once<K extends object, V, More extends unknown[] = []>(
  derive: (of: K, ...more: More) => V,
): (of: K, ...more: More) => V {
  const known = new WeakMap<K, { value: V }>();
  return (of, ...more) => {
    let found = known.get(of);
    if (!found) {
      found = { value: derive(of, ...more) };
      known.set(of, found);
    }
    return found.value;
  };
}
