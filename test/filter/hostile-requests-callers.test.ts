import { setTimeout as sleep } from "node:timers/promises";
import { deflateSync, gzipSync } from "node:zlib";
import { withText, without } from "../identity/token-maker";
import { nextSpelling } from "../identity/token-recipes";
import { FORMS, fresh, type Form, type Question } from "./door-stand";
import { admin, ask, nobody, refused, shown, user, type Row } from "./hostile";

// Numbers are those of the list of hostile inputs of the filter: what a door can see of 29, 34, 53 to 57, 60 and 61.

describe("tenants", () => {
  const claims: Record<string, unknown> = {
    absent: undefined,
    empty: "",
    "a space": " ",
    "several spaces": "   ",
    "a tab": "\t",
    "a star": "*",
    null: null,
    "the text null": "null",
    "the text undefined": "undefined",
    "a list": ["t1"],
    "a list of two": ["t1", "t2"],
    "an object": { id: "t1" },
    zero: 0,
    "a number below it": -1,
    "a fraction": 1.5,
    true: true,
    "two in one": "t1,t2",
    "a space before": " t1",
    "a space behind": "t1 ",
    "a line end": "t1\r\nX-User-Id: admin",
    NUL: "t1\u0000",
    "wide letters": "\uff541",
    "a letter and its accent": "t1e\u0301",
    "a space of no width": "t1\u200b",
    "a letter of Cyrillic": "\u04421",
  };
  const headers: Record<string, string[]> = {
    "another tenant": ["X-Tenant-Id: t2"],
    "another case": ["X-Tenant-Id: T1"],
    "two in a line": ["X-Tenant-Id: t1,t2"],
    "the same twice in a line": ["X-Tenant-Id: t1, t1"],
    "two lines": ["X-Tenant-Id: t1", "X-Tenant-Id: t2"],
    "two lines, the same": ["X-Tenant-Id: t1", "x-tenant-id: t1"],
    "an empty one": ["X-Tenant-Id:"],
    "a star": ["X-Tenant-Id: *"],
    null: ["X-Tenant-Id: null"],
    "wide letters": ["X-Tenant-Id: \xef\xbd\x941"],
    "an escape": ["X-Tenant-Id: %741"],
    "in quotes": ['X-Tenant-Id: "t1"'],
    "more behind": ["X-Tenant-Id: t1;t2"],
  };
  const text =
    (members: string): (() => Question) =>
    () => {
      const now = Math.floor(Date.now() / 1000);
      return { token: fresh({ text: withText(members, { ...without("tenant"), iat: now, exp: now + 300 }) }) };
    };
  refused([
    ...Object.entries(claims).map(([what, tenant]): Row => [
      53,
      `the claim is ${what}`,
      () => ({ token: fresh({ claims: { tenant } }) }),
    ]),
    ...Object.entries(headers).map(([what, lines]): Row => [53, `the header says ${what}`, () => user({ lines })]),
    ...Object.entries(headers).map(([what, lines]): Row => [
      53,
      `nobody's header says ${what}`,
      () => nobody({ lines }),
    ]),
    [53, "the header alone", () => ({ token: fresh({ claims: { tenant: undefined } }), lines: ["X-Tenant-Id: t1"] })],
    [
      53,
      "a claim in another case than the header",
      () => ({ token: fresh({ claims: { tenant: "T1" } }), lines: ["X-Tenant-Id: t1"] }),
    ],
    [53, "two claims", text('"tenant":"t1","tenant":"t2"')],
    [53, "two claims, one of them escaped", text('"tenant":"t1","t\\u0065nant":"t2"')],
    [53, "a claim in __proto__", text('"__proto__":{"tenant":"t1"}')],
    [53, "a claim in another case of its name", text('"Tenant":"t1"')],
    [
      53,
      "no claim, and the tenant in the path",
      () => ({ token: fresh({ claims: { tenant: undefined } }), target: "/orders/t/t1" }),
    ],
    [
      55,
      "a role of another client",
      () => ({ ...admin, token: fresh({ claims: { resource_access: { other: { roles: ["admin"] } } } }) }),
    ],
    [
      55,
      "a role with a wildcard",
      () => ({ ...admin, token: fresh({ claims: { realm: { roles: ["*", "admin*", "adm?n"] } } }) }),
    ],
    [55, "a role as a scope", () => ({ ...admin, token: fresh({ claims: { scope: "admin *" } }) })],
    [
      55,
      "a role in another case",
      () => ({ ...admin, token: fresh({ claims: { realm: { roles: ["Admin", " admin", "administrator"] } } }) }),
    ],
    [36, "a user that no header can carry", () => ({ token: fresh({ claims: { sub: "\ud800" } }) })],
  ]);
});

describe("keys and signatures in the place of a token", () => {
  const keys = [
    "k1.secret",
    "K1.SECRET",
    "k1.",
    "k1",
    "",
    "k1.secre",
    "k1.secret ",
    "\xd0\xba1.secret",
    "*",
    "null",
    "' OR 1=1 --",
    "k1.secret,k2.secret",
    "x".repeat(20_000),
  ];
  const now = Math.floor(Date.now() / 1000);
  const signatures: Record<string, string[]> = {
    "no signature": [`X-Signature-Timestamp: ${String(now)}`, "X-Signature-Nonce: 1", "X-Signature-Key-Id: k1"],
    "an empty signature": [`X-Signature-Timestamp: ${String(now)}`, "X-Signature:", "X-Signature-Key-Id: k1"],
    "an old timestamp": [
      `X-Signature-Timestamp: ${String(now - 3_600)}`,
      "X-Signature: AAAA",
      "X-Signature-Key-Id: k1",
    ],
    "a later timestamp": [
      `X-Signature-Timestamp: ${String(now + 3_600)}`,
      "X-Signature: AAAA",
      "X-Signature-Key-Id: k1",
    ],
    "a timestamp that is none": ["X-Signature-Timestamp: NaN", "X-Signature: AAAA", "X-Signature-Key-Id: k1"],
    "a key that is not there": [
      `X-Signature-Timestamp: ${String(now)}`,
      "X-Signature: AAAA",
      "X-Signature-Key-Id: __proto__",
    ],
    "another algorithm": [
      `X-Signature-Timestamp: ${String(now)}`,
      "X-Signature: none",
      "X-Signature-Algorithm: none",
      "X-Signature-Key-Id: k1",
    ],
  };
  refused([
    ...keys.map((key): Row => [56, `X-API-Key: ${shown(key)}`, () => nobody({ lines: [`X-API-Key: ${key}`] })]),
    ...["ApiKey", "Bearer", "Basic", "Key"].map((scheme): Row => [
      56,
      `Authorization: ${scheme} k1.secret`,
      () => nobody({ lines: [`Authorization: ${scheme} k1.secret`] }),
    ]),
    ...["api_key", "apikey", "key", "x-api-key"].map((name): Row => [
      56,
      `${name} in the query`,
      () => nobody({ target: `/orders/1?${name}=k1.secret` }),
    ]),
    [56, "a key beside a bad token", () => ({ token: "x", lines: ["X-API-Key: k1.secret"] })],
    ...Object.entries(signatures).map(([what, lines]): Row => [57, what, () => nobody({ lines })]),
    [
      57,
      "a signature of HTTP (RFC 9421)",
      () => nobody({ lines: ['Signature-Input: sig=();alg="hmac-sha256";keyid="k1"', "Signature: sig=:AAAA:"] }),
    ],
  ]);
});

describe("GraphQL and WebSocket", () => {
  const graphql = { target: "/graphql", route: "graphql" };
  const ask =
    (body: string, type = "application/json", more: string[] = []) =>
    (): Question =>
      nobody({ ...graphql, method: "POST", body, lines: [`Content-Type: ${type}`, ...more] });
  const query = (text: string): string => JSON.stringify({ query: text });
  const aliases = query(`{${Array.from({ length: 10_000 }, (_, i) => `a${String(i)}:me{id}`).join(" ")}}`);
  const zipped = (bytes: Buffer): string => bytes.toString("latin1");
  const handshake = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
  ];
  const ws = (lines: string[]) => (): Question =>
    nobody({ target: "/ws", route: "ws", missing: ["Connection"], lines: [...handshake, ...lines] });
  refused([
    [60, "10,000 levels", ask(query("{a".repeat(10_000) + "}".repeat(10_000)))],
    [60, "10,000 aliases", ask(aliases)],
    [60, "a batch", ask(JSON.stringify(Array.from({ length: 1_000 }, () => ({ query: "{me{id}}" }))))],
    [60, "10,000 directives", ask(query(`{me ${"@a".repeat(10_000)}{id}}`))],
    [60, "fragments in a circle", ask(query("{...A} fragment A on Q{...B} fragment B on Q{...A}"))],
    [60, "introspection", ask(query("{__schema{types{name}}}"))],
    [
      60,
      "a mutation by GET",
      () => nobody({ ...graphql, target: `/graphql?query=${encodeURIComponent("mutation{a}")}` }),
    ],
    [60, "a form", ask("query=mutation{a}", "application/x-www-form-urlencoded")],
    [60, "plain text", ask(query("mutation{a}"), "text/plain")],
    [60, "no JSON", ask("{")],
    [60, "a body of 1 MB", ask(query("x".repeat(1_000_000)))],
    [60, "a body that is partial", ask(query("{me{id}}"), "application/json", ["X-Envoy-Auth-Partial-Body: true"])],
    [60, "a body in gzip", ask(zipped(gzipSync(aliases)), "application/json", ["Content-Encoding: gzip"])],
    [
      60,
      "a bomb of gzip",
      ask(zipped(gzipSync(Buffer.alloc(10_000_000))), "application/json", ["Content-Encoding: gzip"]),
    ],
    [
      60,
      "a bomb of deflate",
      ask(zipped(deflateSync(Buffer.alloc(10_000_000))), "application/json", ["Content-Encoding: deflate"]),
    ],
    [61, "a handshake without a token", ws([])],
    [61, "a handshake with the origin of another", ws(["Origin: https://evil.test"])],
    [61, "a token among the sub-protocols", () => ws([`Sec-WebSocket-Protocol: bearer, ${fresh()}`])()],
    [61, "a token as the sub-protocol", () => ws([`Sec-WebSocket-Protocol: ${fresh()}`])()],
    [
      61,
      "a token in the handshake's query",
      () => nobody({ target: `/ws?access_token=${fresh()}`, route: "ws", missing: ["Connection"], lines: handshake }),
    ],
    [
      61,
      "two upgrades",
      () => nobody({ target: "/ws", route: "ws", missing: ["Connection"], lines: [...handshake, "Upgrade: h2c"] }),
    ],
    [
      61,
      "a handshake by POST",
      () => nobody({ method: "POST", target: "/ws", route: "ws", missing: ["Connection"], lines: handshake }),
    ],
    [
      61,
      "a handshake where none is allowed, for a user without the right",
      () => user({ ...admin, missing: ["Connection"], lines: handshake }),
    ],
  ]);
});

describe("a token that was accepted", () => {
  const statusOf = async (form: Form, token: string): Promise<number | undefined> =>
    (await ask(form, { token })).statuses[0];

  test("29 and has expired since, with and without iat", async () => {
    const statuses = async (form: Form, claims: object): Promise<unknown[]> => {
      // The skew is 30 s: one second is left, and a part of another.
      const token = fresh({ claims: { ...claims, exp: Math.floor(Date.now() / 1000) - 28 } });
      const before = [await statusOf(form, token), await statusOf(form, token)];
      await sleep(2_100);
      return [...before, await statusOf(form, token), await statusOf(form, token)];
    };
    const all = FORMS.flatMap((form) => [{}, { iat: undefined }].map((claims) => statuses(form, claims)));
    for (const seen of await Promise.all(all)) expect(seen).toEqual([200, 200, 401, 401]);
  });

  test.each(FORMS)("34 and comes in another spelling, or changed (%s)", async (form) => {
    const token = fresh();
    expect([await statusOf(form, token), await statusOf(form, token)]).toEqual([200, 200]);
    const [head = "", payload = "", tail = ""] = token.split(".");
    const other = Buffer.from(payload, "base64url").toString().replace("user-1", "user-2");
    const changed = [
      `${head}.${payload}.${tail.slice(0, -1)}${nextSpelling(tail)}`,
      `${head}.${payload}.${tail}=`,
      `${head}.${Buffer.from(other).toString("base64url")}.${tail}`,
      `${head}x.${payload}.${tail}`,
      `${payload}.${head}.${tail}`,
      `.${tail}`,
      tail,
    ];
    for (const text of changed) expect(await statusOf(form, text)).toBe(401);
    expect(await statusOf(form, token)).toBe(200);
  });
});
