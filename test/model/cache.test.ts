import { sortDiagnostics } from "../../lib/diagnostics";
import type { GatewayInput } from "../../lib/model";
import { check, expectDiagnostics, small } from "../support";

/** What one person gets is nobody else's: whose answers a route may keep follows from whom it asks. */

type Policies = NonNullable<GatewayInput["routes"][number]["policies"]>;

const jwt = { issuers: ["accounts"] };
const tenant = { headers: { "x-tenant": "tenant" } };
const cache = (by: "tenant" | "user" | "everyone"): Policies => ({ cache: { group: "orders", by } });
const notPrivate = (name: string): Parameters<typeof expectDiagnostics>[1] => [
  { code: "model/cache-not-private", at: `shop/routes/${name}/policies/cache` },
];

const found = (policies: Policies, change: Partial<GatewayInput> = {}): ReturnType<typeof check>["diagnostics"] =>
  sortDiagnostics(
    check(
      small({ routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders", policies }], ...change }),
    ).diagnostics,
  );

test.each<[whose: string, policies: Policies, good: boolean]>([
  ["everyone, where nobody is asked", cache("everyone"), true],
  ["everyone, where the token is looked at by nobody", { ...cache("everyone"), jwt: { ...jwt, mode: "open" } }, true],
  ["everyone, where somebody is asked", { ...cache("everyone"), jwt }, false],
  ["everyone, where somebody may be asked", { ...cache("everyone"), jwt: { ...jwt, mode: "optional" } }, false],
  ["a user, who is asked", { ...cache("user"), jwt }, true],
  ["a user, who may be asked", { ...cache("user"), jwt: { ...jwt, mode: "optional" } }, true],
  ["a user, where nobody is asked", cache("user"), false],
  ["a user, where the token is looked at by nobody", { ...cache("user"), jwt: { ...jwt, mode: "open" } }, false],
  ["a tenant, who is verified", { ...cache("tenant"), jwt, tenant }, true],
  ["a tenant, by default", { cache: { group: "orders" }, jwt, tenant }, true],
  ["a tenant, where no tenant is", { ...cache("tenant"), jwt }, false],
  ["a tenant, where nobody is asked", { ...cache("tenant"), tenant }, false],
])("for %s", (_, policies, good) => {
  expectDiagnostics(found(policies), good ? [] : notPrivate("orders"));
});

test("what is inherited counts as what is written", () => {
  expectDiagnostics(found(cache("everyone"), { policies: { jwt } }), notPrivate("orders"));
  expectDiagnostics(found({}, { policies: { jwt, tenant, ...cache("tenant") } }), []);
  expectDiagnostics(found({ jwt: null }, { policies: { jwt, tenant, ...cache("tenant") } }), notPrivate("orders"));
});

test("a route that answers by itself keeps nothing", () => {
  const routes = [{ name: "self", match: { prefix: ["/self"] }, respond: { status: 200 } }];
  expectDiagnostics(check(small({ policies: { jwt, ...cache("everyone") }, routes })).diagnostics, []);
});

test("the fix says what would be right", () => {
  expect(found({ ...cache("everyone"), jwt })[0]?.fix).toContain('"user"');
  expect(found(cache("user"))[0]?.fix).toContain('"everyone"');
  expect(found(cache("tenant"))[0]?.fix).toContain("tenant and jwt");
});
