import { accessOf, accessTable } from "../../lib/commands/access";
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
  ["everyone; a signature", { signature: { secret: "keys" } }],
])("%s", (who, policies) => {
  expect(whoOf(policies)).toBe(who);
});

test("a row says what asks and where it leads", () => {
  expect(accessTable(accessOf([model()])).split("\n")[2]).toBe(
    "| api.shop.test | GET | /orders/* | everyone | orders |",
  );
});

test("a difference shows what was and what is, and no more", () => {
  const [before, after] = [accessOf([model(jwt())]), accessOf([model()])];
  expect(accessDiff(before, after)).toBe(`## Access

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
  expect(accessDiff(before, before)).toContain("Nobody may do more or less.");
});
