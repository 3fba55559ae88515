import fc from "fast-check";
import { createVerifier } from "fast-jwt";
import type * as Jose from "jose" with { "resolution-mode": "import" };
import type { KeySource } from "../../lib/policy";
import { verifyToken } from "../../lib/identity/token";
import { ISSUER, make, NOW, only, pairs, rules, secret, verdict, withText, type Making } from "../identity/token-maker";
import { ALGORITHMS, nextSpelling, recipe, tokenOf } from "../identity/token-recipes";

// The verifier against two others, on tokens that go wrong in every way; FC_SEED=$RANDOM looks further.
fc.configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 20_261_121) });
const RUNS = 2_000;

// eslint-disable-next-line @typescript-eslint/no-require-imports
const jose = require("jose") as typeof Jose;

const kidOf: Readonly<Record<string, string>> = {
  RS256: "rsa",
  PS256: "rsa",
  ES256: "ec",
  EdDSA: "ed",
  HS256: "secret",
};

/**
 * All three are given the same key: the secret for HS256, else the one of the `kid` whatever the algorithm, and the
 * algorithm's where there is none.
 */
function keyNamed(kid: unknown, alg: unknown): "rsa" | "ec" | "ed" | "secret" | undefined {
  const name = kid === undefined || alg === "HS256" ? kidOf[String(alg)] : kid;
  return (["rsa", "ec", "ed", "secret"] as const).find((known) => known === name);
}
const keyOf = (kid: unknown, alg: unknown) => {
  const name = keyNamed(kid, alg);
  return name && (name === "secret" ? secret : pairs[name].publicKey);
};

const ourRules = { ...rules, ...only(...ALGORITHMS), type: undefined };
const ourKeys: KeySource = { find: (_, kid, alg) => keyOf(kid, alg), secrets: () => [secret, pairs.rsa.publicKey] };
async function ours(token: string): Promise<boolean> {
  return verdict(await verifyToken(token, [ourRules], ourKeys, NOW * 1000)) === "accepted";
}

async function joses(token: string): Promise<boolean> {
  const options = {
    issuer: ISSUER,
    audience: "api",
    algorithms: [...ALGORITHMS],
    clockTolerance: 30,
    currentDate: new Date(NOW * 1000),
  };
  const key = ({ kid, alg }: { kid?: string; alg?: string }) => {
    const found = keyOf(kid, alg);
    if (!found) throw new Error("no key");
    return found;
  };
  try {
    await jose.jwtVerify(token, key, options);
    return true;
  } catch {
    return false;
  }
}

const spelt: Readonly<Record<string, string | Buffer>> = {
  ...Object.fromEntries(
    Object.entries(pairs).map(([kid, { publicKey }]) => [
      kid,
      publicKey.export({ type: "spki", format: "pem" }) as string,
    ]),
  ),
  secret: secret.export(),
};
const fastVerifier = createVerifier({
  key: ({ header }: { header: Record<string, unknown> }) => {
    const key = spelt[keyNamed(header["kid"], header["alg"]) ?? ""];
    return key === undefined ? Promise.reject(new Error("no key")) : Promise.resolve(key);
  },
  algorithms: [...ALGORITHMS],
  allowedIss: ISSUER,
  allowedAud: "api",
  clockTimestamp: NOW * 1000,
  clockTolerance: 30_000,
});
async function fasts(token: string): Promise<boolean> {
  try {
    await fastVerifier(token);
    return true;
  } catch {
    return false;
  }
}

// ---------------------------------------------------------------- what we refuse and both others accept

interface Parts {
  token: string;
  texts: [string, string];
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

/** As leniently as the most lenient reader. */
function partsOf(token: string): Parts | undefined {
  const texts = token
    .split(".")
    .slice(0, 2)
    .map((segment) => Buffer.from(segment, "base64url").toString("utf8"));
  try {
    const [header, claims] = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
    return header && claims && { token, texts: texts as [string, string], header, claims };
  } catch {
    return undefined;
  }
}

/** Every value in a value, with how deep it stands. */
function* values(value: unknown, depth = 0): Generator<{ name?: string; value: unknown; depth: number }> {
  yield { value, depth };
  if (typeof value !== "object" || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    yield { name, value: name, depth };
    yield* values(inner, depth + 1);
  }
}
const some = (
  { header, claims }: Parts,
  test: (v: { name?: string; value: unknown; depth: number }) => boolean,
): boolean => [header, claims].some((part) => [...values(part)].some(test));

/** A second reader's count: the values that a parser has seen against those that it has kept. */
function hasTwice(text: string): boolean {
  let members = 0;
  let kept = 0;
  // Every colon outside of texts ends one name.
  for (const c of text.replace(/"(?:[^"\\]|\\.)*"/g, "")) if (c === ":") members += 1;
  const count = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Array.isArray(value)) kept += Object.keys(value).length;
    Object.values(value).forEach(count);
  };
  count(JSON.parse(text));
  return members !== kept;
}

const isTime = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < 1e11;

const isWellFormed = (text: string): boolean => Buffer.from(text).toString() === text;

interface Reason {
  name: string;
  why: string;
  holds: (parts: Parts) => boolean;
  example: Making;
}

/** Closed: whatever we refuse, both others accept and no entry explains is a mistake of ours. */
const STRICTER: readonly Reason[] = [
  {
    name: "no exp",
    why: "A token without an expiry is valid for ever once it is stolen.",
    holds: ({ claims }) => claims["exp"] === undefined,
    example: { claims: { exp: undefined } },
  },
  {
    name: "an exp that is no date",
    why: "Milliseconds for seconds, or infinity: for ever as well.",
    holds: ({ claims }) => !isTime(claims["exp"]),
    example: { claims: { exp: NOW * 1000 } },
  },
  {
    name: "an iat of the future, or none of this world",
    why: "Whoever issues tokens with a wrong clock issues wrong expiries.",
    holds: ({ claims: { iat } }) => iat !== undefined && !(isTime(iat) && (iat as number) <= NOW + 30),
    example: { claims: { iat: NOW + 31 } },
  },
  {
    name: "an nbf below zero",
    why: "No issuer writes a time before 1970: it is an overflow.",
    holds: ({ claims: { nbf } }) => typeof nbf === "number" && nbf < 0,
    example: { claims: { nbf: -1 } },
  },
  {
    name: "a key that the sender would have to have",
    why: "A bearer proves nothing of it (RFC 7800).",
    holds: ({ claims }) => claims["cnf"] !== undefined,
    example: { claims: { cnf: { jkt: "x" } } },
  },
  {
    name: "another use",
    why: "A logout token or a proof of possession is no access token (RFC 8725 section 3.11).",
    holds: ({ header }) => /\+jwt$/i.test(String(header["typ"])) && !/at\+jwt$/i.test(String(header["typ"])),
    example: { header: { typ: "dpop+jwt" } },
  },
  {
    name: "no user",
    why: "Limits and audit go by the user: it is a text that is not empty.",
    holds: ({ claims: { sub } }) => typeof sub !== "string" || sub === "",
    example: { claims: { sub: "" } },
  },
  {
    name: "a kid that is no text",
    why: "A number or a list is turned into a text by each reader in its own way, and so into another key.",
    holds: ({ header: { kid } }) => kid !== undefined && typeof kid !== "string",
    example: { alg: "HS256", header: { kid: 1 } },
  },
  {
    name: "base64url that is not canonical",
    why: "A revoked token, spelt anew, would be another one.",
    holds: ({ token }) => token.split(".").some((s) => Buffer.from(s, "base64url").toString("base64url") !== s),
    example: { alg: "ES256", after: (h, p, s) => `${h}.${p}.${s.slice(0, -1)}${nextSpelling(s)}` },
  },
  {
    name: "a member twice",
    why: "The service behind us may read the other one.",
    holds: ({ texts }) => texts.some(hasTwice),
    example: { text: withText('"sub":"admin"') },
  },
  {
    name: "text that not every reader can take",
    why: "A lone surrogate or NUL is cut, replaced or refused, as the service behind us likes.",
    holds: (parts) =>
      some(parts, ({ value }) => typeof value === "string" && (!isWellFormed(value) || value.includes("\u0000"))),
    example: { claims: { sub: "a\u0000b" } },
  },
  {
    name: "a member named __proto__ or constructor",
    why: "Copied carelessly, it changes what every object has.",
    holds: (parts) => some(parts, ({ name }) => name === "__proto__" || name === "constructor"),
    example: { text: withText('"__proto__":{"admin":true}') },
  },
  {
    name: "deeper than any real claim",
    why: "It costs whoever walks through it, and recursion ends in an exception.",
    holds: (parts) => some(parts, ({ depth }) => depth > 16),
    example: { text: withText(`"x":${"[".repeat(1_000)}${"]".repeat(1_000)}`) },
  },
  {
    name: "b64, zip or another extension without crit",
    why: "They change what the payload is: who knows them reads another token.",
    holds: ({ header }) => ["b64", "zip", "crit"].some((name) => header[name] !== undefined),
    example: { header: { b64: false } },
  },
  {
    name: "larger than 8 kB",
    why: "Verifying costs, and whoever asks is not known yet.",
    holds: ({ token }) => token.length > 8_192,
    example: { claims: { x: "x".repeat(8_192) } },
  },
];

/**
 * And a signature that is not as long as its key (RFC 8017, section 8.1.2, step 1): OpenSSL takes one of RSA-PSS without its
 * leading zero, which one in 256 has.
 */
const RSA_BYTES = 256;
const isShort = ({ token, header }: Parts): boolean =>
  /^PS/.test(String(header["alg"])) &&
  Buffer.from(token.slice(token.lastIndexOf(".") + 1), "base64url").length !== RSA_BYTES;

/** Closed as well: what we accept and one of the others does not. */
const LOOSER: readonly Reason[] = [
  {
    name: "something that is no text beside our audience",
    why: "What else a list of audiences holds says nothing of ours; jose takes it, too.",
    holds: ({ claims: { aud } }) => Array.isArray(aud) && aud.some((a) => typeof a !== "string") && aud.includes("api"),
    example: { claims: { aud: ["api", 1] } },
  },
];

// ---------------------------------------------------------------- the three of them

test.each(STRICTER)("both others accept, and we refuse: $name", async ({ example, holds }) => {
  const token = make({ ...example });
  const parts = partsOf(token);
  expect({ jose: await joses(token), fast: await fasts(token), explained: parts && holds(parts) }).toEqual({
    jose: true,
    fast: true,
    explained: true,
  });
  expect(await ours(token)).toBe(false);
});

test("both others accept, and we refuse: a signature without its leading zero", async () => {
  for (let i = 0; ; i++) {
    const token = make({ alg: "PS256", claims: { jti: String(i) } });
    const at = token.lastIndexOf(".") + 1;
    const signature = Buffer.from(token.slice(at), "base64url");
    if (signature[0] !== 0) continue;
    const short = token.slice(0, at) + signature.subarray(1).toString("base64url");
    expect([await joses(short), await fasts(short), await ours(short), await ours(token)]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(isShort(partsOf(short) as Parts)).toBe(true);
    return;
  }
});

test("the three agree on good tokens", async () => {
  for (const alg of ALGORITHMS) {
    const token = make({ alg });
    expect([alg, await ours(token), await joses(token), await fasts(token)]).toEqual([alg, true, true, true]);
    const parts = partsOf(token) as Parts;
    expect(STRICTER.filter(({ holds }) => holds(parts))).toEqual([]);
  }
});

test(`${String(RUNS)} tokens: we accept nothing that both others refuse, and differ for known reasons only`, async () => {
  const seen = { accepted: 0, refused: 0, stricter: 0 };
  await fc.assert(
    fc.asyncProperty(recipe, async (r) => {
      const token = tokenOf(r);
      const [we, they, others] = [await ours(token), await joses(token), await fasts(token)];
      seen[we ? "accepted" : "refused"] += 1;
      const parts = partsOf(token);
      const explained = (reasons: readonly Reason[]): boolean =>
        parts !== undefined && reasons.some(({ holds }) => holds(parts));
      if (we && !they && !others) throw new Error(`Only we accept ${token}`);
      if (we && they !== others && !explained(LOOSER)) throw new Error(`One refuses ${token}`);
      if (we || !they || !others) return;
      seen.stricter += 1;
      if (!explained(STRICTER) && !(parts && isShort(parts))) throw new Error(`Only we refuse ${token}`);
    }),
    { numRuns: RUNS },
  );
  // Neither may be so seldom that nothing is compared.
  expect(seen.accepted).toBeGreaterThan(RUNS / 20);
  expect(seen.refused).toBeGreaterThan(RUNS / 4);
  expect(seen.stricter).toBeGreaterThan(RUNS / 50);
});
