import { createHash } from "node:crypto";
import { parseKeySet } from "../../lib/filter/keys";
import {
  b64json,
  base64url,
  ecPair,
  edPair,
  good,
  jwk,
  keySet,
  make,
  only,
  pairs,
  published,
  rsaPair,
  verdict,
  verify,
} from "./token-maker";

// Nos. 12 and 24 of the list, and what else a key set must not bring: a bad document never replaces a good one.

const sound = jwk(pairs.ec.publicKey, { kid: "sound" });
const rsa = jwk(pairs.rsa.publicKey);
const ec = jwk(pairs.ec.publicKey);
const ed = jwk(pairs.ed.publicKey);
const small = rsaPair(1024);
const exponents = { "e = 1": 1, "e = 0": 0, "e = 2": 2, "e = 65536": 65_536 };

const even = Buffer.from(String(rsa["n"]), "base64url");
even[even.length - 1] = (even[even.length - 1] ?? 0) & 0xfe;
const evenModulus = even.toString("base64url");

/** An unsigned number as JWK has them. */
const number = (value: number): string =>
  Buffer.from(value.toString(16).padStart(value > 0xffff ? 6 : value > 0xff ? 4 : 2, "0"), "hex").toString("base64url");

const point = (hex: string): string => Buffer.from(hex, "hex").toString("base64url");
const zeros = "00".repeat(30);
const ffs = "ff".repeat(30);
/** Points of Ed25519 whose order is 8 or less, in every encoding. */
const SMALL_ORDER: Record<string, string> = {
  "of order 1": `01${zeros}00`,
  "of order 2": `ec${ffs}7f`,
  "of order 4": `00${zeros}00`,
  "of order 4, negative": `00${zeros}80`,
  "of order 8": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "of order 8, negative": "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "of order 8, the other": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "of order 8, the other, negative": "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "of order 1, sign set": `01${zeros}80`,
  "of order 2, sign set": `ec${ffs}ff`,
  "of order 4, as p": `ed${ffs}7f`,
  "of order 4, as p, sign set": `ed${ffs}ff`,
  "of order 1, as p + 1": `ee${ffs}7f`,
  "of order 1, as p + 1, sign set": `ee${ffs}ff`,
};
/** Points in an encoding that is not below p (RFC 8032 section 5.1.3): y + p for a y that is on the curve. */
const NOT_CANONICAL: Record<string, string> = { "y = p + 3": `f0${ffs}7f`, "y = p + 18": `ff${ffs}7f` };

/** A modulus as the weak generator of CVE-2017-15361 makes them: a power of 65537 by the product of the first primes. */
function weakModulus(): string {
  const primes = Array.from({ length: 165 }, (_, i) => i + 3).filter((n) =>
    [2, 3, 5, 7, 11].every((d) => n === d || n % d),
  );
  const product = primes.reduce((all, prime) => all * BigInt(prime), 1n);
  const power = 65_537n ** 321n % product;
  const times = (1n << 2047n) / product + 1n;
  // Odd, as every modulus is.
  const modulus = product * (times + ((times + power + 1n) % 2n)) + power;
  return Buffer.from(modulus.toString(16), "hex").toString("base64url");
}

const keys: Record<string, Record<string, unknown>> = {
  "24 RSA of a weak generator": { ...rsa, n: weakModulus() },
  "24 RSA of 1024 bits": jwk(small.publicKey),
  "24 RSA of 2040 bits": jwk(rsaPair(2040).publicKey),
  ...Object.fromEntries(
    Object.entries(exponents).map(([what, e]) => [`24 RSA with ${what}`, { ...rsa, e: number(e) }]),
  ),
  "24 RSA without an exponent": { ...rsa, e: undefined },
  "24 RSA without a modulus": { ...rsa, n: undefined },
  "24 RSA with an empty modulus": { ...rsa, n: "" },
  "24 RSA with an even modulus": {
    ...rsa,
    n: evenModulus,
  },
  "24 RSA with numbers": { ...rsa, n: 15, e: 3 },
  ...Object.fromEntries(Object.entries(SMALL_ORDER).map(([what, x]) => [`23 Ed25519 ${what}`, { ...ed, x: point(x) }])),
  ...Object.fromEntries(
    Object.entries(NOT_CANONICAL).map(([what, x]) => [`23 Ed25519 ${what}`, { ...ed, x: point(x) }]),
  ),
  "23 Ed25519 of 31 bytes": { ...ed, x: point("11".repeat(31)) },
  "23 Ed25519 of 33 bytes": { ...ed, x: point("11".repeat(33)) },
  "6 P-256 off its curve": { ...ec, y: ec["x"] },
  "6 P-256 at 0, 0": { ...ec, x: point("00".repeat(32)), y: point("00".repeat(32)) },
  "6 P-256 named P-384": { ...ec, crv: "P-384" },
  "6 P-256 without a name": { ...ec, crv: undefined },
  "6 a curve that is not of JOSE's signatures": { kty: "OKP", crv: "X25519", x: point("09".padEnd(64, "0")) },
  "6 secp256k1": jwk(ecPair("secp256k1").publicKey),
  "2 a secret": { kty: "oct", k: base64url("a".repeat(32)) },
  "2 a secret named HS256": { kty: "oct", k: base64url("a".repeat(32)), alg: "HS256" },
  "2 RSA with a secret beside": { ...rsa, kty: "oct", k: base64url("a".repeat(32)) },
  "12 kty missing": { ...rsa, kty: undefined },
  "12 kty in another case": { ...rsa, kty: "rsa" },
  "12 kty as a list": { ...rsa, kty: ["RSA"] },
  "12 use enc": { ...rsa, use: "enc" },
  "12 use in another case": { ...rsa, use: "SIG" },
  "12 use empty": { ...rsa, use: "" },
  "12 use as a list": { ...rsa, use: ["sig"] },
  "12 use null": { ...rsa, use: null },
  "12 key_ops encrypt": { ...rsa, key_ops: ["encrypt"] },
  "12 key_ops sign": { ...rsa, use: undefined, key_ops: ["sign"] },
  "12 key_ops empty": { ...rsa, use: undefined, key_ops: [] },
  "12 key_ops as a text": { ...rsa, use: undefined, key_ops: "verify" },
  "12 key_ops verify twice": { ...rsa, use: undefined, key_ops: ["verify", "verify"] },
  "12 alg of another kind of key": { ...rsa, alg: "ES256" },
  "12 alg of another curve": { ...ec, alg: "ES384" },
  "12 alg RS256 of a key on P-256": { ...ec, alg: "RS256" },
  "12 alg HS256 of RSA": { ...rsa, alg: "HS256" },
  "12 alg none": { ...rsa, alg: "none" },
  "12 alg of encryption": { ...rsa, alg: "RSA-OAEP-256" },
  "12 alg unknown": { ...rsa, alg: "RS1" },
  "12 alg empty": { ...rsa, alg: "" },
  "12 alg as a number": { ...rsa, alg: 256 },
  "12 alg as a list": { ...rsa, alg: ["RS256"] },
  "12 alg null": { ...rsa, alg: null },
};

const kids: unknown[] = [1, 0, true, null, [], ["k"], {}, { k: 1 }];

const documents: Record<string, string> = {
  "no bytes": "",
  "no JSON": "<html>503</html>",
  "JSON cut short": keySet(sound).slice(0, -1),
  null: "null",
  "a text": '"keys"',
  "a number": "1",
  "a list": JSON.stringify([sound]),
  "no keys": "{}",
  "keys null": '{"keys":null}',
  "keys as an object": JSON.stringify({ keys: { sound } }),
  "keys as a text": '{"keys":"sound"}',
  "no key in keys": keySet(),
  "things that are no keys": keySet(null, 1, "x", [], {}, true),
  "101 keys": keySet(...Array.from({ length: 101 }, (_, i) => ({ ...ec, kid: String(i) }))),
  "10,000 keys": keySet(...Array.from({ length: 10_000 }, (_, i) => ({ ...ec, kid: String(i) }))),
  "two keys under one kid": keySet(sound, jwk(ecPair("P-256").publicKey, { kid: "sound" })),
  "a key with its private half": keySet(sound, { ...rsa, kid: "open", d: "AQAB" }),
  "keys in a member of that name's prototype": '{"__proto__":{"keys":[]}}',
  "a key set within a key set": keySet({ keys: [sound] }),
  "10,000 lists in one another": `{"keys":${"[".repeat(10_000)}${"]".repeat(10_000)}}`,
  "100,000 lists in one another": `{"keys":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
};

const usable = (text: string): string[] => parseKeySet(text).map((k) => k.kid ?? "(none)");

describe("a key set that is sound", () => {
  test("is taken, and only what it has for signatures", () => {
    const more = [
      { ...rsa, kid: "r", alg: "RS256" },
      { ...ed, kid: "e", alg: "EdDSA", key_ops: ["verify"] },
    ];
    expect(usable(keySet(sound, ...more, { ...rsa, kid: "enc", use: "enc" }))).toEqual(["sound", "r", "e"]);
    expect(usable(keySet(...Array.from({ length: 100 }, (_, i) => ({ ...ec, kid: String(i) }))))).toHaveLength(100);
  });
});

describe("a document that is refused", () => {
  test.each(Object.entries(documents))("12 %s", (_, text) => {
    expect(() => parseKeySet(text)).toThrow();
  });
});

describe("a key that is not taken", () => {
  test.each(Object.entries(keys))("%s", (_, key) => {
    expect(() => parseKeySet(keySet({ ...key, kid: "bad" }))).toThrow();
    expect(usable(keySet({ ...key, kid: "bad" }, sound))).toEqual(["sound"]);
  });

  test.each(kids)("10 kid %j", (kid) => {
    expect(() => parseKeySet(keySet({ ...rsa, kid }))).toThrow();
    expect(usable(keySet({ ...rsa, kid }, sound))).toEqual(["sound"]);
  });
});

describe("a signature by such a key proves nothing", () => {
  const asking = (...set: unknown[]) => ({
    keys: published({ main: keySet(...set) }),
    rules: only("RS256", "PS256", "ES256", "EdDSA"),
  });

  test("24 RSA of 1024 bits", async () => {
    const token = make({ key: small.privateKey });
    expect(verdict(await verify(token, asking(jwk(small.publicKey, { kid: "rsa" }))))).toMatch(/^jwt-/);
  });

  test("24 e = 1, where the signature is the padded hash", async () => {
    const { length } = Buffer.from(rsa["n"] as string, "base64url");
    const forged = make({
      after: (head, payload) => {
        const digest = createHash("sha256").update(`${head}.${payload}`).digest("hex");
        const info = `3031300d060960864801650304020105000420${digest}`;
        const message = `0001${"ff".repeat(length - 3 - info.length / 2)}00${info}`;
        return `${head}.${payload}.${Buffer.from(message, "hex").toString("base64url")}`;
      },
    });
    expect(verdict(await verify(forged, asking({ ...rsa, kid: "rsa", e: number(1) })))).toMatch(/^jwt-/);
  });

  test.each(Object.entries(SMALL_ORDER))("23 Ed25519 %s, where S = 0 signs many a message", async (_, x) => {
    const set = asking({ ...ed, kid: "ed", x: point(x) });
    for (let i = 0; i < 16; i += 1) {
      const input = `${b64json({ alg: "EdDSA", kid: "ed" })}.${b64json({ ...good, jti: i })}`;
      for (const r of Object.values(SMALL_ORDER)) {
        const forged = `${input}.${point(r + "00".repeat(32))}`;
        expect(verdict(await verify(forged, set))).toMatch(/^jwt-/);
      }
    }
  });

  test("40 a key that only another issuer has", async () => {
    const other = edPair();
    const sets = { main: keySet(sound), other: keySet(jwk(other.publicKey, { kid: "ed" })) };
    const token = make({ alg: "EdDSA", key: other.privateKey });
    expect(verdict(await verify(token, { keys: published(sets) }))).toBe("jwt-unknown-key");
  });
});

test.each<[string, string, number]>([
  ["the same key twice", keySet(sound, sound), 1],
  [
    "one kid for keys of several kinds (RFC 7517 section 4.5)",
    keySet(sound, { ...rsa, kid: "sound" }, { ...ed, kid: "sound" }),
    3,
  ],
  ["one key for several algorithms", keySet({ ...rsa, kid: "a", alg: "RS256" }, { ...rsa, kid: "a", alg: "PS256" }), 2],
  ["a key of a secret beside it, which verifies nothing", keySet(sound, { kty: "oct", k: "AQAB", kid: "secret" }), 1],
])("a set may have %s", (_, text, count) => {
  expect(parseKeySet(text)).toHaveLength(count);
});
