import { createHmac, createPublicKey, createSecretKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import type * as Jose from "jose" with { "resolution-mode": "import" };
import { keyFits, verifyToken, type Algorithm, type IssuerRules, type Verified } from "../../lib/identity/token";

const NOW = 1_800_000_000;

interface Pair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}
const rsa: Pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa: Pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const smallRsa: Pair = generateKeyPairSync("rsa", { modulusLength: 1024 });
const p256: Pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384: Pair = generateKeyPairSync("ec", { namedCurve: "P-384" });
const ed: Pair = generateKeyPairSync("ed25519");
const secret = createSecretKey(Buffer.alloc(32, 7));

const rules: IssuerRules = {
  name: "main",
  issuer: "https://issuer.test",
  audiences: ["api"],
  algorithms: ["RS256", "ES256", "EdDSA"],
  type: { claim: "typ", value: "Bearer", optional: false },
  user: "sub",
  numericUser: false,
  roles: "realm.roles",
  scopes: "scope",
  clockSkewMs: 30_000,
};

const good = {
  iss: "https://issuer.test",
  aud: "api",
  typ: "Bearer",
  sub: "user-1",
  iat: NOW,
  exp: NOW + 300,
  realm: { roles: ["a", "b"] },
  scope: "read write",
};

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function signed(alg: string, key: KeyObject, input: string): Buffer {
  const data = Buffer.from(input);
  if (alg.startsWith("ES")) return sign(`sha${alg.slice(2)}`, data, { key, dsaEncoding: "ieee-p1363" });
  if (alg === "EdDSA") return sign(null, data, key);
  if (alg === "HS256") return createHmac("sha256", key).update(data).digest();
  return sign(`sha${alg.slice(2)}`, data, key);
}

interface Making {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  /** In place of the claims. */
  payload?: string;
  alg?: string;
  key?: KeyObject;
}

function make({ header = {}, claims = {}, payload, alg = "RS256", key = rsa.privateKey }: Making = {}): string {
  const input = `${base64url({ alg, kid: "k", ...header })}.${base64url(payload ?? { ...good, ...claims })}`;
  return `${input}.${signed(alg, key, input).toString("base64url")}`;
}

const published: Readonly<Record<string, KeyObject>> = {
  RS256: rsa.publicKey,
  PS256: rsa.publicKey,
  ES256: p256.publicKey,
  EdDSA: ed.publicKey,
};

function verify(token: string, change: Partial<IssuerRules> = {}, keys = published): Promise<Verified> {
  const source = { find: (_i: string, _k: string | undefined, alg: string) => keys[alg] };
  return Promise.resolve(verifyToken(token, [{ ...rules, ...change }], source, NOW * 1000));
}

const verdict = (v: Verified): string => ("identity" in v ? "accepted" : v.reason);

describe("accepted", () => {
  test.each<[string, Making]>([
    ["RS256", {}],
    ["ES256", { alg: "ES256", key: p256.privateKey }],
    ["EdDSA", { alg: "EdDSA", key: ed.privateKey }],
    ["several audiences", { claims: { aud: ["x", "api"] } }],
    ["expired within the skew", { claims: { exp: NOW - 29 } }],
    ["valid soon, within the skew", { claims: { nbf: NOW + 30, iat: NOW + 30 } }],
    ["without iat", { claims: { iat: undefined } }],
    ["without kid", { header: { kid: undefined } }],
    ["with a typ in the head", { header: { typ: "at+jwt" } }],
    ["with members that nobody knows", { header: { x: 1 }, claims: { y: {} } }],
  ])("%s", async (_, making) => {
    expect(verdict(await verify(make(making)))).toBe("accepted");
  });

  test("the identity has user, roles, scopes and claims", async () => {
    const verified = await verify(make());
    expect(verified).toEqual({
      identity: { issuer: "main", user: "user-1", claims: good, roles: ["a", "b"], scopes: ["read", "write"] },
    });
  });

  test("numbers as users only where they are asked for", async () => {
    const number = make({ claims: { sub: 4711 } });
    expect(verdict(await verify(number))).toBe("jwt-no-user");
    expect(await verify(number, { numericUser: true })).toMatchObject({ identity: { user: "4711" } });
    for (const user of ["4711", 1.5, 2 ** 53, null]) {
      expect(verdict(await verify(make({ claims: { sub: user } }), { numericUser: true }))).toBe("jwt-no-user");
    }
  });

  test("a type that is optional may be absent, not another", async () => {
    const type = { claim: "typ", value: "Bearer", optional: true };
    expect(verdict(await verify(make({ claims: { typ: undefined } }), { type }))).toBe("accepted");
    expect(verdict(await verify(make({ claims: { typ: "Refresh" } }), { type }))).toBe("jwt-type");
    expect(verdict(await verify(make({ claims: { typ: null } }), { type }))).toBe("jwt-type");
  });

  test("an issuer that puts no iss takes what no other claims for itself", async () => {
    const others = [
      { ...rules, name: "named" },
      { ...rules, name: "unnamed", issuer: undefined },
    ];
    const found: string[] = [];
    const keys = {
      find: (issuer: string): KeyObject => {
        found.push(issuer);
        return rsa.publicKey;
      },
    };
    for (const iss of ["https://issuer.test", undefined]) {
      expect(verdict(await verifyToken(make({ claims: { iss } }), others, keys, NOW * 1000))).toBe("accepted");
    }
    expect(found).toEqual(["named", "unnamed"]);
  });
});

describe("refused", () => {
  const [head = "", payload = "", tail = ""] = make().split(".");
  test.each<[string, string, string]>([
    ["nothing", "", "malformed"],
    ["two parts", `${head}.${payload}`, "malformed"],
    ["four parts", `${head}.${payload}.${tail}.x`, "malformed"],
    ["five parts, as encrypted ones have", `${head}.${payload}.${tail}.x.y`, "malformed"],
    ["no signature", `${head}.${payload}.`, "malformed"],
    ["no head", `.${payload}.${tail}`, "malformed"],
    ["a head that is no JSON", `${base64url("{")}.${payload}.${tail}`, "malformed"],
    ["a head that is a list", `${base64url([])}.${payload}.${tail}`, "malformed"],
    ["a payload that is no object", make({ payload: '"text"' }), "malformed"],
    ["a payload that is null", make({ payload: "null" }), "malformed"],
    ["padding", `${head}.${payload}.${tail}==`, "malformed"],
    ["a character of plain base64", `${head}.${payload}.+${tail.slice(1)}`, "malformed"],
    ["white space inside", `${head}. ${payload}.${tail}`, "malformed"],
    ["too long", make({ claims: { long: "x".repeat(8192) } }), "malformed"],
    ["a kid that is no text", make({ header: { kid: 1 } }), "malformed"],
    ["crit", make({ header: { crit: ["exp"] } }), "critical"],
    ["an empty crit", make({ header: { crit: [] } }), "critical"],
    ["b64", make({ header: { b64: false } }), "critical"],
    ["alg none", `${base64url({ alg: "none" })}.${payload}.${tail}`, "algorithm"],
    ["alg NONE", `${base64url({ alg: "NONE" })}.${payload}.${tail}`, "algorithm"],
    ["no alg", `${base64url({})}.${payload}.${tail}`, "algorithm"],
    ["alg in another case", `${base64url({ alg: "rs256" })}.${payload}.${tail}`, "algorithm"],
    ["alg as a list", `${base64url({ alg: ["RS256"] })}.${payload}.${tail}`, "algorithm"],
    ["an algorithm that the issuer does not use", make({ alg: "RS512" }), "algorithm"],
    [
      "HS256 with the public key as secret",
      make({
        alg: "HS256",
        key: createSecretKey(rsa.publicKey.export({ type: "spki", format: "pem" }) as Buffer & string, "utf8"),
      }),
      "algorithm",
    ],
    ["another key", make({ key: otherRsa.privateKey }), "signature"],
    ["another payload", `${head}.${base64url({ ...good, sub: "other" })}.${tail}`, "signature"],
    ["another head", `${base64url({ alg: "RS256" })}.${payload}.${tail}`, "signature"],
    [
      "a signature cut short",
      `${head}.${payload}.${Buffer.from(tail, "base64url").subarray(1).toString("base64url")}`,
      "signature",
    ],
    ["another issuer", make({ claims: { iss: "https://issuer.test/" } }), "issuer"],
    ["no issuer", make({ claims: { iss: undefined } }), "issuer"],
    ["a list of issuers", make({ claims: { iss: ["https://issuer.test"] } }), "issuer"],
    ["no expiry", make({ claims: { exp: undefined } }), "no-expiry"],
    ["an expiry that is a text", make({ claims: { exp: String(NOW + 300) } }), "no-expiry"],
    ["expired beyond the skew", make({ claims: { exp: NOW - 30 } }), "expired"],
    ["not valid yet", make({ claims: { nbf: NOW + 31 } }), "not-yet-valid"],
    ["nbf that is a text", make({ claims: { nbf: "0" } }), "not-yet-valid"],
    ["from the future", make({ claims: { iat: NOW + 31 } }), "issued-later"],
    ["another audience", make({ claims: { aud: "apis" } }), "audience"],
    ["no audience", make({ claims: { aud: undefined } }), "audience"],
    ["an audience that is an object", make({ claims: { aud: { api: true } } }), "audience"],
    ["a list in the list of audiences", make({ claims: { aud: [["api"]] } }), "audience"],
    ["a refresh token", make({ claims: { typ: "Refresh" } }), "type"],
    ["no type", make({ claims: { typ: undefined } }), "type"],
    ["no user", make({ claims: { sub: undefined } }), "no-user"],
    ["an empty user", make({ claims: { sub: "" } }), "no-user"],
  ])("%s", async (_, token, reason) => {
    expect(verdict(await verify(token))).toBe(`jwt-${reason}`);
  });

  test("every spelling of the signature but the canonical one", async () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const bytes = Buffer.from(tail, "base64url");
    const same = Array.from(alphabet)
      .map((c) => tail.slice(0, -1) + c)
      .filter((t) => t !== tail && Buffer.from(t, "base64url").equals(bytes));
    expect(same.length).toBeGreaterThan(0);
    for (const spelling of same) expect(verdict(await verify(`${head}.${payload}.${spelling}`))).toBe("jwt-malformed");
  });

  test("bytes that are no UTF-8", async () => {
    const bytes = Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xff]), Buffer.from('"}')]).toString(
      "base64url",
    );
    expect(verdict(await verify(`${head}.${bytes}.${tail}`))).toBe("jwt-malformed");
  });

  test("a signature in DER", async () => {
    const input = `${base64url({ alg: "ES256" })}.${base64url(good)}`;
    const der = sign("sha256", Buffer.from(input), p256.privateKey).toString("base64url");
    expect(verdict(await verify(`${input}.${der}`))).toBe("jwt-signature");
  });

  test("a key that is away rejects, so that it can be 503", async () => {
    const keys = { find: (): Promise<undefined> => Promise.reject(new Error("away")) };
    await expect(verifyToken(make(), [rules], keys, NOW * 1000)).rejects.toThrow("away");
  });
});

describe("a key verifies only the algorithm that it is for", () => {
  const keys: Record<string, KeyObject> = {
    rsa: rsa.publicKey,
    "rsa 1024": smallRsa.publicKey,
    "rsa private": rsa.privateKey,
    p256: p256.publicKey,
    p384: p384.publicKey,
    ed: ed.publicKey,
    secret,
    "short secret": createSecretKey(Buffer.alloc(31, 7)),
  };
  const fits: Record<string, string[]> = {
    RS256: ["rsa"],
    RS384: ["rsa"],
    RS512: ["rsa"],
    PS256: ["rsa"],
    PS384: ["rsa"],
    PS512: ["rsa"],
    ES256: ["p256"],
    ES384: ["p384"],
    ES512: [],
    EdDSA: ["ed"],
    HS256: ["secret"],
  };
  test.each(Object.keys(fits))("%s", (alg) => {
    expect(Object.keys(keys).filter((name) => keyFits(alg as Algorithm, keys[name] as KeyObject))).toEqual(fits[alg]);
  });

  test("a key of another kind is an unknown key, before any signature is looked at", async () => {
    for (const key of [p256.publicKey, smallRsa.publicKey, secret]) {
      expect(verdict(await verify(make(), {}, { RS256: key }))).toBe("jwt-unknown-key");
    }
    expect(verdict(await verify(make(), {}, {}))).toBe("jwt-unknown-key");
  });
});

/** An ES module: where the test runner cannot load it, this part is skipped. */
function loadJose(): typeof Jose | undefined {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    return require("jose") as typeof Jose;
  } catch {
    return undefined;
  }
}
const jose = loadJose();

(jose ? describe : describe.skip)("jose says the same", () => {
  const options: Jose.JWTVerifyOptions = {
    issuer: "https://issuer.test",
    audience: ["api"],
    algorithms: ["RS256", "ES256", "EdDSA"],
    clockTolerance: 30,
    currentDate: new Date(NOW * 1000),
    requiredClaims: ["exp"],
  };
  const key = (alg: string | undefined): KeyObject =>
    createPublicKey((published[alg ?? ""] ?? rsa.publicKey).export({ type: "spki", format: "pem" }));

  async function accepts(token: string): Promise<boolean> {
    try {
      await jose?.jwtVerify(token, ({ alg }) => key(alg), options);
      return true;
    } catch {
      return false;
    }
  }

  const changes: Record<string, Record<string, unknown>[]> = {
    aud: [{}, { aud: "other" }, { aud: ["x", "api"] }, { aud: [] }, { aud: undefined }],
    times: [
      {},
      { exp: NOW - 31 },
      { exp: NOW - 29 },
      { exp: undefined },
      { exp: "soon" },
      { nbf: NOW + 31 },
      { nbf: NOW + 29 },
      { nbf: "x" },
    ],
    iss: [{}, { iss: "https://other.test" }, { iss: undefined }],
  };
  const tokens = ["RS256", "ES256", "EdDSA"].flatMap((alg) => {
    const keyOf: Record<string, KeyObject> = { RS256: rsa.privateKey, ES256: p256.privateKey, EdDSA: ed.privateKey };
    const own = keyOf[alg] as KeyObject;
    return (changes["aud"] ?? []).flatMap((aud) =>
      (changes["times"] ?? []).flatMap((times) =>
        (changes["iss"] ?? []).map((iss) => make({ alg, key: own, claims: { ...aud, ...times, ...iss } })),
      ),
    );
  });
  const [head = "", payload = "", tail = ""] = make().split(".");
  const broken = [
    `${head}.${payload}.${tail}`,
    `${head}.${payload}.`,
    `${head}.${payload}`,
    `${base64url({ alg: "none" })}.${payload}.`,
    make({ key: otherRsa.privateKey }),
    make({ alg: "RS512" }),
    make({ header: { crit: ["exp"], exp: 1 } }),
    make({ header: { crit: [] } }),
    `${head}.${base64url({ ...good, sub: "other" })}.${tail}`,
    `${head}.${payload}.${tail.slice(0, -4)}`,
    make({ alg: "HS256", key: secret }),
  ];

  test(`on ${String(tokens.length + broken.length)} tokens`, async () => {
    const differing: string[] = [];
    for (const token of [...tokens, ...broken]) {
      const ours = verdict(await verify(token));
      if ((ours === "accepted") !== (await accepts(token))) differing.push(`${ours}: ${token}`);
    }
    expect(differing).toEqual([]);
  });
});
