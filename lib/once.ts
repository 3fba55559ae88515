/** What follows from a value alone, found out once for it: for values that nobody changes, as models, gateways and plans are. */
export function once<K extends object, V>(derive: (of: K) => V): (of: K) => V {
  const known = new WeakMap<K, { value: V }>();
  return (of) => {
    let found = known.get(of);
    if (!found) {
      found = { value: derive(of) };
      known.set(of, found);
    }
    return found.value;
  };
}
