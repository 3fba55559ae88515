import { createSecretKey, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { ecPair, edPair, good, ISSUER, make, NOW, pairs, rsaPair, type Making } from "./token-maker";

/** Recipes for tokens that are wrong in header, claims, text, encoding, signature or structure, mostly in one way. */

export const ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "HS256"] as const;
type Algorithm = (typeof ALGORITHMS)[number];

/** The last character in another spelling of the same bytes, where two or four bits of it are no part of them. */
export function nextSpelling(segment: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return alphabet[alphabet.indexOf(segment.slice(-1)) + 1] ?? "_";
}

const thiefRsa = rsaPair();
const thief: Readonly<Record<Algorithm, KeyObject>> = {
  RS256: thiefRsa.privateKey,
  PS256: thiefRsa.privateKey,
  ES256: ecPair("P-256").privateKey,
  EdDSA: edPair().privateKey,
  HS256: createSecretKey(Buffer.from("another secret, which is known to nobody here")),
};
const pem = createSecretKey(Buffer.from(pairs.rsa.publicKey.export({ type: "spki", format: "pem" })));
const YEAR = 366 * 86_400;

const times = [
  0,
  -1,
  NOW,
  NOW - 29,
  NOW - 30,
  NOW - 31,
  NOW + 29,
  NOW + 30,
  NOW + 31,
  NOW + 0.5,
  NOW - 29.5,
  NOW * 1000,
  1e308,
  NOW + YEAR,
];
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(
      undefined,
      null,
      "",
      0,
      1,
      true,
      false,
      [],
      {},
      [null],
      "none",
      "\ud800",
      "a\u0000",
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const member = (values: Readonly<Record<string, readonly unknown[]>>): fc.Arbitrary<[string, unknown]> =>
  fc.oneof(
    ...Object.entries(values).map(([name, list]) =>
      fc.tuple(
        fc.constant(name),
        fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...list) }, { weight: 1, arbitrary: hostile }),
      ),
    ),
    fc.tuple(fc.constantFrom("x", "role", "cnf", "act"), hostile),
  );
const claim = member({
  exp: [...times, undefined, String(NOW + 300)],
  nbf: times,
  iat: [...times, String(NOW)],
  iss: [ISSUER, `${ISSUER}/`, [ISSUER], undefined, ISSUER.toUpperCase()],
  aud: ["api", ["api"], ["x", "api"], ["api", 1], "apis", [["api"]], undefined, [], { api: 1 }],
  sub: ["x", "", undefined, 5, ["user-1"]],
  typ: ["Refresh", undefined],
});
const head = member({
  alg: [...ALGORITHMS, "none", "None", "", "RS512", "ES384", "HS384", "RS256 ", "rs256", ["RS256"], undefined],
  kid: ["rsa", "ec", "ed", "secret", "RSA", "../rsa", undefined, 1, ["rsa"], "__proto__"],
  typ: ["at+jwt", "JWE", undefined, "dpop+jwt", 1],
  crit: [["exp"], [], "", ["b64"], ["x"], null],
  b64: [true, false],
  zip: ["DEF"],
  cty: ["JWT", "json"],
  jwk: [thiefRsa.publicKey.export({ format: "jwk" })],
  jku: ["https://evil.test"],
  x5c: [["AAAA"]],
});

const texts: Readonly<Record<string, (text: string) => string | Buffer>> = {
  "a member twice": (t) => `${t.slice(0, -1)},"sub":"admin"}`,
  "a member twice, first": (t) => `{"exp":1,${t.slice(1)}`,
  "a member twice, escaped": (t) => `${t.slice(0, -1)},"e\\u0078p":1900000000}`,
  "a name of nobody twice": (t) => `{"x":{"y":1,"y":1},${t.slice(1)}`,
  "exp infinite": (t) => t.replace(/"exp":\d+/, '"exp":1e400'),
  "exp in another form": (t) => t.replace(/"exp":\d+/, '"exp":18000003e2'),
  "a NaN": (t) => t.replace(/"exp":\d+/, '"exp":NaN'),
  "white space": (t) => ` \t\r\n${t} `,
  "a space behind": (t) => `${t} `,
  "two spaces behind": (t) => `${t}  `,
  BOM: (t) => `\ufeff${t}`,
  NUL: (t) => `${t}\u0000`,
  "a byte that is no UTF-8": (t) =>
    Buffer.concat([Buffer.from(`${t.slice(0, -1)},"x":"`), Buffer.from([0xff]), Buffer.from('"}')]),
  "a lone surrogate": (t) => `${t.slice(0, -1)},"x":"\\ud800"}`,
  __proto__: (t) => `${t.slice(0, -1)},"__proto__":{"sub":"admin"}}`,
  deep: (t) => `${t.slice(0, -1)},"x":${"[".repeat(900)}${"]".repeat(900)}}`,
  list: (t) => `[${t}]`,
  text: (t) => JSON.stringify(t),
  "two of them": (t) => t + t,
  "a comma": (t) => `${t.slice(0, -1)},}`,
  UTF16: (t) => Buffer.from(t, "utf16le"),
  "cut short": (t) => t.slice(0, -1),
  empty: () => "",
  large: (t) => `${t.slice(0, -1)},"x":"${"x".repeat(8_000)}"}`,
};

const strange = [" ", "\n", "\t", "=", "+", "/", ".", "%", "\u0000", "A", "\u212a"] as const;
type Edit = [at: number, removed: number, put: string];
const edited = (text: string, [at, removed, put]: Edit): string => {
  const from = Math.floor(at * text.length);
  return text.slice(0, from) + put + text.slice(from + removed);
};
const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  fc.constantFrom(0, 0, 1, 2, 20),
  fc.oneof(
    fc.constantFrom(...strange, "", "=="),
    fc.constantFrom(...strange).map((c) => c.repeat(3)),
  ),
);

const encodings: Readonly<Record<string, (segment: string) => string>> = {
  padded: (s) => s + "=".repeat((4 - (s.length % 4)) % 4),
  "padded too much": (s) => `${s}====`,
  "spelt anew": (s) => s.slice(0, -1) + nextSpelling(s),
  "of plain base64": (s) => s.replaceAll("-", "+").replaceAll("_", "/"),
  "with a line end": (s) => `${s.slice(0, 4)}\n${s.slice(4)}`,
  "with a space behind": (s) => `${s} `,
  "not encoded": (s) => Buffer.from(s, "base64url").toString(),
  "encoded twice": (s) => Buffer.from(s).toString("base64url"),
  empty: () => "",
};

const signatures: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  none: () => Buffer.alloc(0),
  zeros: (b) => Buffer.alloc(b.length),
  ones: (b) => Buffer.alloc(b.length, 0xff),
  "a bit": (b) => Buffer.from(b.map((byte, i) => (i === 7 ? byte ^ 1 : byte))),
  "the last bit": (b) => Buffer.from(b.map((byte, i) => (i === b.length - 1 ? byte ^ 1 : byte))),
  "cut short": (b) => b.subarray(0, -1),
  "without its first byte": (b) => b.subarray(1),
  "a zero behind": (b) => Buffer.concat([b, Buffer.alloc(1)]),
  "a zero before": (b) => Buffer.concat([Buffer.alloc(1), b]),
  twice: (b) => Buffer.concat([b, b]),
  reversed: (b) => Buffer.from(b).reverse(),
  DER: (b) =>
    Buffer.concat([Buffer.from([0x30, 68, 2, 32]), b.subarray(0, 32), Buffer.from([2, 32]), b.subarray(32, 64)]),
};

type Shape = (head: string, payload: string, tail: string) => string;
const shapes: Readonly<Record<string, Shape>> = {
  "no signature": (h, p) => `${h}.${p}.`,
  "two segments": (h, p) => `${h}.${p}`,
  "four segments": (h, p, s) => `${h}.${p}.${s}.${s}`,
  "five segments": (h, p, s) => `${h}.${p}.${s}.${p}.${s}`,
  "a dot behind": (h, p, s) => `${h}.${p}.${s}.`,
  "a dot before": (h, p, s) => `.${h}.${p}.${s}`,
  "no header": (_, p, s) => `.${p}.${s}`,
  "no claims": (h, _, s) => `${h}..${s}`,
  "in another order": (h, p, s) => `${p}.${h}.${s}`,
  flattened: (protectedHeader, payload, s) => JSON.stringify({ protected: protectedHeader, payload, signature: s }),
  "with its scheme": (h, p, s) => `Bearer ${h}.${p}.${s}`,
  "in quotes": (h, p, s) => `"${h}.${p}.${s}"`,
};

const seldom = <T>(arbitrary: fc.Arbitrary<T>, weight = 5): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const few = (arbitrary: fc.Arbitrary<[string, unknown]>): fc.Arbitrary<[string, unknown][]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<[string, unknown][]>([]) },
    { weight: 2, arbitrary: fc.array(arbitrary, { minLength: 1, maxLength: 3 }) },
  );
const nameOf = (record: object): fc.Arbitrary<string> => fc.constantFrom(...Object.keys(record));

export const recipe = fc.record({
  alg: fc.constantFrom(...ALGORITHMS),
  signer: seldom(fc.constantFrom(...ALGORITHMS, "thief" as const, "public key as secret" as const), 8),
  header: few(head),
  claims: few(claim),
  headerText: seldom(nameOf(texts), 9),
  text: seldom(nameOf(texts)),
  encoded: seldom(fc.tuple(fc.constantFrom("header", "claims", "signature"), nameOf(encodings)), 7),
  signed: seldom(nameOf(signatures), 9),
  shape: seldom(nameOf(shapes), 12),
  edit: seldom(edit, 9),
});
export type Recipe = typeof recipe extends fc.Arbitrary<infer T> ? T : never;

function textOf(members: object, how: string | undefined): string | Buffer {
  const text = JSON.stringify(members);
  return (how === undefined ? undefined : texts[how])?.(text) ?? text;
}

/** The token of a recipe; what is wrong with it is signed as it is, as far as it stands before the signature. */
export function tokenOf(r: Recipe): string {
  const kid = { RS256: "rsa", PS256: "rsa", ES256: "ec", EdDSA: "ed", HS256: "secret" }[r.alg];
  const members = { alg: r.alg, kid, typ: "JWT", ...Object.fromEntries(r.header) };
  const respell = (what: string, segment: string): string =>
    (r.encoded?.[0] === what ? encodings[r.encoded[1]]?.(segment) : undefined) ?? segment;
  const signer: Making =
    r.signer === "thief"
      ? { key: thief[r.alg] }
      : r.signer === "public key as secret"
        ? { signAs: "HS256", key: pem }
        : { signAs: r.signer ?? r.alg };
  const signed = r.signed === undefined ? undefined : signatures[r.signed];
  return make({
    alg: r.alg,
    ...signer,
    headerText: textOf(members, r.headerText),
    text: textOf({ ...good, ...Object.fromEntries(r.claims) }, r.text),
    encoded: (h, p) => [respell("header", h), respell("claims", p)],
    ...(signed && { signed }),
    after(h, p, s) {
      const tail = respell("signature", s);
      const token = (r.shape === undefined ? undefined : shapes[r.shape])?.(h, p, tail) ?? `${h}.${p}.${tail}`;
      return r.edit ? edited(token, r.edit) : token;
    },
  });
}
