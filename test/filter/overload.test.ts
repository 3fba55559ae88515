import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { Overload, OVERLOAD_LIMITS } from "../../lib/filter/overload";

/** What is under way, and whose it is; the numbers are small, what they mean is the same. */

const started: Overload[] = [];
const begin = (limits: object): Overload => {
  const overload = new Overload({ ...OVERLOAD_LIMITS, maxDelayMs: Infinity, ...limits });
  started.push(overload);
  return overload;
};
afterEach(() => {
  for (const overload of started.splice(0)) overload.stop();
});

const message = (): IncomingMessage => new EventEmitter() as never;

test("who waits for a client's bytes is no work", () => {
  const overload = begin({ maxInFlight: 2 });
  const slow = Array.from({ length: 5 }, (_, i) => ({
    place: overload.place(`203.0.113.${String(i)}`),
    body: message(),
  }));
  // Two at once before their bodies begin.
  expect(slow.map(({ place }) => place !== undefined)).toEqual([true, true, false, false, false]);
  for (const { place, body } of slow) place?.receive(body);
  expect([overload.inFlight, overload.receiving]).toEqual([0, 2]);
  expect(overload.place("198.51.100.1")).toBeDefined();
  slow[0]?.body.emit("end");
  expect([overload.inFlight, overload.receiving]).toEqual([2, 1]);
  for (const { place } of slow) place?.leave();
  expect([overload.inFlight, overload.receiving]).toEqual([1, 0]);
});

test("nobody has all places: an address has its share, and a network of IPv6 is one", () => {
  const overload = begin({ maxPerClient: 3 });
  const taken = Array.from({ length: 5 }, (_, i) => overload.place(`2001:db8::${String(i + 1)}`));
  expect(taken.map((place) => place !== undefined)).toEqual([true, true, true, false, false]);
  expect(overload.place("2001:db8:0:1::1")).toBeDefined();
  taken[0]?.leave();
  expect(overload.place("2001:db8::9")).toBeDefined();
});

test("what has been left is forgotten, however it ended", () => {
  const overload = begin({});
  const place = overload.place("203.0.113.1");
  const body = message();
  place?.receive(body);
  body.emit("close");
  body.emit("end");
  place?.leave();
  expect([overload.inFlight, overload.receiving]).toEqual([0, 0]);
});
