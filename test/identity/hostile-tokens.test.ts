import { createSecretKey, type KeyObject } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import type * as Jose from "jose" with { "resolution-mode": "import" };
import {
  always,
  b64json,
  base64url,
  ecPair,
  edPair,
  good,
  jwk,
  keySet,
  make,
  NOW,
  notBySignature,
  only,
  pairs,
  published,
  refused,
  rsaPair,
  secret,
  signature,
  verdict,
  verify,
  type Making,
  type Row,
} from "./token-maker";

// Numbers are those of the list of hostile inputs of the filter: here the form of a token, 1 to 25.

// eslint-disable-next-line @typescript-eslint/no-require-imports
const jose = require("jose") as typeof Jose;

const thief = { rsa: rsaPair(), ec: ecPair("P-256"), ed: edPair(), p384: ecPair("P-384"), k256: ecPair("secp256k1") };
const publicKey = pairs.rsa.publicKey;
const pem = publicKey.export({ type: "spki", format: "pem" }) as string;
const [head = "", payload = "", tail = ""] = make().split(".");

describe("what the attacks start from is accepted", () => {
  test.each<[string, Making]>([
    ["RS256", {}],
    ["ES256", { alg: "ES256" }],
    ["EdDSA", { alg: "EdDSA" }],
    ["PS256", { alg: "PS256" }],
  ])("%s", async (alg, making) => {
    expect(verdict(await verify(make(making), { rules: alg === "PS256" ? only("PS256") : {} }))).toBe("accepted");
  });

  test("HS256", async () => {
    const asking = { rules: only("HS256"), keys: always(secret) };
    expect(verdict(await verify(make({ alg: "HS256" }), asking))).toBe("accepted");
  });
});

describe("algorithms", () => {
  const header = (alg: unknown): string => b64json({ alg, kid: "rsa" });
  const none = [undefined, "", "none", "None", "NONE", "nOnE", "none ", " none", "none\u0000"].flatMap((alg): Row[] => [
    [1, `alg ${JSON.stringify(alg)} without a signature`, `${header(alg)}.${payload}.`],
    [1, `alg ${JSON.stringify(alg)} with one of another token`, `${header(alg)}.${payload}.${tail}`],
    [1, `alg ${JSON.stringify(alg)}, signed`, make({ header: { alg } })],
  ]);

  const secrets: Record<string, string | Buffer> = {
    PEM: pem,
    "PEM without its last line end": pem.trimEnd(),
    "PEM with CR LF": pem.replaceAll("\n", "\r\n"),
    "PEM behind a space": ` ${pem}`,
    "PEM behind a line end": `\n${pem}`,
    "PEM behind a BOM": `\ufeff${pem}`,
    "PEM of PKCS1": publicKey.export({ type: "pkcs1", format: "pem" }),
    DER: publicKey.export({ type: "spki", format: "der" }),
    "DER of PKCS1": publicKey.export({ type: "pkcs1", format: "der" }),
    "JWK JSON": JSON.stringify(publicKey.export({ format: "jwk" })),
    "JWK modulus": Buffer.from(publicKey.export({ format: "jwk" }).n ?? "", "base64url"),
  };
  const confused = Object.entries(secrets).flatMap(([form, bytes]): Row[] => {
    const key = createSecretKey(Buffer.from(bytes as string));
    const token = make({ alg: "HS256", header: { kid: "rsa" }, key });
    return [
      [2, `HS256 with the public key as ${form}`, token],
      [
        2,
        `the same where HS256 is accepted too, as ${form}`,
        token,
        { rules: only("RS256", "HS256"), keys: always(publicKey) },
      ],
    ];
  });

  const secretOf = (bytes: number): KeyObject => createSecretKey(Buffer.alloc(bytes, 1));
  const weak = [0, 1, 16, 31].flatMap((bytes): Row[] => {
    const token = make({ alg: "HS256", key: secretOf(bytes) });
    const what = `HS256 with a secret of ${String(bytes)} bytes`;
    return [
      [3, what, token, { rules: only("HS256"), keys: always(secret) }],
      [3, `${what}, which is the issuer's`, token, { rules: only("HS256"), keys: always(secretOf(bytes)) }],
      [3, `${what} for a public key`, token, { rules: only("HS256"), keys: always(publicKey) }],
    ];
  });

  const types = [["RS256"], [], 256, 0, true, null, {}, { RS256: true }, ["RS256", "none"]].map((alg): Row => [
    4,
    `alg ${JSON.stringify(alg)}`,
    make({ header: { alg } }),
  ]);

  const both = only("RS256", "PS256", "ES256");
  refused([
    ...none,
    ...confused,
    ...weak,
    ...types,
    [1, "alg in another case", make({ header: { alg: "rs256" } })],
    [1, "alg with a space", make({ header: { alg: "RS256 " } })],
    [
      1,
      "alg of a prototype's member",
      make({ header: { alg: "constructor" } }),
      { rules: only("constructor" as "RS256") },
    ],
    [5, "PS256 where RS256 is asked for", make({ alg: "PS256" })],
    [5, "PS256 in the header of an RS256 signature", make({ alg: "PS256", signAs: "RS256" }), { rules: both }],
    [5, "RS256 in the header of a PS256 signature", make({ signAs: "PS256" }), { rules: both }],
    [
      5,
      "PS256 by a key that its set gives to RS256",
      make({ alg: "PS256" }),
      { rules: both, keys: published({ main: keySet(jwk(publicKey, { kid: "rsa", alg: "RS256" })) }) },
    ],
    [5, "RS384 by a key of RS256", make({ alg: "RS384" })],
    [
      6,
      "ES256 by a key on P-384",
      make({ alg: "ES256", key: thief.p384.privateKey }),
      { keys: always(thief.p384.publicKey) },
    ],
    [
      6,
      "ES256 by a key on secp256k1",
      make({ alg: "ES256", key: thief.k256.privateKey }),
      { keys: always(thief.k256.publicKey) },
    ],
    [6, "ES384 by a key on P-256", make({ alg: "ES384" }), { rules: only("ES384"), keys: always(pairs.ec.publicKey) }],
    [6, "ES256 for a key of RSA", make({ alg: "ES256" }), { keys: always(publicKey) }],
    [6, "EdDSA for a key on P-256", make({ alg: "EdDSA" }), { keys: always(pairs.ec.publicKey) }],
    [6, "RS256 for a key of Ed25519", make(), { keys: always(pairs.ed.publicKey) }],
  ]);
});

describe("keys that the token brings", () => {
  const own = jwk(thief.rsa.publicKey, { kid: "mine", alg: "RS256" });
  const by = (header: Record<string, unknown>): string => make({ key: thief.rsa.privateKey, header });
  const urls = [
    "https://evil.test/keys",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "http://127.0.0.1:1/keys",
    "https://issuer.test@evil.test/realms/main/keys",
  ];
  const kids: unknown[] = [
    "../../../../../../dev/null",
    "/dev/null",
    "rsa\u0000",
    "\u0000",
    "rsa ",
    "RSA",
    "",
    "' OR '1'='1",
    "rsa' UNION SELECT 'secret",
    "__proto__",
    "constructor",
    "toString",
    "0",
    "\ud800",
    "*",
    "http://evil.test/key",
    "|id",
    "x".repeat(5_000),
  ];
  refused([
    [7, "jwk", by({ jwk: own })],
    [7, "jwk with its own kid", by({ jwk: own, kid: "mine" })],
    [7, "jwk without a kid", by({ jwk: own, kid: undefined })],
    [7, "jwk of Ed25519", make({ alg: "EdDSA", key: thief.ed.privateKey, header: { jwk: jwk(thief.ed.publicKey) } })],
    ...urls.flatMap((url): Row[] => [
      [8, `jku ${url}`, by({ jku: url })],
      [8, `x5u ${url}`, by({ x5u: url, kid: undefined })],
      [8, `kid ${url}`, by({ kid: url })],
    ]),
    [9, "x5c", by({ x5c: [thief.rsa.publicKey.export({ type: "spki", format: "der" }).toString("base64")] })],
    [9, "x5t", by({ x5t: "AAAA", "x5t#S256": "AAAA" })],
    ...kids.map((kid): Row => [10, `kid ${JSON.stringify(kid).slice(0, 40)}`, make({ header: { kid } })]),
    ...[0, 1, null, true, [], ["rsa"], {}, { rsa: 1 }].map((kid): Row => [
      10,
      `kid that is no text: ${JSON.stringify(kid)}`,
      make({ header: { kid } }),
    ]),
    ...[0, 1, null, ["secret"], {}].map((kid): Row => [
      10,
      `kid that is no text, for a secret: ${JSON.stringify(kid)}`,
      make({ alg: "HS256", header: { kid } }),
      { rules: only("HS256"), keys: always(secret) },
    ]),
    [10, "a kid of 1 MB", make({ header: { kid: "k".repeat(1_000_000) } })],
    [11, "an unknown kid", make({ header: { kid: "2b1e8f0c" } })],
    [11, "no kid where there are several keys", make({ header: { kid: undefined } })],
    [11, "another key by the kid of a good one", make({ key: thief.rsa.privateKey })],
  ]);

  test("8 nothing is fetched for any of them", async () => {
    const fetched = jest.spyOn(globalThis, "fetch").mockRejectedValue(new Error("fetched"));
    for (const url of urls) await verify(by({ jku: url, x5u: url, kid: url }));
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
  });
});

describe("extensions, signed by the right key", () => {
  const crit: unknown[] = [["exp"], ["x"], [], "", "exp", 0, null, {}, ["alg"], ["b64"], [1], [""], ["x", "x"], false];
  refused(
    [
      ...crit.map((value): Row => [
        13,
        `crit ${JSON.stringify(value)}`,
        make({ header: { crit: value, x: 1, exp: NOW } }),
      ]),
      [13, "crit twice", make({ headerText: '{"alg":"RS256","kid":"rsa","crit":["x"],"crit":[]}' })],
      [14, "b64 false", make({ header: { b64: false, crit: ["b64"] } })],
      [14, "b64 false without crit", make({ header: { b64: false } })],
      [14, "b64 true", make({ header: { b64: true } })],
      [15, "zip DEF", make({ header: { zip: "DEF" }, text: deflateRawSync(JSON.stringify(good)) })],
      [15, "zip DEF, not compressed", make({ header: { zip: "DEF" } })],
      [16, "a signed token in a signed token", make({ header: { cty: "JWT" }, text: make() })],
      [16, "the same as a JSON text", make({ header: { cty: "JWT" }, text: JSON.stringify(make()) })],
    ],
    notBySignature,
  );
  const raw = JSON.stringify(good).replaceAll(".", "");
  const unencoded = b64json({ alg: "RS256", kid: "rsa", b64: false, crit: ["b64"] });
  refused([
    [
      14,
      "a payload that is not encoded",
      `${unencoded}.${raw}.${base64url(signature("RS256", pairs.rsa.privateKey, `${unencoded}.${raw}`))}`,
    ],
    [14, "a payload that is elsewhere", `${head}..${tail}`],
  ]);
});

describe("other serialisations", () => {
  const encrypt = (text: string, cty?: string): Promise<string> =>
    new jose.CompactEncrypt(Buffer.from(text))
      .setProtectedHeader({ alg: "RSA-OAEP-256", enc: "A128GCM", kid: "rsa", ...(cty !== undefined && { cty }) })
      .encrypt(publicKey);
  const flat = { protected: head, payload, signature: tail };
  const unprotected = { payload, signature: tail, header: { alg: "RS256", kid: "rsa" } };
  const segments = ["", ".", "..", "...", head, `${head}.`, `${head}.${payload}`, `.${head}.${payload}.${tail}`];
  refused([
    [16, "JWE", () => encrypt(JSON.stringify(good))],
    [16, "JWE of an unsigned token", () => encrypt(`${b64json({ alg: "none" })}.${payload}.`, "JWT")],
    [16, "JWE of a signed token", () => encrypt(make(), "JWT")],
    [16, "a JWE header in a signed token", make({ header: { alg: "RSA-OAEP-256", enc: "A128GCM" } })],
    [17, "JSON serialisation, flattened", JSON.stringify(flat)],
    [17, "JSON serialisation, general", JSON.stringify({ payload, signatures: [flat] })],
    [17, "JSON serialisation, alg unprotected", JSON.stringify(unprotected)],
    [17, "JSON serialisation, several signatures", JSON.stringify({ payload, signatures: [unprotected, flat] })],
    [17, "JSON serialisation in base64url", base64url(JSON.stringify(flat))],
    ...segments.map((text): Row => [18, `segments ${text.replace(/[^.]+/g, "x") || "none"}`, text]),
    [18, "a dot at the end", `${head}.${payload}.${tail}.`],
    [18, "four segments", `${head}.${payload}.${tail}.${tail}`],
    [18, "five segments", `${head}.${payload}.${tail}.${payload}.${tail}`],
    [18, "six segments", `${head}.${payload}.${tail}.${head}.${payload}.${tail}`],
    [18, "no header", `.${payload}.${tail}`],
    [18, "no claims", `${head}..${tail}`],
    [18, "1,000 dots", ".".repeat(1_000)],
    [18, "1,000,000 dots", ".".repeat(1_000_000)],
    [25, "no signature", `${head}.${payload}.`],
    [25, "a signature of one byte", `${head}.${payload}.AA`],
    [25, "a signature of another token", `${head}.${payload}.${make({ claims: { sub: "x" } }).split(".")[2] ?? ""}`],
    [25, "the header in place of the signature", `${head}.${payload}.${head}`],
  ]);
});

describe("encoding", () => {
  const strange = [
    " ",
    "\n",
    "\r\n",
    "\t",
    "=",
    "==",
    "+",
    "/",
    "%3D",
    "\u0000",
    "\u00a0",
    "\u200b",
    "\uff21",
    ":",
    "?",
  ];
  const places: Record<string, (text: string, c: string) => string> = {
    before: (text, c) => c + text,
    inside: (text, c) => text.slice(0, 8) + c + text.slice(8),
    behind: (text, c) => text + c,
  };
  refused(
    strange.flatMap((c) =>
      Object.entries(places).flatMap(([place, put]): Row[] => {
        const what = `${JSON.stringify(c)} ${place}`;
        return [
          [19, `${what} the header, signed so`, make({ encoded: (h, p) => [put(h, c), p] })],
          [19, `${what} the claims, signed so`, make({ encoded: (h, p) => [h, put(p, c)] })],
          [19, `${what} the signature`, make({ after: (h, p, s) => `${h}.${p}.${put(s, c)}` })],
        ];
      }),
    ),
  );

  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  /** The other texts of the same bytes. */
  const respelt = (text: string): string[] =>
    Array.from(alphabet)
      .map((c) => text.slice(0, -1) + c)
      .filter((t) => t !== text && Buffer.from(t, "base64url").equals(Buffer.from(text, "base64url")));
  const sizes = [0, 1, 2].map((spaces) => " ".repeat(spaces));
  const claimTexts = sizes.map((spaces) => JSON.stringify(good) + spaces);
  const headTexts = sizes.map((spaces) => `{"alg":"RS256","kid":"rsa"}${spaces}`);

  test("the tails below are of both lengths that have several spellings", () => {
    for (const texts of [claimTexts, headTexts])
      expect(texts.map((t) => respelt(base64url(t)).length).sort((a, b) => a - b)).toEqual([0, 3, 15]);
  });

  refused([
    ...claimTexts.flatMap((text) =>
      respelt(base64url(text)).map((spelt, i): Row => [
        20,
        `claims of ${String(text.length)} bytes in another spelling, ${String(i + 1)}`,
        make({ text, encoded: (h) => [h, spelt] }),
      ]),
    ),
    ...headTexts.flatMap((headerText) =>
      respelt(base64url(headerText)).map((spelt, i): Row => [
        20,
        `a header of ${String(headerText.length)} bytes in another spelling, ${String(i + 1)}`,
        make({ headerText, encoded: (_, p) => [spelt, p] }),
      ]),
    ),
    ...["RS256", "ES256", "EdDSA"].flatMap((alg) => {
      const [h = "", p = "", s = ""] = make({ alg }).split(".");
      return respelt(s).map((spelt, i): Row => [
        34,
        `a revoked ${alg} token in another spelling, ${String(i + 1)}`,
        `${h}.${p}.${spelt}`,
      ]);
    }),
  ]);
});

const N = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const bytesOf = (value: bigint, length = 32): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, "0"), "hex");
const numberOf = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString("hex")}`);
const little = (bytes: Buffer): Buffer => Buffer.from(bytes).reverse();

describe("signatures on curves", () => {
  const half = (bytes: Buffer, i: 0 | 1): Buffer => bytes.subarray(32 * i, 32 * i + 32);
  const join = (r: Buffer | bigint, s: Buffer | bigint): Buffer =>
    Buffer.concat([r, s].map((part) => (typeof part === "bigint" ? bytesOf(part) : part)));
  const derInteger = (bytes: Buffer): Buffer => {
    const whole = (bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
    return Buffer.concat([Buffer.from([2, whole.length]), whole]);
  };
  const der = (...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts.map(derInteger));
    return Buffer.concat([Buffer.from([0x30, body.length]), body]);
  };
  const ec: Record<string, (s: Buffer) => Buffer> = {
    DER: (s) => der(half(s, 0), half(s, 1)),
    "DER of zeros": () => der(Buffer.from([0]), Buffer.from([0])),
    "all zero": () => Buffer.alloc(64),
    "all ones": () => Buffer.alloc(64, 0xff),
    "r = 0": (s) => join(0n, half(s, 1)),
    "s = 0": (s) => join(half(s, 0), 0n),
    "r = n": (s) => join(N, half(s, 1)),
    "s = n": (s) => join(half(s, 0), N),
    "r = s = n": () => join(N, N),
    "r = s = 1": () => join(1n, 1n),
    "r = n, s = 1": () => join(N, 1n),
    "r = n - 1": (s) => join(N - 1n, half(s, 1)),
    "s above n": (s) => join(half(s, 0), N + 1n),
    "s and r the other way round": (s) => join(half(s, 1), half(s, 0)),
    "a zero behind": (s) => Buffer.concat([s, Buffer.alloc(1)]),
    "a zero before": (s) => Buffer.concat([Buffer.alloc(1), s]),
    "each with a zero before": (s) => Buffer.concat([Buffer.alloc(1), half(s, 0), Buffer.alloc(1), half(s, 1)]),
    "a byte short": (s) => s.subarray(0, 63),
    "its first byte gone": (s) => s.subarray(1),
    "r alone": (s) => half(s, 0),
    "of the length of P-384": (s) => Buffer.concat([Buffer.alloc(16), half(s, 0), Buffer.alloc(16), half(s, 1)]),
    twice: (s) => Buffer.concat([s, s]),
  };
  const plus = (bytes: Buffer, added: bigint): Buffer => little(bytesOf(numberOf(little(bytes)) + added));
  const ed: Record<string, (s: Buffer) => Buffer> = {
    "S + L": (s) => join(half(s, 0), plus(half(s, 1), L)),
    "S + 2 L": (s) => join(half(s, 0), plus(half(s, 1), 2n * L)),
    "S = L": (s) => join(half(s, 0), little(bytesOf(L))),
    "S = 0": (s) => join(half(s, 0), 0n),
    "a high bit of S": (s) => join(half(s, 0), plus(half(s, 1), 1n << 255n)),
    "R the neutral point, S = 0": () => join(little(bytesOf(1n)), 0n),
    "all zero": () => Buffer.alloc(64),
    "all ones": () => Buffer.alloc(64, 0xff),
    "a byte more": (s) => Buffer.concat([s, Buffer.alloc(1)]),
    "a byte short": (s) => s.subarray(0, 63),
  };
  refused([
    ...Object.entries(ec).map(([what, signed]): Row => [21, `ES256: ${what}`, make({ alg: "ES256", signed })]),
    ...Object.entries(ed).map(([what, signed]): Row => [23, `EdDSA: ${what}`, make({ alg: "EdDSA", signed })]),
    [23, "EdDSA by another key", make({ alg: "EdDSA", key: thief.ed.privateKey })],
    [21, "ES256 by another key", make({ alg: "ES256", key: thief.ec.privateKey })],
  ]);
});
