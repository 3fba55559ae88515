import { accessOf, accessTable, groundsOf } from "../../lib/commands/access";
import { accessDiff } from "../../lib/commands/diff";
import { goodModel, small } from "../support";

const model = (policies: object = {}, path = "/orders"): ReturnType<typeof goodModel> =>
  goodModel(
    small({
      hosts: { "api.shop.test": {} },
      environments: ["production"],
      issuers: {
        login: {
          issuer: "https://login.test",
          jwks: { url: "https://login.test/keys" },
          roles: "roles",
          scopes: "scope",
        },
      },
      secrets: { keys: { env: "KEYS" } },
      services: { orders: { address: "orders:80" } },
      routes: [{ name: "orders", match: { prefix: [path], methods: ["GET"] }, service: "orders", policies }],
    }),
  );

const whoOf = (policies: object): string | undefined => accessOf([model(policies)])[0]?.who;
const jwt = (mode?: string): object => ({ jwt: { issuers: ["login"], ...(mode && { mode }) } });

test.each([
  ["everyone", {}],
  ["everyone", jwt("open")],
  ["everyone, by a good token or none", jwt("optional")],
  ["who is signed in", jwt()],
  [
    "a or b or else c with scopes x and y",
    { ...jwt(), authorization: { anyOf: [{ roles: ["a", "b"] }, { roles: ["c"], scopes: ["x", "y"] }] } },
  ],
  [
    "everyone; a key in x-api-key; from 192.0.2.0/24; not from 192.0.2.7",
    { apiKey: { secret: "keys" }, addresses: { allow: ["192.0.2.0/24"], deny: ["192.0.2.7"] } },
  ],
  [
    "who is signed in; in shadow: authorization, rateLimit",
    {
      ...jwt(),
      authorization: { anyOf: [{ roles: ["a"] }] },
      rateLimit: { limits: [{ name: "a", requests: 1, per: "1m" }] },
      shadow: ["authorization", "rateLimit"],
    },
  ],
  ["everyone; a signature", { signature: { secret: "keys" } }],
])("%s", (who, policies) => {
  expect(whoOf(policies)).toBe(who);
});

test("a row says what asks and where it leads", () => {
  expect(accessTable(accessOf([model()])).split("\n")[2]).toBe(
    "| api.shop.test | GET | /orders/* | everyone | orders |",
  );
});

const resultOf = (...models: ReturnType<typeof model>[]): Parameters<typeof accessDiff>[0] => ({
  access: accessOf(models),
  grounds: groundsOf(models),
});

test("a difference shows what was and what is, and no more", () => {
  expect(accessDiff(resultOf(model(jwt())), resultOf(model()))).toBe(`## Access

### shop, production

Before:

| host | methods | path | who | to |
| --- | --- | --- | --- | --- |
| api.shop.test | GET | /orders/* | who is signed in | orders |

After:

| host | methods | path | who | to |
| --- | --- | --- | --- | --- |
| api.shop.test | GET | /orders/* | everyone | orders |
`);
});

const SAME = "Nobody may do more or less, and nothing is promised otherwise.";

test("what is the same is said to be", () => {
  expect(accessDiff(resultOf(model(jwt())), resultOf(model(jwt())))).toContain(SAME);
});

test.each([
  ["webSocket", { webSocket: { allowed: true } }],
  ["csrf", { jwt: { issuers: ["login"], cookie: "token" }, csrf: {} }],
  ["tenant", { ...jwt(), tenant: { headers: { "x-tenant": "tenant" } } }],
  ["rateLimit", { ...jwt(), rateLimit: { limits: [{ name: "calls", requests: 1, per: "1m" }] } }],
  ["rewrite", { ...jwt(), rewrite: { prefix: "/internal" } }],
])("a change of %s, which no row says, is told", (kind, policies) => {
  const diff = accessDiff(resultOf(model(jwt())), resultOf(model({ ...jwt(), ...policies })));
  expect(diff).not.toContain(SAME);
  expect(diff).toContain(kind);
});

test.each([
  ["issuers", { issuers: { login: { issuer: "https://login.test", jwks: { url: "https://elsewhere.test/keys" } } } }],
  ["services", { services: { orders: { address: "elsewhere:80" } } }],
  ["front", { front: { kind: "cloudflare" as const, networks: ["10.0.0.0/22"] } }],
])("a change of %s, which all routes stand on, is told", (name, change) => {
  const input = {
    hosts: { "api.shop.test": {} },
    environments: ["production"],
    services: { orders: { address: "orders:80" } },
    issuers: { login: { issuer: "https://login.test", jwks: { url: "https://login.test/keys" } } },
    routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders", policies: jwt() }],
  };
  const [before, after] = [input, { ...input, ...change }].map((all) => resultOf(goodModel(small(all))));
  expect(accessDiff(before as never, after as never)).toContain(`Changed for the whole environment: ${name}`);
});

test("a change of what pods may use of AWS is told", () => {
  const [before, after] = [{}, { "default/orders": { search: true } }].map((access) => {
    const edge = { hostedZone: "shop.test" };
    const production = { cluster: { admins: ["platform"] }, edge, search: {}, access };
    const front = { kind: "alb" as const, networks: ["10.0.0.0/22"] };
    return resultOf(goodModel(small({ targets: ["node-gateway"], front, infrastructure: { production } })));
  });
  expect(accessDiff(before as never, after as never)).toContain(
    "Changed for the whole environment: pods' access to AWS.",
  );
});

test("what is written in a model breaks no row", () => {
  const odd = accessOf([model({ ...jwt(), authorization: { anyOf: [{ roles: ["a | b"] }] } })]);
  expect(accessTable(odd).split("\n")[2]).toContain("a \\| b");
});
