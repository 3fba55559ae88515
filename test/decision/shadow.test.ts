import { readPlan, writePlan } from "../../lib/decision/plan-text";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { check, goodModel, small } from "../support";

const shadowed = (policies: NonNullable<GatewayInput["policies"]>, own?: object): GatewayInput =>
  small({
    targets: ["nginx", "istio"],
    policies,
    routes: [
      { name: "orders", match: { prefix: ["/orders"] }, service: "orders", ...(own && { policies: own }) },
      { name: "other", match: { prefix: ["/other"] }, service: "orders" },
    ],
  });

/** Where a kind is kept, by target and route. */
function placesOf(input: GatewayInput, kind: string): string[] {
  const { value } = compile(goodModel(input), "production", "plans");
  return (value?.plans ?? []).flatMap(({ target, placements }) =>
    placements.flatMap((p) => (p.kind === kind && p.route ? [`${target} ${p.route} ${p.place}`] : [])),
  );
}

const LISTED = { addresses: { allow: ["192.0.2.0/24"] } };

test("what a proxy keeps itself is the filter's while it is in shadow", () => {
  expect(placesOf(shadowed(LISTED), "addresses")).toContain("nginx orders native");
  expect(placesOf(shadowed({ ...LISTED, shadow: ["addresses"] }), "addresses")).toEqual([
    "nginx orders ext-auth",
    "nginx other ext-auth",
    "istio orders ext-auth",
    "istio other ext-auth",
  ]);
});

test("the nearest list holds, and null ends one that is inherited", () => {
  const places = (own: object): string[] =>
    placesOf(shadowed({ ...LISTED, shadow: ["addresses"] }, own), "addresses").filter((p) =>
      p.startsWith("nginx orders"),
    );
  expect(places({ shadow: null })).toEqual(["nginx orders native"]);
  expect(places({ shadow: ["rateLimit"] })).toEqual(["nginx orders native"]);
});

test("a plan says so by another name of the policy, of which there is one", () => {
  const input = shadowed({ ...LISTED }, { shadow: ["addresses"] });
  const { value } = compile(goodModel({ ...input, targets: ["node-gateway"] }), "production");
  const text = value?.files.find(({ path }) => path.endsWith("plan.json"))?.content ?? "";
  const plan = readPlan(text);
  const inShadow = plan.hosts.flatMap(({ routes }) =>
    routes.map(({ name, policies }) => [name, policies.find(({ kind }) => kind === "addresses")?.shadow ?? false]),
  );
  expect(inShadow).toEqual([
    ["orders", true],
    ["other", false],
  ]);
  expect((JSON.parse(text) as { policies: { addresses: unknown[] } }).policies.addresses).toHaveLength(1);
  expect(writePlan(plan)).toBe(text);
});

test.each(["jwt", "tenant", "floodGuard", "bodySize"])("%s cannot be in shadow", (kind) => {
  expect(() => goodModel(shadowed({ shadow: [kind as "addresses"] }))).toThrow(/invalid-value/);
});

test("a route that answers by itself has none of what is in shadow, and all of what is not", () => {
  const places = (shadow: "addresses"[] | null): string[] =>
    placesOf(
      small({
        targets: ["nginx"],
        policies: { ...LISTED, shadow },
        routes: [{ name: "gone", match: { prefix: ["/gone"] }, respond: { status: 410 } }],
      }),
      "addresses",
    );
  expect([places(["addresses"]), places(null)]).toEqual([[], ["nginx gone native"]]);
});

test("a limit that counts by key needs another word for who has none, while keys are in shadow", () => {
  const keyed = (key: ("apiKey" | "clientAddress")[], shadow: ("apiKey" | "rateLimit")[]): string[] => {
    const { diagnostics } = check({
      ...small({}),
      secrets: { keys: { env: "KEYS" } },
      policies: {
        apiKey: { secret: "keys" },
        rateLimit: { limits: [{ name: "calls", requests: 1, per: "1m", key }] },
        shadow,
      },
    });
    return diagnostics.filter(({ severity }) => severity === "error").map(({ at }) => at);
  };
  expect(keyed(["apiKey"], ["apiKey"])).toEqual(["shop/routes/orders/policies/rateLimit"]);
  expect(keyed(["apiKey", "clientAddress"], ["apiKey"])).toEqual([]);
  expect(keyed(["apiKey"], ["apiKey", "rateLimit"])).toEqual([]);
});

test("a route that opens what a host keeps is told of, whichever way it opens it", () => {
  const { diagnostics } = check({
    ...small({}),
    hosts: { "api.shop.test": { policies: { addresses: { allow: ["192.0.2.0/24"] } } } },
    routes: [
      { name: "orders", match: { prefix: ["/orders"] }, service: "orders", policies: { shadow: ["addresses"] } },
    ],
  });
  expect(diagnostics.map(({ code }) => code)).toContain("model/wider-than-host");
});
