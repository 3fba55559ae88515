import { createSecretKey } from "node:crypto";
import type { State } from "../../lib/policy";
import { authorization } from "../../lib/policy/kinds/authorization";
import { newExchange } from "../../lib/decision/decide";
import { verifyToken } from "../../lib/identity/token";
import {
  base64url,
  edPair,
  good,
  goodKeys,
  ISSUER,
  jwk,
  keySet,
  make,
  NOW,
  notBySignature,
  pairs,
  published,
  refused,
  rules,
  verdict,
  verify,
  withText,
  without,
  type Asking,
  type Row,
} from "./token-maker";

// Numbers are those of the list of hostile inputs of the filter: here the claims, 26 to 40. The right key signs all.

const show = (value: unknown): string => (value === undefined ? "missing" : JSON.stringify(value));
const claim = (n: number, name: string, values: readonly unknown[], asking?: Asking): Row[] =>
  values.map((value): Row => [n, `${name} ${show(value).slice(0, 60)}`, make({ claims: { [name]: value } }), asking]);
const raw = (n: number, name: keyof typeof good, texts: readonly string[]): Row[] =>
  texts.map((text): Row => [
    n,
    `${name} as ${text.slice(0, 60)}`,
    make({ text: withText(`"${name}":${text}`, without(name)) }),
  ]);

const strict = { rules: { clockSkewMs: 0 } };

describe("times", () => {
  refused(
    [
      ...claim(26, "exp", [
        undefined,
        null,
        "",
        String(NOW + 300),
        "never",
        true,
        [],
        [NOW + 300],
        {},
        { $numberLong: "1" },
      ]),
      ...claim(26, "exp", [-1, -0.5, 0, -NOW, NOW - 30, NOW - 30.001, NOW - 300]),
      ...claim(26, "exp", [NOW, NOW - 0.001, 1], strict),
      ...claim(26, "exp", [(NOW + 300) * 1_000, (NOW + 300) * 1e6, 2 ** 53, 1e20, 1e308, Number.MAX_SAFE_INTEGER]),
      ...raw(26, "exp", [
        "NaN",
        "Infinity",
        "1e400",
        "-1e400",
        "01800000300",
        "0x7fffffff",
        "+1800000300",
        "1800000300n",
        "-0",
      ]),
      ...claim(27, "nbf", [
        NOW + 31,
        NOW + 30.001,
        NOW + 1e6,
        1e308,
        "",
        "0",
        String(NOW),
        null,
        true,
        [],
        [0],
        {},
        -1,
      ]),
      ...claim(27, "nbf", [NOW + 1, NOW + 0.001], strict),
      ...claim(27, "iat", [
        NOW + 31,
        NOW + 1e6,
        NOW * 1_000,
        1e308,
        "",
        "0",
        String(NOW),
        null,
        true,
        [],
        [NOW],
        {},
        -1,
      ]),
      ...raw(27, "iat", ["1e400", "-1e400", "NaN"]),
      ...claim(28, "exp", [NOW - 31, NOW - 30]),
      ...claim(28, "exp", [NOW - 1], strict),
    ],
    notBySignature,
  );

  test.each<[string, Record<string, unknown>]>([
    ["with iat", {}],
    ["without iat", { iat: undefined }],
  ])("29 accepted, then expired: %s", async (_, claims) => {
    const token = make({ claims });
    const at = async (now: number): Promise<string> => verdict(await verify(token, { now }));
    expect(await at(NOW)).toBe("accepted");
    expect(await at(NOW + 329)).toBe("accepted");
    for (const later of [330, 331, 400, 600, 3_600, 86_400]) expect(await at(NOW + later)).toBe("jwt-expired");
  });

  test("29 accepted, then the clock steps back", async () => {
    const token = make({ claims: { nbf: NOW } });
    expect(verdict(await verify(token))).toBe("accepted");
    expect(verdict(await verify(token, { now: NOW - 31 }))).toMatch(/^jwt-/);
  });

  test("29 accepted, then its key is gone", async () => {
    const token = make();
    expect(verdict(await verify(token))).toBe("accepted");
    const keys = published({ main: keySet(jwk(pairs.ed.publicKey, { kid: "ed" })) });
    expect(verdict(await verify(token, { keys }))).toBe("jwt-unknown-key");
    const other = published({ main: keySet(jwk(pairs.ec.publicKey, { kid: "rsa" })) });
    expect(verdict(await verify(token, { keys: other }))).toMatch(/^jwt-/);
  });
});

describe("issuer and audience", () => {
  const issuers: unknown[] = [
    undefined,
    null,
    "",
    [ISSUER],
    { 0: ISSUER },
    0,
    true,
    `${ISSUER}/`,
    `${ISSUER} `,
    ` ${ISSUER}`,
    `${ISSUER}\u0000`,
    `${ISSUER}#`,
    `${ISSUER}?`,
    ISSUER.toUpperCase(),
    ISSUER.replace("issuer", "Issuer"),
    ISSUER.replace("https", "http"),
    ISSUER.replace("main", "other"),
    ISSUER.replace("main", "mai"),
    ISSUER.replace("main", "%6dain"),
    ISSUER.replace("issuer.test", "issuer.test:443"),
    ISSUER.replace("issuer.test", "issuer.test."),
    ISSUER.replace("issuer.test", "\u0456ssuer.test"),
    ISSUER.replace("main", "ma\u200bin"),
    ISSUER.replace("main", "\uff4dain"),
    ISSUER.replace("realms/main", "realms/other/../main"),
    "https://issuer.test",
    "main",
  ];
  const audiences: unknown[] = [
    undefined,
    null,
    "",
    [],
    "account",
    ["account"],
    ["account", "web"],
    "ap",
    "apis",
    "API",
    "api ",
    " api",
    "api,web",
    "web api",
    "api\u0000",
    "\u0430pi",
    { api: true },
    { 0: "api", length: 1 },
    [["api"]],
    [{ api: 1 }],
    [null],
    0,
    true,
  ];
  refused([...claim(30, "iss", issuers), ...claim(31, "aud", audiences)], notBySignature);
  refused(
    [
      ...claim(32, "azp", [undefined, null, "", "other", ["web"], "Web", "web ", { web: 1 }, 0], {
        rules: { type: { claim: "azp", value: "web", optional: false } },
      }),
      ...claim(33, "typ", [
        undefined,
        null,
        "",
        "Refresh",
        "ID",
        "Offline",
        "Logout",
        "bearer",
        "BEARER",
        "Bearer ",
        ["Bearer"],
        0,
      ]),
      [33, "a refresh token whose header says at+jwt", make({ header: { typ: "at+jwt" }, claims: { typ: "Refresh" } })],
      [33, "no type but in the header", make({ header: { typ: "Bearer" }, claims: { typ: undefined } })],
      [33, "a type within a claim", make({ claims: { typ: undefined, a: { typ: "Bearer" } } })],
    ],
    notBySignature,
  );
});

describe("members that stand twice", () => {
  const twice: [string, string][] = [
    ["exp", `"exp":${String(NOW + 9_000)}`],
    ["exp, the same", `"exp":${String(NOW + 300)}`],
    ["nbf", '"nbf":1,"nbf":2'],
    ["sub", '"sub":"admin"'],
    ["iss", `"iss":"${ISSUER}"`],
    ["aud", '"aud":"api"'],
    ["typ", '"typ":"Bearer"'],
    ["tenant", '"tenant":"t2"'],
    ["scope", '"scope":"read admin"'],
    ["realm", '"realm":{"roles":["admin"]}'],
    ["exp, escaped", `"\\u0065xp":${String(NOW + 9_000)}`],
    ["sub, escaped", '"s\\u0075b":"admin"'],
    ["sub, escaped in another case of hexadecimal", '"su\\u006A":"a","su\\u006a":"b"'],
    ["a name with a solidus, escaped", '"a/b":1,"a\\/b":2'],
    ["__proto__", '"__proto__":1,"__proto__":2'],
    ["a name that is empty", '"":1,"":2'],
    ["a name that nobody knows", '"x":1,"x":2'],
    ["behind white space", '"x" \n:1,\t"x"\r :2'],
    ["behind a text that looks like the end", '"y":"\\"}","x":1,"x":2'],
    ["behind a text of backslashes", '"y":"\\\\","x":1,"x":2'],
    ["with members of an object between", '"x":{"x":1},"x":{"x":1}'],
  ];
  const inner: [string, string][] = [
    ["roles", '"realm":{"roles":["reader"],"roles":["admin"]}'],
    ["roles, escaped", '"realm":{"roles":["reader"],"rol\\u0065s":["admin"]}'],
    ["a member deep down", '"realm":{"a":[{"b":[{"c":1,"c":2}]}]}'],
    ["a member behind a list", '"realm":{"a":1,"b":[1,{"a":2}],"a":3}'],
  ];
  const heads: [string, string][] = [
    ["alg", '{"alg":"none","kid":"rsa","alg":"RS256"}'],
    ["alg, the same", '{"alg":"RS256","kid":"rsa","alg":"RS256"}'],
    ["kid", '{"alg":"RS256","kid":"x","kid":"rsa"}'],
    ["kid, escaped", '{"alg":"RS256","k\\u0069d":"x","kid":"rsa"}'],
    ["typ", '{"alg":"RS256","kid":"rsa","typ":"JWT","typ":"at+jwt"}'],
    ["a name that nobody knows", '{"alg":"RS256","kid":"rsa","x":{"y":1,"y":2}}'],
  ];
  refused(
    [
      ...twice.map(([what, text]): Row => [35, what, make({ text: withText(text) })]),
      ...twice
        .slice(0, 3)
        .map(([what, text]): Row => [
          35,
          `${what}, the other way round`,
          make({ text: `{${text},${JSON.stringify(good).slice(1)}` }),
        ]),
      ...inner.map(([what, text]): Row => [35, what, make({ text: withText(text, without("realm")) })]),
      ...heads.map(([what, headerText]): Row => [35, `${what} in the header`, make({ headerText })]),
    ],
    notBySignature,
  );

  test.each<[string, string]>([
    ["in objects that are not one another", '"a":{"x":1},"b":{"x":1},"x":[{"x":1},{"x":1}]'],
    ["as values", '"a":"x","b":"x","c":["x","x"]'],
    ["in texts", '"a":"\\"x\\":1,\\"x\\":2","b":"{\\"a\\":1"'],
    ["in another case", '"X":1,"x":2'],
  ])("a name may stand twice %s", async (_, text) => {
    expect(verdict(await verify(make({ text: withText(text) })))).toBe("accepted");
  });
});

describe("bytes", () => {
  const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");
  const within = (text: string, hex: string): Buffer => {
    const [before = "", after = ""] = text.split("@");
    return Buffer.concat([Buffer.from(before), bytes(hex), Buffer.from(after)]);
  };
  const text = JSON.stringify(good);
  const bad: Record<string, string> = {
    "a byte of Latin-1": "e9",
    "0xff": "ff",
    "a continuation alone": "80",
    "a character cut short": "e2 82",
    "an overlong slash": "c0 af",
    "an overlong NUL": "c0 80",
    "an overlong quote": "c0 a2",
    "a surrogate": "ed a0 80",
    "a pair of surrogates": "ed a0 bd ed b8 80",
    "above U+10FFFF": "f4 90 80 80",
    "five bytes": "f8 88 80 80 80",
  };
  const loneIn = [
    String.raw`"\ud800"`,
    String.raw`"\udc00"`,
    String.raw`"a\ud83d"`,
    String.raw`"\ude00\ud83d"`,
    String.raw`"\uD800x"`,
  ];
  const sub = without("sub");
  refused(
    [
      ...Object.entries(bad).flatMap(([what, hex]): Row[] => [
        [36, `${what} in sub`, make({ text: within(withText('"sub":"a@"', sub), hex) })],
        [36, `${what} in a claim that nobody reads`, make({ text: within(withText('"x":"@"'), hex) })],
        [36, `${what} in a name`, make({ text: within(withText('"x@":1'), hex) })],
        [36, `${what} in the header`, make({ headerText: within('{"alg":"RS256","kid":"rsa","x":"@"}', hex) })],
      ]),
      ...loneIn.flatMap((lone): Row[] => [
        [36, `sub ${lone}`, make({ text: withText(`"sub":${lone}`, sub) })],
        [36, `tenant ${lone}`, make({ text: withText(`"tenant":${lone}`, without("tenant")) })],
        [36, `role ${lone}`, make({ text: withText(`"realm":{"roles":[${lone}]}`, without("realm")) })],
      ]),
      [36, "a lone surrogate as a name", make({ text: withText(String.raw`"\ud800":1`) })],
      [36, "NUL in sub", make({ claims: { sub: "user-1\u0000admin" } })],
      [36, "NUL as sub", make({ claims: { sub: "\u0000" } })],
      [36, "NUL in a role", make({ claims: { realm: { roles: ["admin\u0000"] } } })],
      [36, "NUL in the tenant", make({ claims: { tenant: "t1\u0000" } })],
      [36, "NUL behind the claims", make({ text: `${text}\u0000` })],
      [36, "NUL within the claims", make({ text: `{\u0000${text.slice(1)}` })],
      [36, "a BOM before the claims", make({ text: `\ufeff${text}` })],
      [36, "a BOM before the header", make({ headerText: '\ufeff{"alg":"RS256","kid":"rsa"}' })],
      [36, "a BOM behind the claims", make({ text: `${text}\ufeff` })],
      [36, "UTF-16", make({ text: Buffer.from(text, "utf16le") })],
      [36, "UTF-16 with its BOM", make({ text: Buffer.from(`\ufeff${text}`, "utf16le") })],
      [36, "a character of the line in sub", make({ text: withText('"sub":"a\nb"', sub) })],
      [36, "two values", make({ text: text + text })],
      [36, "a comma at the end", make({ text: `${text.slice(0, -1)},}` })],
      [36, "a comment", make({ text: `/**/${text}` })],
      [36, "single quotes", make({ text: text.replaceAll('"', "'") })],
    ],
    notBySignature,
  );
});

describe("shapes", () => {
  const nested = (depth: number, open = "[", close = "]", core = ""): string =>
    open.repeat(depth) + core + close.repeat(depth);
  const whole = [
    "null",
    "[]",
    '""',
    "0",
    "1",
    "true",
    "[{}]",
    `[${JSON.stringify(good)}]`,
    JSON.stringify(JSON.stringify(good)),
    "",
    " ",
  ];
  refused([
    ...whole.map((text): Row => [37, `claims that are ${text.slice(0, 20) || "nothing"}`, make({ text })]),
    ...whole.map((headerText): Row => [
      37,
      `a header that is ${headerText.slice(0, 20) || "nothing"}`,
      make({ headerText }),
    ]),
    [37, "10,000 lists in one another", make({ text: withText(`"x":${nested(10_000)}`) })],
    [37, "10,000 objects in one another", make({ text: withText(`"x":${nested(10_000, '{"a":', "}", "1")}`) })],
    [37, "10,000 lists that do not end", make({ text: withText(`"x":${"[".repeat(10_000)}`) })],
    [37, "10,000 lists in the header", make({ headerText: `{"alg":"RS256","kid":"rsa","x":${nested(10_000)}}` })],
    [37, "1,000,000 lists in one another", make({ text: nested(1_000_000) })],
    [37, "1,000,000 roles", make({ text: withText(`"realm":{"roles":[${"0,".repeat(999_999)}0]}`, without("realm")) })],
    [
      37,
      "100,000 members",
      make({ text: withText(Array.from({ length: 100_000 }, (_, i) => `"${String(i)}":1`).join(",")) }),
    ],
  ]);
  refused(
    [
      [37, "2,500 lists in one another, within the size", make({ text: withText(`"x":${nested(2_500)}`) })],
      [
        37,
        "800 objects in one another, within the size",
        make({ text: withText(`"x":${nested(800, '{"a":', "}", "1")}`) }),
      ],
      [
        37,
        "2,000 lists in the header, within the size",
        make({ headerText: `{"alg":"RS256","kid":"rsa","x":${nested(2_000)}}` }),
      ],
      [37, "2,500 lists as roles", make({ text: withText(`"realm":{"roles":${nested(2_500)}}`, without("realm")) })],
      [
        37,
        "2,500 lists as the audience",
        make({ text: withText(`"aud":${nested(2_500, "[", "]", '"api"')}`, without("aud")) }),
      ],
      [37, "2,500 lists that do not end", make({ text: withText(`"x":${"[".repeat(2_500)}`) })],
    ],
    notBySignature,
  );

  const poison = ['"__proto__":{"admin":true}', '"__proto__":null', '"__pro\\u0074o__":{}'];
  const proto = (member: string): Row => {
    const text = withText(
      `"__proto__":{${JSON.stringify({ [member]: good[member as "sub"] }).slice(1)}`,
      without(member as "sub"),
    );
    return [38, `${member} only in __proto__`, make({ text })];
  };
  refused(
    [
      ...["iss", "aud", "typ", "sub", "exp"].map(proto),
      [38, "everything in __proto__", make({ text: `{"__proto__":${JSON.stringify(good)}}` })],
      [38, "a claim named constructor", make({ claims: { constructor: { prototype: { admin: true } } } })],
      [38, "alg and kid in __proto__", make({ headerText: '{"__proto__":{"alg":"RS256","kid":"rsa"}}' })],
      ...poison.flatMap((member): Row[] => [
        [38, `${member} among good claims`, make({ text: withText(member) })],
        [38, `${member} further down`, make({ text: withText(`"x":{${member}}`) })],
        [38, `${member} in a good header`, make({ headerText: `{"alg":"RS256","kid":"rsa",${member}}` })],
      ]),
      ...[
        "constructor",
        "__proto__",
        "toString",
        "hasOwnProperty",
        "__proto__.name",
        "sub.length",
        "constructor.name",
      ].map((user): Row => [38, `a user that is claim ${user}`, make(), { rules: { user } }]),
      ...claim(38, "sub", [undefined, null, "", 0, 4711, true, [], ["user-1"], {}, { toString: "user-1" }]),
      ...claim(38, "sub", [1.5, -0.5, "4711", null, 2 ** 53, 1e308], { rules: { numericUser: true } }),
    ],
    notBySignature,
  );

  const admin = {
    anyOf: [
      { roles: ["admin"], scopes: [] },
      { roles: [], scopes: ["admin"] },
    ],
  };
  const grants = async (token: string): Promise<boolean> => {
    const verified = await verify(token);
    if (!("identity" in verified)) return false;
    const request = {
      scheme: "https",
      method: "GET",
      host: "h",
      target: "/",
      headers: [],
      client: "",
      headBytes: 0,
    } as const;
    const exchange = newExchange({ system: "s", environment: "e", hosts: [] }, request, () => "id");
    exchange.identity = verified.identity;
    return (await authorization.decide?.(authorization.schema.parse(admin), exchange, {} as State)) === undefined;
  };
  const roles: unknown[] = [
    "administrator",
    "reader admin",
    "reader,admin",
    "Admin",
    " admin",
    "admin ",
    "admin\t",
    "\uff41dmin",
    "\u0430dmin",
    "a\u0301dmin",
    "*",
    "",
    { admin: true },
    { 0: "admin", length: 1 },
    { includes: "admin" },
    [["admin"]],
    [{ name: "admin" }],
    ["administrator", "ADMIN", "admin ", "*"],
    Array.from({ length: 2_500 }, () => 0),
    null,
    true,
    1,
  ];
  const scopes: unknown[] = [
    "adminx",
    "xadmin",
    "read\tadmin",
    "read\nadmin",
    "read\u00a0admin",
    "read,admin",
    "ADMIN",
    "*",
    "admin*",
    "admin:*",
    ["read admin", "ADMIN"].join("\u3000"),
    { admin: 1 },
    [["admin"]],
    true,
  ];

  test("37 claims as deep as those of any real issuer", async () => {
    expect(verdict(await verify(make({ text: withText(`"x":${nested(4, '{"a":[', "]}", "1")}`) })))).toBe("accepted");
  });

  test("38 the role and the scope are what they should be", async () => {
    expect(await grants(make({ claims: { realm: { roles: ["reader", "admin"] } } }))).toBe(true);
    expect(await grants(make({ claims: { scope: "read admin" } }))).toBe(true);
  });
  test.each([
    ...roles.map((value) => [`roles ${show(value).slice(0, 50)}`, { realm: { roles: value } }] as const),
    ...scopes.map((value) => [`scope ${show(value)}`, { scope: value }] as const),
    ["roles of another client", { resource_access: { other: { roles: ["admin"] } } }] as const,
    ["roles at a path in one name", { realm: {}, "realm.roles": ["admin"] }] as const,
    ["roles in a prototype", { realm: JSON.parse('{"__proto__":{"roles":["admin"]}}') as object }] as const,
  ])("38 %s grant nothing", async (_, claims) => {
    expect(await grants(make({ claims }))).toBe(false);
  });
});

describe("roles packed into one text", () => {
  const packed = { rules: { roleCodes: { 1: "admin", 2: "reader" } } };
  const rolesOf = async (roles: unknown): Promise<readonly string[]> => {
    const verified = await verify(make({ claims: { realm: { roles } } }), packed);
    return "identity" in verified ? verified.identity.roles : [];
  };
  test("38 are what they should be", async () => {
    expect(await rolesOf("[2][1]")).toEqual(["admin", "reader"]);
  });
  const hostile = [
    "1",
    "[1",
    "1]",
    "[11]",
    "[[1]]",
    "[ 1]",
    "[1 ]",
    "[1,2]",
    "[1]x",
    "x[1]",
    "[1][",
    "]1[",
    "[2]1",
    "[\uff11]",
    "[01]",
    "[1.0]",
    "[]",
    "[admin]",
    "[1]\n[2]",
    { 1: true },
    1,
  ];
  test.each(hostile.map((value) => [show(value), value] as const))("38 %s grants nothing", async (_, value) => {
    expect(await rolesOf(value)).not.toContain("admin");
  });
});

describe("size", () => {
  const sized = (bytes: number): string => {
    const text = (n: number): string => make({ claims: { x: "x".repeat(n) } });
    let n = Math.floor(((bytes - text(0).length) * 3) / 4);
    while (text(n).length < bytes) n += 1;
    return text(n);
  };
  refused([
    [39, "8 kB and a little", sized(8_193)],
    [39, "64 kB", sized(65_536)],
    [39, "1 MB", sized(1_000_000)],
    [39, "1 MB of a signature", make({ signed: () => Buffer.alloc(750_000) })],
    [39, "1 MB of a header", make({ header: { x: "x".repeat(750_000) } })],
    [39, "1 MB of no token", "a".repeat(1_000_000)],
  ]);
});

describe("several issuers", () => {
  const other = edPair();
  const foreign = "https://issuer.test/realms/other";
  const sets = published({
    main: keySet(...goodKeys),
    other: keySet(jwk(other.publicKey, { kid: "ed" }), jwk(pairs.rsa.publicKey, { kid: "shared" })),
    unnamed: keySet(jwk(other.publicKey, { kid: "ed" })),
  });
  const named = { ...rules, name: "other", issuer: foreign };
  const unnamed = { ...rules, name: "unnamed", issuer: undefined };
  const byOther = (iss: unknown): string => make({ alg: "EdDSA", key: other.privateKey, claims: { iss } });

  test.each<[string, string, (typeof rules)[]]>([
    ["of issuer B on a route of issuer A", byOther(foreign), [rules]],
    ["signed by realm A in the name of realm B", make({ claims: { iss: foreign } }), [rules, named]],
    ["signed by realm B in the name of realm A", byOther(ISSUER), [rules, named]],
    ["signed by realm B in the name of realm A, B first", byOther(ISSUER), [named, rules]],
    ["in the name of both", byOther([ISSUER, foreign]), [rules, named]],
    [
      "of realm B, by a kid of realm A alone",
      make({ claims: { iss: foreign }, header: { kid: "rsa" } }),
      [rules, named],
    ],
    ["of an issuer without a name, in the name of A", byOther(ISSUER), [rules, unnamed]],
    ["of A, without a name", make({ claims: { iss: undefined } }), [rules, unnamed]],
    ["of A, with null for a name", make({ claims: { iss: null } }), [rules, unnamed]],
    ["for no issuer at all", make(), []],
  ])("40 %s", async (_, token, issuers) => {
    expect(verdict(await verifyToken(token, issuers, sets, NOW * 1000))).toMatch(/^jwt-/);
  });

  test("40 accepted for one issuer, then shown to another", async () => {
    const token = byOther(foreign);
    expect(verdict(await verifyToken(token, [rules, named], sets, NOW * 1000))).toBe("accepted");
    expect(verdict(await verifyToken(token, [rules], sets, NOW * 1000))).toMatch(/^jwt-/);
    const hidden = createSecretKey(Buffer.alloc(32, 3));
    expect(verdict(await verifyToken(token, [named], { find: () => hidden }, NOW * 1000))).toMatch(/^jwt-/);
  });

  test("keys that cannot be had are the only throw", async () => {
    const keys = { find: (): Promise<undefined> => Promise.reject(new Error("away")) };
    await expect(verifyToken(make(), [rules], keys, NOW * 1000)).rejects.toThrow("away");
    for (const token of ["", "..", `${base64url("{}")}.${base64url("{}")}.AA`]) {
      expect(verdict(await verifyToken(token, [rules], keys, NOW * 1000))).toMatch(/^jwt-/);
    }
  });
});
