import { setTimeout as sleep } from "node:timers/promises";
import { kindNamed, NOT_CALLED, type Exchange, type Report } from "../../../lib/policy";
import type { lockout as Lockout } from "../../../lib/policy/kinds/lockout";
import { bareText } from "../../../lib/content/spellings";
import { aloneState } from "../../../lib/decision/alone-state";

const lockout = kindNamed("lockout") as typeof Lockout;
const config = lockout.schema.parse({});

const JSON_TYPE = "application/json";
const FORM = "application/x-www-form-urlencoded";

const failure = { by: "service" as const, status: 401, headers: [], body: Buffer.alloc(0) };

const exchangeOf = (body: string, type: string): Exchange =>
  ({
    system: "s",
    environment: "e",
    request: {
      client: "203.0.113.7",
      headers: [["content-type", type]],
      target: "/auth/login",
      body: { limit: () => false, read: () => Promise.resolve(Buffer.from(body)) },
    },
  }) as unknown as Exchange;

/** How many of twenty failed attempts with this body get to the service. */
async function passed(body: string, type: string, atOnce = false): Promise<number> {
  const state = aloneState({ keys: { find: () => undefined } });
  const exchange = exchangeOf(body, type);
  let count = 0;
  const ask = async (): Promise<void> => {
    await lockout.around?.(config, exchange, state, async () => {
      count += 1;
      await sleep(atOnce ? 20 : 0);
      return failure;
    });
  };
  if (atOnce) await Promise.all(Array.from({ length: 20 }, ask));
  else for (let i = 0; i < 20; i++) await ask();
  return count;
}

/** How many of twenty attempts that a proxy carries are admitted, each of which ends so. */
async function admitted(report: Report): Promise<number> {
  const state = aloneState({ keys: { find: () => undefined } });
  const exchange = exchangeOf('{"email":"ana@x.test"}', JSON_TYPE);
  let count = 0;
  for (let i = 0; i < 20; i++) {
    const word = await lockout.reported?.admit(config, exchange, state);
    if (!word || "refusal" in word) continue;
    count += 1;
    lockout.reported?.ended(config, "app", word.ticket, report, state);
  }
  return count;
}

test.each<[string, Report, number]>([
  ["fail", { answeredBy: "service", status: 401 }, 5],
  ["pass", { answeredBy: "service", status: 200 }, 20],
  ["nobody answers", { answeredBy: "nobody", status: 502 }, 20],
  ["were never sent", NOT_CALLED, 20],
  ["a client does not wait for", { answeredBy: "proxy", status: 499 }, 5],
])("attempts that %s", async (_, report, count) => {
  expect(await admitted(report)).toBe(count);
});

test("guesses at the same time are no more than guesses one by one", async () => {
  expect(await passed('{"email":"ana@x.test"}', JSON_TYPE, true)).toBe(5);
});

test.each<[string, string, string]>([
  ["alone", '{"email":"ana@x.test"}', JSON_TYPE],
  ["among others", '{"password":"x","email":" Ana@X.test ","remember":true}', JSON_TYPE],
  ["in a form", "password=x&email=ana%40x.test", FORM],
])("a name %s has its attempts and no more", async (_, body, type) => {
  expect(await passed(body, type)).toBe(5);
});

/** What a service behind would read for Ana: refused or counted, but not let through for ever. */
test.each<[string, string, string]>([
  ["twice", '{"email":"x@x.test","email":"ana@x.test"}', JSON_TYPE],
  ["beside a member that is a trap", '{"email":"ana@x.test","constructor":1}', JSON_TYPE],
  ["beside half a character", '{"email":"ana@x.test","password":"\\ud800"}', JSON_TYPE],
  ["behind a byte order mark", '\ufeff{"email":"ana@x.test"}', JSON_TYPE],
  ["in a body that is deep", `{"email":"ana@x.test","x":${"[".repeat(70)}${"]".repeat(70)}}`, JSON_TYPE],
  ["twice in a form", "email=x%40x.test&email=ana%40x.test", FORM],
  ["behind a semicolon in a form", "email=x%40x.test&y=1;email=ana%40x.test", FORM],
  ["in brackets in a form", "email[]=ana%40x.test", FORM],
  ["that is no UTF-8", "email=ana%FF%40x.test", FORM],
  ["in another charset", '{"email":"ana@x.test"}', "application/json; charset=utf-7"],
])("a name %s gets around nothing", async (_, body, type) => {
  expect(await passed(body, type)).toBeLessThanOrEqual(5);
});

test.each<[string, string, string]>([
  ["no body", "", JSON_TYPE],
  ["a body without it", "{}", JSON_TYPE],
  ["a form without it", "a=b", FORM],
])("%s names nobody, and gets nowhere", async (_, body, type) => {
  expect(await passed(body, type)).toBe(0);
});

test("spellings of one domain are one name", () => {
  expect(new Set(["ana@x.test", "ana@x\u3002test", "ana@x\uff61test", "ana@x\uff0etest"].map(bareText)).size).toBe(1);
});

test("a name of any length and letters is one", async () => {
  expect(await passed(JSON.stringify({ email: `${"a".repeat(319)}😀@x.test` }), JSON_TYPE)).toBe(5);
});
