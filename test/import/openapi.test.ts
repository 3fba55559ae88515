import path from "node:path";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { run } from "../commands/run";

/** Descriptions by OpenAPI, written short: what each becomes, or why it is not taken. */

afterAll(removeTemporaryDirectories);

interface Route {
  name: string;
  match: { exact?: string[]; template?: string[]; methods?: string[] };
  service?: string;
  respond?: object;
  policies?: { bodySchema?: { schema: Record<string, unknown> } } & Record<string, unknown>;
}

interface Model {
  hosts: Record<string, object>;
  issuers?: Record<string, { issuer: string }>;
  secrets?: object;
  routes: Route[];
}

const SERVERS = [{ url: "https://api.shop.test/v1" }];

const described = (paths: object, more: object = {}): object => ({
  openapi: "3.0.3",
  info: { title: "Shop", version: "1" },
  servers: SERVERS,
  paths,
  ...more,
});

async function imported(
  description: object,
  ...options: string[]
): Promise<{ code: number; err: string; model: Model }> {
  const folder = temporaryDirectory();
  const file = writeIn(folder, "shop.json", JSON.stringify(description, null, 1));
  const out = path.join(folder, "model.yaml");
  const { code, err } = await run("import", file, "--service", "web.shop.svc:80", "--out", out, ...options);
  const model = (existsSync(out) ? parse(readFileSync(out, "utf8")) : { hosts: {}, routes: [] }) as Model;
  return { code, err, model };
}

const OIDC = {
  components: {
    securitySchemes: {
      login: { type: "openIdConnect", openIdConnectUrl: "https://login.test/.well-known/openid-configuration" },
      bearer: { type: "http", scheme: "bearer" },
      key: { type: "apiKey", in: "header", name: "X-Key" },
      query: { type: "apiKey", in: "query", name: "key" },
      basic: { type: "http", scheme: "basic" },
    },
  },
};

describe("hosts and paths", () => {
  test("stand below the server's path, with the methods that are described", async () => {
    const { code, model } = await imported(
      described({ "/orders": { get: {}, post: {} }, "/orders/{id}": { get: { operationId: "getOrder" } } }),
    );
    expect(code).toBe(0);
    expect(Object.keys(model.hosts)).toEqual(["api.shop.test"]);
    expect(model.routes).toEqual([
      {
        name: "on-orders",
        hosts: ["api.shop.test"],
        match: { exact: ["/v1/orders"], methods: ["GET", "POST"] },
        service: "api",
      },
      {
        name: "get-order",
        hosts: ["api.shop.test"],
        match: { template: ["/v1/orders/{id}"], methods: ["GET"] },
        service: "api",
      },
    ]);
  });

  test("names of variables may be any text", async () => {
    const { model } = await imported(described({ "/a/{order-id}/b/{2}": { get: {} } }));
    expect(model.routes[0]?.match.template).toEqual(["/v1/a/{v3}/b/{v5}"]);
  });

  test("where somebody tries it out is no host", async () => {
    const servers = [{ url: "http://localhost:8080/v1" }, { url: "/v1" }, { url: "http://10.0.0.1/v1" }];
    const { code, err } = await imported(described({ "/a": { get: {} } }, { servers }));
    expect([code, err]).toEqual([2, expect.stringContaining("names no host: --host NAME does")]);
    const { model } = await imported(described({ "/a": { get: {} } }, { servers }), "--host", "shop.test");
    expect([Object.keys(model.hosts), model.routes[0]?.match.exact]).toEqual([["shop.test"], ["/v1/a"]]);
  });

  test.each([
    ["a variable that is no whole segment", described({ "/a/{name}.json": { get: {} } }), "path"],
    ["TRACE", described({ "/a": { trace: {}, get: {} } }), "trace"],
    ["servers of one path", described({ "/a": { get: {}, servers: SERVERS } }), "servers"],
    [
      "servers with variables",
      described({ "/a": { get: {} } }, { servers: [...SERVERS, { url: "https://{region}.test" }] }),
      "servers",
    ],
    [
      "servers with different paths",
      described({ "/a": { get: {} } }, { servers: [...SERVERS, { url: "https://b.test" }] }),
      "servers",
    ],
  ])("%s: not taken, unless it is accepted by name", async (_, description, name) => {
    const refused = await imported(description);
    expect([refused.code, refused.model.routes]).toEqual([1, []]);
    expect(refused.err).toMatch(/^shop\.json:\d+|shop\.json:\d+ - error import\/not-taken/m);
    expect(refused.err).toContain(`--accept ${name} leaves it out`);
    const more = described({ "/other": { get: {} } }) as { paths: object };
    const accepted = await imported(
      { ...description, paths: { ...(description as { paths: object }).paths, ...more.paths } },
      "--accept",
      name,
    );
    expect(accepted.code).toBe(0);
  });
});

describe("security", () => {
  const secured = (security: unknown, more: object = {}): object =>
    described({ "/a": { get: { security } } }, { ...OIDC, ...more });

  test("of the whole description holds where an operation says nothing", async () => {
    const { model } = await imported(
      described({ "/a": { get: {} }, "/b": { get: { security: [] } } }, { ...OIDC, security: [{ login: [] }] }),
    );
    expect(model.routes.map(({ policies }) => policies)).toEqual([{ jwt: { issuers: ["login"] } }, undefined]);
    expect(model.issuers?.["login"]?.issuer).toBe("https://login.test");
  });

  test.each<[string, unknown, object | undefined, string[]]>([
    [
      "scopes",
      [{ login: ["a", "b"] }],
      { jwt: { issuers: ["login"] }, authorization: { anyOf: [{ scopes: ["a", "b"] }] } },
      [],
    ],
    [
      "scopes or scopes",
      [{ login: ["a"] }, { login: ["b"] }],
      { jwt: { issuers: ["login"] }, authorization: { anyOf: [{ scopes: ["a"] }, { scopes: ["b"] }] } },
      [],
    ],
    ["scopes, or none of them", [{ login: ["a"] }, { login: [] }], { jwt: { issuers: ["login"] } }, []],
    ["a token that need not be there", [{ login: [] }, {}], { jwt: { mode: "optional", issuers: ["login"] } }, []],
    [
      "a bearer token whose issuer is named",
      [{ bearer: [] }],
      { jwt: { issuers: ["login"] } },
      ["--issuer", "https://id.test"],
    ],
    ["a key", [{ key: [] }], { apiKey: { header: "x-key", secret: "api-keys" } }, []],
    [
      "a key and a token",
      [{ key: [], login: [] }],
      { jwt: { issuers: ["login"] }, apiKey: { header: "x-key", secret: "api-keys" } },
      [],
    ],
    ["nothing, written as nothing", [{}], undefined, []],
  ])("%s", async (_, security, policies, options) => {
    const { code, err, model } = await imported(secured(security), ...options);
    expect([code, err.includes("error")]).toEqual([0, false]);
    expect(model.routes[0]?.policies).toEqual(policies);
  });

  test.each([
    ["a token of nobody", [{ bearer: [] }], "bearer"],
    ["a key in the query", [{ query: [] }], "query"],
    ["a password", [{ basic: [] }], "basic"],
    ["a scheme that is not there", [{ other: [] }], "other"],
    ["a key or a token", [{ key: [] }, { login: [] }], "security"],
    ["a key or nothing", [{ key: [] }, {}], "security"],
  ])("%s: not taken; accepted, its route lets nobody in", async (_, security, name) => {
    const refused = await imported(secured(security));
    expect([refused.code, refused.model.routes]).toEqual([1, []]);
    const accepted = await imported(secured(security), "--accept", name);
    expect(accepted.code).toBe(0);
    expect(accepted.model.routes[0]).toMatchObject({ respond: { status: 503 } });
    expect(accepted.model.routes[0]?.service).toBeUndefined();
  });
});

describe("security that is no list, or of several issuers", () => {
  const schemes = {
    components: {
      securitySchemes: {
        staff: { type: "openIdConnect", openIdConnectUrl: "https://staff.test/.well-known/openid-configuration" },
        customers: {
          type: "openIdConnect",
          openIdConnectUrl: "https://customers.test/.well-known/openid-configuration",
        },
        key: { type: "apiKey", in: "header", name: "X-Key" },
      },
    },
  };
  const secured = (security: unknown): object => described({ "/a": { get: { security } } }, schemes);

  test.each([
    ["a mapping", { staff: [] }, "security"],
    ["a name", "staff", "security"],
    ["a list of names", ["staff"], "security"],
    ["tokens of both", [{ staff: [], customers: [] }], "security"],
    ["scopes by issuer", [{ staff: ["all"] }, { customers: ["own"] }], "security"],
    ["a key with roles", [{ key: ["admin"] }], "key"],
  ])("%s lets nobody in", async (_, security, name) => {
    expect((await imported(secured(security))).code).toBe(1);
    const { model } = await imported(secured(security), "--accept", name);
    expect(model.routes[0]).toMatchObject({ respond: { status: 503 } });
  });

  test("either token is taken where neither needs a scope", async () => {
    const { model } = await imported(secured([{ staff: [] }, { customers: [] }]));
    expect(model.routes[0]?.policies).toEqual({ jwt: { issuers: ["login", "login-2"] } });
  });
});

test("a path that is told apart by less takes its requests along, and lets nobody in", async () => {
  const { code, model } = await imported(
    described({ "/files/{name}": { get: {}, put: {} }, "/files/{name}.json": { get: {} } }),
    "--accept",
    "path",
  );
  expect(code).toBe(0);
  expect(model.routes).toMatchObject([
    { match: { template: ["/v1/files/{name}"], methods: ["PUT"] }, service: "api" },
    { match: { methods: ["GET"] }, respond: { status: 503 } },
  ]);
});

test("variables of servers are filled in, and the path before all others stays", async () => {
  const servers = [{ url: "https://{env}.shop.test/v2", variables: { env: { default: "api" } } }];
  const { model } = await imported(described({ "/a": { get: {} } }, { servers }), "--host", "shop.test");
  expect(model.routes[0]?.match.exact).toEqual(["/v2/a"]);
});

test("what is merged or referred to is there", async () => {
  const text = [
    "openapi: 3.1",
    "servers: [{ url: https://api.shop.test }]",
    "x-secured: &secured { security: [{ key: [] }] }",
    "paths:",
    "  /a: { get: { <<: *secured } }",
    "  /b: { post: { requestBody: { $ref: '#/components/requestBodies/A' } } }",
    "components:",
    "  securitySchemes: { key: { type: apiKey, in: header, name: X-Key } }",
    "  requestBodies:",
    "    A: { $ref: '#/components/requestBodies/B' }",
    "    B: { required: true, content: { application/json: { schema: { type: object } } } }",
  ].join("\n");
  const folder = temporaryDirectory();
  const file = writeIn(folder, "shop.yaml", text);
  const out = path.join(folder, "model.yaml");
  const { code } = await run("import", file, "--service", "web.shop.svc:80", "--out", out);
  expect(code).toBe(0);
  const { routes } = parse(readFileSync(out, "utf8")) as Model;
  expect(routes.map(({ policies }) => Object.keys(policies ?? {}))).toEqual([["apiKey"], ["bodySchema"]]);
});

describe("bodies", () => {
  const withBody = (schema: unknown, { version = "3.0.3", schemas = {}, type = "application/json" } = {}): object => ({
    ...described({ "/a": { post: { requestBody: { required: true, content: { [type]: { schema } } } } } }),
    openapi: version,
    components: { schemas },
  });
  const schemaOf = async (...given: Parameters<typeof withBody>): Promise<unknown> => {
    const { code, err, model } = await imported(withBody(...given));
    expect([code, err.includes(" error ")]).toEqual([0, false]);
    return model.routes[0]?.policies?.bodySchema?.schema;
  };

  test.each<[string, unknown, unknown]>([
    [
      "words about a schema are left out",
      { type: "string", maxLength: 5, title: "x", example: "y", "x-own": 1 },
      { type: "string", maxLength: 5 },
    ],
    [
      "null beside a type",
      { type: "string", nullable: true, enum: ["a"] },
      { type: ["string", "null"], enum: ["a", null] },
    ],
    [
      "a bound that is left out",
      { type: "integer", minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false },
      { type: "integer", exclusiveMinimum: 0, maximum: 9 },
    ],
    [
      "what answers alone have",
      {
        type: "object",
        required: ["id", "a"],
        properties: { id: { type: "string", readOnly: true }, a: { type: "string" } },
      },
      { type: "object", required: ["a"], properties: { id: { type: "string" }, a: { type: "string" } } },
    ],
    [
      "a type that is meant",
      { properties: { a: { minimum: 1 } } },
      { type: "object", properties: { a: { type: "number", minimum: 1 } } },
    ],
    ["a format that nobody knows", { type: "string", format: "phone" }, { type: "string" }],
    [
      "a pattern gets a bound",
      { type: "string", pattern: "[a-z]+" },
      { type: "string", pattern: "[a-z]+", maxLength: 10_000 },
    ],
    [
      "a list without equals gets a bound",
      { type: "array", uniqueItems: true, items: {} },
      { type: "array", uniqueItems: true, items: {}, maxItems: 500 },
    ],
    [
      "either of two members",
      { type: "object", properties: { a: {}, b: {} }, anyOf: [{ required: ["a"] }, { required: ["b"] }] },
      {
        type: "object",
        properties: { a: {}, b: {} },
        anyOf: [
          { type: "object", required: ["a"], properties: { a: true } },
          { type: "object", required: ["b"], properties: { b: true } },
        ],
      },
    ],
    ["anything", {}, {}],
  ])("%s", async (_, schema, expected) => {
    expect(await schemaOf(schema)).toEqual(expected);
  });

  test("what is referred to comes along, itself included", async () => {
    const schemas = {
      Tree: {
        type: "object",
        properties: { of: { $ref: "#/components/schemas/Tree" }, leaf: { $ref: "#/components/schemas/Leaf" } },
      },
      Leaf: { type: "string" },
    };
    expect(await schemaOf({ $ref: "#/components/schemas/Leaf" }, { schemas })).toEqual({ type: "string" });
    expect(await schemaOf({ $ref: "#/components/schemas/Tree" }, { schemas })).toEqual({
      $ref: "#/$defs/Tree",
      $defs: {
        Tree: { type: "object", properties: { of: { $ref: "#/$defs/Tree" }, leaf: { $ref: "#/$defs/Leaf" } } },
        Leaf: { type: "string" },
      },
    });
  });

  test("a schema of 3.1 is one of JSON Schema", async () => {
    const schema = { type: ["string", "null"], maxLength: 3, examples: ["a"] };
    expect(await schemaOf(schema, { version: "3.1.0" })).toEqual({ type: ["string", "null"], maxLength: 3 });
  });

  test("that need not be there are judged all the same, which is said", async () => {
    const content = { "application/json": { schema: { type: "object" } } };
    const { code, err } = await imported(described({ "/a": { post: { requestBody: { content } } } }));
    expect([code, err]).toEqual([0, expect.stringContaining("It need not be there, and must be here")]);
  });

  test.each([
    ["of a form", withBody({ type: "object" }, { type: "multipart/form-data" })],
    ["of GET", described({ "/a": { get: { requestBody: { content: { "application/json": { schema: {} } } } } } })],
    [
      "of several types",
      described({ "/a": { post: { requestBody: { content: { "application/json": {}, "text/csv": {} } } } } }),
    ],
    ["by a schema in another file", withBody({ $ref: "order.yaml" })],
    ["by a schema that is not there", withBody({ $ref: "#/components/schemas/None" })],
    ["by words that are not read", withBody({ $dynamicRef: "#x" }, { version: "3.1.0" })],
    ["that is in another file", described({ "/a": { post: { requestBody: { $ref: "bodies.yaml#/A" } } } })],
    ["by a bound of 3.1 in 3.0", withBody({ type: "integer", exclusiveMinimum: 5 })],
    ["by a pattern without a bound that is excluded", withBody({ not: { type: "string", pattern: "a+b" } })],
    ["by a schema that cannot be compiled", withBody({ type: "nothing" })],
    ["by a list that is none", withBody({ allOf: { type: "object" } })],
    ["by a schema of several types that names none", withBody({ properties: {}, items: {} })],
  ])("%s: not taken, unless it is accepted by name", async (_, description) => {
    const refused = await imported(description);
    expect([refused.code, refused.model.routes]).toEqual([1, []]);
    const accepted = await imported(description, "--accept", "requestBody");
    expect([accepted.code, accepted.model.routes[0]?.service, accepted.model.routes[0]?.policies]).toEqual([
      0,
      "api",
      undefined,
    ]);
  });
});

test.each([
  ["another version", { ...described({}), openapi: "4.0.0" }, "OpenAPI 3.0 and 3.1 are read, not 4.0.0"],
  ["Swagger", { swagger: "2.0", paths: {} }, "OpenAPI 3.0 and 3.1 are read, not 2.0"],
])("%s is wrong use", async (_, description, why) => {
  const { code, err } = await imported(description);
  expect([code, err]).toEqual([2, expect.stringContaining(why)]);
});

test("where the service is must be said", async () => {
  const file = writeIn(temporaryDirectory(), "shop.json", JSON.stringify(described({ "/a": { get: {} } })));
  const { code, err } = await run("import", file);
  expect([code, err]).toEqual([2, expect.stringContaining("--service HOST:PORT")]);
});
