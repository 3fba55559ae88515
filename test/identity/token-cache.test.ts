import type { KeyObject } from "node:crypto";
import type { KeySource } from "../../lib/policy";
import { TokenCache } from "../../lib/identity/token-cache";
import type { IssuerRules, Verified } from "../../lib/identity/token";
import { make, NOW, pairs, rsaPair, rules as good } from "./token-maker";

/** A key server that tells how often it was asked: a token from memory asks nobody. */
class Keys implements KeySource {
  asked = 0;
  number = 1;
  key: KeyObject | undefined = pairs.rsa.publicKey;

  find(): KeyObject | undefined {
    this.asked += 1;
    return this.key;
  }

  generation(): number {
    return this.number;
  }
}

const rulesOf = (change: Partial<IssuerRules> = {}): readonly IssuerRules[] => [{ ...good, ...change }];
const rules = rulesOf();

class Bench {
  readonly keys = new Keys();
  nowMs = NOW * 1000;

  constructor(readonly cache = new TokenCache()) {}

  async ask(token: string, by = rules): Promise<string> {
    const verified: Verified = await this.cache.verify(token, by, this.keys, this.nowMs);
    return "reason" in verified ? verified.reason : verified.identity.user;
  }

  /** Asks until the token is in memory. */
  async known(token: string, by = rules): Promise<string> {
    await this.ask(token, by);
    return this.ask(token, by);
  }
}

test("a token that comes again is known by its bytes from then on", async () => {
  const bench = new Bench();
  const token = make({});
  for (const asked of [1, 2, 2, 2]) {
    expect(await bench.ask(token)).toBe("user-1");
    expect(bench.keys.asked).toBe(asked);
  }
});

test("tokens that come once are not kept", async () => {
  const bench = new Bench();
  const token = make({});
  await bench.known(token);
  for (let i = 0; i < 200; i++) await bench.ask(make({ claims: { sub: `once-${String(i)}` } }));
  const { asked } = bench.keys;
  await bench.ask(token);
  expect(bench.keys.asked).toBe(asked);
});

test("a refused token is not remembered", async () => {
  const bench = new Bench();
  const token = make({ claims: { aud: "another" } });
  expect([await bench.ask(token), await bench.ask(token)]).toEqual(["jwt-audience", "jwt-audience"]);
  expect(bench.keys.asked).toBe(2);
});

describe("times are looked at on every hit", () => {
  test("expiry, with the skew and not beyond", async () => {
    const bench = new Bench();
    const token = make({ claims: { exp: NOW + 300 } });
    await bench.known(token);
    bench.nowMs = (NOW + 300 + 30) * 1000 - 1;
    expect(await bench.ask(token)).toBe("user-1");
    bench.nowMs += 1;
    expect(await bench.ask(token)).toBe("jwt-expired");
  });

  test.each(["nbf", "iat"])("%s, should the clock go back", async (claim) => {
    const bench = new Bench();
    const token = make({ claims: { [claim]: NOW } });
    await bench.known(token);
    bench.nowMs = (NOW - 30) * 1000;
    expect(await bench.ask(token)).toBe("user-1");
    bench.nowMs -= 1;
    expect(await bench.ask(token)).toMatch(/^jwt-(not-yet-valid|issued-later)$/);
  });
});

describe("keys are looked at on every hit", () => {
  test("another generation is another verification", async () => {
    const bench = new Bench();
    const token = make({});
    await bench.known(token);
    bench.keys.number += 1;
    const { asked } = bench.keys;
    expect(await bench.ask(token)).toBe("user-1");
    expect(bench.keys.asked).toBe(asked + 1);
    expect(await bench.ask(token)).toBe("user-1");
    expect(bench.keys.asked).toBe(asked + 1);
  });

  test("a key that was taken away verifies nothing any more", async () => {
    const bench = new Bench();
    const token = make({});
    await bench.known(token);
    Object.assign(bench.keys, { number: 2, key: rsaPair().publicKey });
    expect(await bench.ask(token)).toBe("jwt-signature");
    Object.assign(bench.keys, { number: 3, key: undefined });
    expect(await bench.ask(token)).toBe("jwt-unknown-key");
  });

  test("also where it was taken away while the token was verified", async () => {
    const bench = new Bench();
    const token = make({});
    await bench.ask(token);
    // What a fetch does that ends just then: the key that was found is no longer one.
    const found = bench.keys.find.bind(bench.keys);
    bench.keys.find = () => {
      const key = found();
      queueMicrotask(() => Object.assign(bench.keys, { number: 2, key: rsaPair().publicKey, find: found }));
      return key;
    };
    await bench.ask(token);
    expect(await bench.ask(token)).toBe("jwt-signature");
  });
});

test("what was verified while there were no keys that hold is not kept", async () => {
  const bench = new Bench();
  const token = make({});
  bench.keys.number = -1;
  await bench.known(token);
  bench.keys.key = undefined;
  expect(await bench.ask(token)).toBe("jwt-unknown-key");
});

describe("what was verified by one set of rules holds for no other", () => {
  test.each<[string, Partial<IssuerRules>, string]>([
    ["another audience", { audiences: ["another"] }, "jwt-audience"],
    ["another algorithm", { algorithms: ["ES256"] }, "jwt-algorithm"],
    ["another type", { type: { claim: "typ", value: "Refresh", optional: false } }, "jwt-type"],
    ["another claim for the user", { user: "tenant" }, "t1"],
    ["another issuer", { issuer: "https://another.test" }, "jwt-issuer"],
  ])("%s", async (_, change, expected) => {
    const bench = new Bench();
    const token = make({});
    expect(await bench.known(token)).toBe("user-1");
    expect(await bench.ask(token, rulesOf(change))).toBe(expected);
    expect(await bench.ask(token)).toBe("user-1");
  });

  test("rules that read alike are one, as those of routes with the same issuer", async () => {
    const bench = new Bench();
    const token = make({});
    await bench.known(token, rulesOf());
    await bench.ask(token, rulesOf());
    expect(bench.keys.asked).toBe(2);
  });
});

test("two tokens with one signature's bytes are two: all of it is compared", async () => {
  const bench = new Bench();
  const token = make({});
  await bench.known(token);
  const [head, , signature] = token.split(".");
  const [, other] = make({ claims: { sub: "somebody-else" } }).split(".");
  expect(await bench.ask([head, other, signature].join("."))).toBe("jwt-signature");
  expect(await bench.ask(token)).toBe("user-1");
});

describe("the bound", () => {
  const many = Array.from({ length: 400 }, (_, i) => make({ claims: { sub: `u${String(i)}` } }));

  test("what is not asked for again leaves, and what is stays", async () => {
    const bench = new Bench(new TokenCache(256 * 1024));
    const [first = "", ...rest] = many;
    await bench.known(first);
    for (const token of rest) {
      await bench.known(token);
      await bench.ask(first);
    }
    const before = bench.keys.asked;
    await bench.ask(first);
    expect(bench.keys.asked).toBe(before);
    for (const token of rest) await bench.ask(token);
    expect(bench.keys.asked - before).toBeGreaterThan(rest.length / 2);
  });

  test("0 keeps nothing", async () => {
    const bench = new Bench(new TokenCache(0));
    await bench.known(many[0] ?? "");
    await bench.ask(many[0] ?? "");
    expect(bench.keys.asked).toBe(3);
  });

  test("clearing keeps nothing either", async () => {
    const bench = new Bench();
    await bench.known(many[0] ?? "");
    bench.cache.clear();
    await bench.ask(many[0] ?? "");
    expect(bench.keys.asked).toBe(3);
  });
});
