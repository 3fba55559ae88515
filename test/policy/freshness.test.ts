import { freshnessOf, keptMs, useOf } from "../../lib/policy/freshness";
import type { GatewayRequest, HeaderLine, ServiceAnswer } from "../../lib/policy";

const TTL_MS = 300_000;
const NOW = Date.parse("2026-01-01T00:00:00Z");

const asking = (...headers: HeaderLine[]): GatewayRequest => ({ headers }) as unknown as GatewayRequest;
const saying = (...headers: HeaderLine[]): ServiceAnswer => ({
  by: "service",
  status: 200,
  headers,
  body: Buffer.alloc(0),
});
const control = (text: string): ServiceAnswer => saying(["Cache-Control", text]);
const plain = { ageMs: 0, whileRevalidateMs: 0, ifErrorMs: 0 };

describe("how long an answer is fresh", () => {
  const date = (ms: number): string => new Date(Date.parse("2026-01-01T00:00:00Z") + ms).toUTCString();
  test.each<[string, ServiceAnswer, number | undefined]>([
    ["nothing said", saying(), TTL_MS],
    ["public, and no time", control("public"), TTL_MS],
    ["a time below ttl", control("max-age=60"), 60_000],
    ["a time above ttl", control("max-age=86400"), TTL_MS],
    ["a quoted time", control('max-age="60"'), 60_000],
    ["capitals", control("Max-Age=60"), 60_000],
    ["two lines", saying(["cache-control", "public"], ["Cache-Control", "max-age=60"]), 60_000],
    ["for shared caches", control("max-age=60, s-maxage=90"), 90_000],
    ["the same time twice", control("max-age=60, max-age=60"), 60_000],
    ["immutable without a time", control("immutable"), TTL_MS],
    ["must-revalidate with a time", control("max-age=60, must-revalidate"), 60_000],
    ["proxy-revalidate with a time", control("max-age=60, proxy-revalidate"), 60_000],
    ["an age", saying(["cache-control", "max-age=60"], ["age", "45"]), 15_000],
    ["Expires", saying(["date", date(0)], ["expires", date(60_000)]), 60_000],
    ["Expires behind max-age", saying(["cache-control", "max-age=60"], ["expires", date(-1)]), 60_000],
    ["a CDN's own, shorter", saying(["cache-control", "max-age=60"], ["cdn-cache-control", "max-age=30"]), 30_000],
    ["a CDN's own, longer", saying(["cache-control", "max-age=60"], ["cdn-cache-control", "max-age=90"]), 60_000],
    ["a surrogate's own", saying(["surrogate-control", 'content="ESI/1.0", max-age=30']), 30_000],
    ["Last-Modified is no word on time", saying(["date", date(0)], ["last-modified", date(-86_400_000)]), TTL_MS],
  ])("%s", (_, answer, freshMs) => {
    expect(freshnessOf(asking(), answer, TTL_MS, NOW)).toEqual({
      ...plain,
      ageMs: answer.headers.some(([n]) => n === "age") ? 45_000 : 0,
      freshMs,
    });
  });
});

test.each<[string, ServiceAnswer]>([
  ...[
    ...["no-store", "NO-STORE", "private", "Private", 'private="x-a"', "no-cache", 'no-cache="x-a, x-b", max-age=60'],
    ...[
      "max-age=0",
      "max-age=60, max-age=0",
      "max-age=soon",
      "max-age=-1",
      "max-age=1.5",
      "max-age",
      "s-maxage=0, max-age=60",
    ],
    ...["must-revalidate", "proxy-revalidate"],
  ].map((text): [string, ServiceAnswer] => [text, control(text)]),
  ["as old as it may be", saying(["cache-control", "max-age=60"], ["age", "60"])],
  ["expired", saying(["expires", "Thu, 01 Jan 2015 00:00:00 GMT"])],
  ["Expires that is no date", saying(["expires", "0"])],
  ["Expires that is empty", saying(["expires", ""])],
  ["an age below nothing", saying(["cache-control", "max-age=60"], ["age", "-3000"])],
  ["an age in words", saying(["age", "old"])],
  [
    "as old by its date as it may be",
    saying(["cache-control", "max-age=60"], ["date", new Date(NOW - 61_000).toUTCString()]),
  ],
  ["Pragma", saying(["pragma", "no-cache"])],
  ["a CDN's no-store", saying(["cdn-cache-control", "No-Store"], ["cache-control", "max-age=60"])],
  ["a surrogate's no-store", saying(["surrogate-control", "no-store"])],
])("not kept: %s", (_, answer) => {
  expect(freshnessOf(asking(), answer, TTL_MS, NOW)).toBeUndefined();
});

test("Pragma is nothing beside Cache-Control", () => {
  const answer = saying(["pragma", "no-cache"], ["cache-control", "max-age=60"]);
  expect(freshnessOf(asking(), answer, TTL_MS, NOW)?.freshMs).toBe(60_000);
});

test("who asks with no-store has it kept by nobody", () => {
  expect(freshnessOf(asking(["cache-control", "No-Store"]), saying(), TTL_MS, NOW)).toBeUndefined();
});

describe("what is stale", () => {
  const both = "max-age=60, stale-while-revalidate=30, stale-if-error=120";

  test("is kept for as long as it may be of use", () => {
    const freshness = freshnessOf(asking(), control(both), TTL_MS, NOW);
    expect(freshness).toEqual({ ageMs: 0, freshMs: 60_000, whileRevalidateMs: 30_000, ifErrorMs: 120_000 });
    expect(freshness && keptMs(freshness)).toBe(180_000);
  });

  test("is never older than ttl", () => {
    expect(freshnessOf(asking(), control(both), 70_000, NOW)).toMatchObject({
      whileRevalidateMs: 10_000,
      ifErrorMs: 10_000,
    });
    expect(freshnessOf(asking(), control(both), 50_000, NOW)).toMatchObject({ freshMs: 50_000, ifErrorMs: 0 });
  });

  test.each(["must-revalidate", "proxy-revalidate"])("is of no use with %s", (word) => {
    expect(freshnessOf(asking(), control(`${both}, ${word}`), TTL_MS, NOW)).toEqual({ ...plain, freshMs: 60_000 });
  });
});

describe("how a kept answer is used", () => {
  const kept = { ageMs: 10_000, freshMs: 60_000, whileRevalidateMs: 30_000, ifErrorMs: 120_000 };
  test.each<[string, number, HeaderLine[], ReturnType<typeof useOf>]>([
    ["fresh", 59_999, [], "fresh"],
    ["just stale", 60_000, [], "while-revalidate"],
    ["too old to be used meanwhile", 90_000, [], "if-error"],
    ["too old for everything", 180_000, [], "none"],
    ["not wanted", 1_000, [["Cache-Control", "No-Cache"]], "none"],
    ["not wanted, in the old word", 1_000, [["pragma", "no-cache"]], "none"],
    [
      "the old word beside the new",
      1_000,
      [
        ["pragma", "no-cache"],
        ["cache-control", "max-age=60"],
      ],
      "fresh",
    ],
    ["older than wanted, with its age on arrival", 30_000, [["cache-control", "max-age=39"]], "none"],
    ["no older than wanted", 30_000, [["cache-control", "max-age=40"]], "fresh"],
    ["fresh for too short", 30_000, [["cache-control", "min-fresh=31"]], "none"],
    ["fresh for long enough", 30_000, [["cache-control", "min-fresh=30"]], "fresh"],
    ["stale is never asked for", 100_000, [["cache-control", "max-stale"]], "if-error"],
  ])("%s", (_, residentMs, headers, use) => {
    expect(useOf(kept, asking(...headers), residentMs)).toBe(use);
  });
});
