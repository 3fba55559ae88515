import { Places } from "../../lib/filter/places";

test("a place that is used again is not left by who was there before", () => {
  const places = new Places<{ name: string }>();
  const [first, second, third] = ["first", "second", "third"].map((name) => ({ name })) as [
    { name: string },
    { name: string },
    { name: string },
  ];
  const place = places.add(first);
  places.add(second);
  expect(places.delete(place, first)).toBe(true);
  expect(places.add(third)).toBe(place);
  expect(places.delete(place, first)).toBe(false);
  expect([...places.entries()].map(([, { name }]) => name)).toEqual(["third", "second"]);
  expect(places.size).toBe(2);
});

test("what leaves while all are looked at is not seen any more", () => {
  const places = new Places<object>();
  const items = [{}, {}, {}];
  const at = items.map((item) => places.add(item));
  const seen: object[] = [];
  for (const [place, item] of places.entries()) {
    seen.push(item);
    places.delete(place, item);
    places.delete(at[1] ?? 0, items[1] as object);
  }
  expect(seen).toEqual([items[0], items[2]]);
  expect(places.size).toBe(0);
});
