import { InFlight } from "../../lib/filter/in-flight";

test("a slot that is used again is not left by who was there before", () => {
  const slots = new InFlight<{ name: string }>();
  const [first, second, third] = ["first", "second", "third"].map((name) => ({ name })) as [
    { name: string },
    { name: string },
    { name: string },
  ];
  const slot = slots.add(first);
  slots.add(second);
  expect(slots.delete(slot, first)).toBe(true);
  expect(slots.add(third)).toBe(slot);
  expect(slots.delete(slot, first)).toBe(false);
  expect([...slots.entries()].map(([, { name }]) => name)).toEqual(["third", "second"]);
  expect(slots.size).toBe(2);
});

test("what leaves while all are looked at is not seen any more", () => {
  const slots = new InFlight<object>();
  const items = [{}, {}, {}];
  const at = items.map((item) => slots.add(item));
  const seen: object[] = [];
  for (const [slot, item] of slots.entries()) {
    seen.push(item);
    slots.delete(slot, item);
    slots.delete(at[1] ?? 0, items[1] as object);
  }
  expect(seen).toEqual([items[0], items[2]]);
  expect(slots.size).toBe(0);
});
