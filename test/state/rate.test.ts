import type { Counter } from "../../lib/policy";
import { burstOf, retryAfter } from "../../lib/policy/rate";
import { gcra, MemoryCounters } from "../../lib/state/counters";

const counter = (key: string, requests: number, perMs: number, burst: number): Counter => ({
  key,
  requests,
  perMs,
  burst,
});

describe("GCRA", () => {
  test.each<[string, Counter, number[], number[]]>([
    ["burst 0 admits one at a time", counter("a", 1, 1000, 0), [0, 0, 999, 1000, 1000], [0, 1000, 1, 0, 1000]],
    ["burst 2 admits three at once", counter("a", 1, 1000, 2), [0, 0, 0, 0], [0, 0, 0, 1000]],
    ["exact spacing is admitted for ever", counter("a", 4, 1000, 0), [0, 250, 500, 750, 1000], [0, 0, 0, 0, 0]],
    ["a millisecond too early waits that millisecond", counter("a", 4, 1000, 0), [0, 249, 250], [0, 1, 0]],
    ["one comes back after each interval", counter("a", 2, 1000, 1), [0, 0, 0, 499, 500, 501], [0, 0, 500, 1, 0, 499]],
    ["idle time saves no more than the burst", counter("a", 1, 1000, 1), [0, 60_000, 60_000, 60_000], [0, 0, 0, 1000]],
    ["what is refused does not count", counter("a", 1, 1000, 0), [0, 1, 2, 3, 1000], [0, 999, 998, 997, 0]],
    [
      "a clock that goes back refuses, and no more than before",
      counter("a", 1, 1000, 0),
      [5000, 4000, 6000],
      [0, 2000, 0],
    ],
  ])("%s", (_, c, times, waits) => {
    const counters = new MemoryCounters();
    expect(times.map((now) => counters.take([c], now).waitMs)).toEqual(waits);
  });

  test("in any second no more than burst + rate are admitted", () => {
    const c = counter("a", 10, 1000, 4);
    const counters = new MemoryCounters();
    const admitted = Array.from({ length: 5000 }, (_, now) => now).filter(
      (now) => counters.take([c], now).waitMs === 0,
    );
    for (const start of admitted) {
      expect(admitted.filter((t) => t >= start && t < start + 1000).length).toBeLessThanOrEqual(10 + 4 + 1);
    }
    expect(admitted.length).toBe(5 + 49);
  });

  test("a whole burst is admitted at once, whatever time it is", () => {
    const nowMs = 1_764_400_000_123;
    for (let requests = 1; requests <= 120; requests++) {
      for (const perMs of [1_000, 2_000, 30_000, 60_000, 3_600_000, 86_400_000]) {
        const c = counter("a", requests, perMs, requests - 1);
        const counters = new MemoryCounters();
        const waits = Array.from({ length: requests + 1 }, () => counters.take([c], nowMs).waitMs);
        expect([requests, perMs, waits.filter((wait) => wait === 0).length]).toEqual([requests, perMs, requests]);
      }
    }
  });

  test("the first request of a key starts from now", () => {
    expect(gcra(undefined, counter("a", 1, 1000, 0), 7000)).toEqual({ waitMs: 0, tat: 8000 });
    expect(gcra(8000, counter("a", 1, 1000, 0), 7400)).toEqual({ waitMs: 600, tat: 8000 });
  });
});

describe("several counters", () => {
  const short = counter("short", 1, 1000, 1);
  const long = counter("long", 1, 60_000, 2);

  test("all admit, or none counts", () => {
    const counters = new MemoryCounters();
    expect(counters.take([short, long], 0).waitMs).toBe(0);
    expect(counters.take([short, long], 0).waitMs).toBe(0);
    expect(counters.take([short, long], 0).waitMs).toBe(1000);
    // The long one would have been used up by the refused request, had that counted.
    expect(counters.take([long], 0).waitMs).toBe(0);
    expect(counters.take([long], 0).waitMs).toBe(60_000);
  });

  test("the order does not matter, and the longest wait is told", () => {
    for (const both of [
      [short, long],
      [long, short],
    ]) {
      const counters = new MemoryCounters();
      for (let i = 0; i < 2; i++) expect(counters.take([short], 0).waitMs).toBe(0);
      for (let i = 0; i < 3; i++) expect(counters.take([long], 0).waitMs).toBe(0);
      expect(counters.take(both, 0).waitMs).toBe(60_000);
    }
  });

  test("no counter admits", () => {
    expect(new MemoryCounters().take([], 0).waitMs).toBe(0);
  });

  test("keys do not touch each other", () => {
    const counters = new MemoryCounters();
    const one = (key: string): Counter => counter(key, 1, 1000, 0);
    expect([
      counters.take([one("a")], 0).waitMs,
      counters.take([one("b")], 0).waitMs,
      counters.take([one("a")], 0).waitMs,
    ]).toEqual([0, 0, 1000]);
    expect(counters.take([one("__proto__")], 0).waitMs).toBe(0);
    expect(counters.take([one("__proto__")], 0).waitMs).toBe(1000);
  });

  test("beyond the capacity those that hold nothing any more go first", () => {
    const counters = new MemoryCounters(2);
    const one = (key: string): Counter => counter(key, 1, 1000, 0);
    counters.take([one("old")], 0);
    counters.take([one("a")], 2000);
    counters.take([one("b")], 2000);
    expect([counters.take([one("a")], 2000).waitMs, counters.take([one("b")], 2000).waitMs]).toEqual([1000, 1000]);
  });
});

test.each([
  [0.1, "1"],
  [1000, "1"],
  [1001, "2"],
  [59_999.5, "60"],
])("Retry-After of %d ms is %s", (ms, text) => {
  expect(retryAfter(ms)).toBe(text);
});

test("without a burst all of a period may come at once", () => {
  expect([burstOf({ requests: 100 }), burstOf({ requests: 1 }), burstOf({ requests: 5, burst: 0 })]).toEqual([
    99, 0, 0,
  ]);
});
