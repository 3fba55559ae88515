import type { GatewayInput } from "../../lib/model";
import type { FilterPlan } from "../../lib/decision/filter-plan";
import { readPlan } from "../../lib/decision/plan-text";
import type { ConfiguredPolicy, Route } from "../../lib/decision/gateway";
import { compile } from "../../lib/targets";
import { longestAnswerMs, throughAddress } from "../../lib/targets/through";
import { goodModel, small } from "../support";

/** What a proxy and the filter behind it are told of routes that go through. */

describe("how long a proxy waits for the first byte of an answer", () => {
  const route = (timeouts?: object, retries?: object): Route => {
    const policies: ConfiguredPolicy[] = [
      ...(timeouts ? [{ kind: "timeouts" as const, config: timeouts }] : []),
      ...(retries ? [{ kind: "retries" as const, config: retries }] : []),
    ];
    return { name: "r", match: { paths: [] }, backends: [], policies };
  };

  test.each<[string, Route, number]>([
    ["nothing said", route(), 15_000],
    ["the time to the first byte", route({ firstByte: 40_000 }), 40_000],
    ["all tries, where they take longer", route({ firstByte: 5_000 }, { tries: 3, perTry: 4_000 }), 12_000],
    ["a POST's one try, where that takes longer", route({ firstByte: 30_000 }, { tries: 3, perTry: 4_000 }), 30_000],
    [
      "the total, which ends all of it",
      route({ firstByte: 30_000, total: 10_000 }, { tries: 9, perTry: 9_000 }),
      10_000,
    ],
  ])("%s, and a margin", (_, of, ms) => {
    expect(longestAnswerMs(of)).toBe(ms + 5_000);
  });
});

test("the through port is one of the filter's own host", () => {
  const model = goodModel(small({ filter: { address: "filter.gateway.svc:9000", throughPort: 9100 } }));
  expect(throughAddress(model)).toEqual({ host: "filter.gateway.svc", port: 9100 });
});

describe("the filter's plan", () => {
  const input: GatewayInput = small({
    hosts: { "api.shop.test": {}, "www.shop.test": { basePath: "/api" } },
    policies: { jwt: { issuers: ["accounts"] } },
    secrets: { keys: { env: "KEYS" } },
    routes: [
      {
        name: "through",
        match: { prefix: ["/through"] },
        service: "orders",
        policies: { compression: { types: ["text/*"] } },
      },
      { name: "door", match: { prefix: ["/door"] }, service: "orders" },
      { name: "open", match: { prefix: ["/open"] }, service: "orders", policies: { jwt: null } },
    ],
  });
  const planFor = (target: string): FilterPlan => {
    const { value } = compile(goodModel({ ...input, targets: [target] }), "production");
    const file = value?.files.find((f) => /(filter|plan)\.json$/.test(f.path));
    return readPlan(file?.content ?? "{}");
  };
  const kindsOf = (plan: FilterPlan, host: number): Record<string, string[]> =>
    Object.fromEntries((plan.hosts[host]?.routes ?? []).map((r) => [r.name, r.policies.map((p) => p.kind).sort()]));

  test.each(["nginx", "istio"])("%s: has what the proxy leaves to it, and says which routes come whole", (target) => {
    const plan = planFor(target);
    expect(plan.hosts[0]?.routes.map((r) => [r.name, r.through === true])).toEqual([
      ["through", true],
      ["door", false],
      ["open", false],
    ]);
    expect(kindsOf(plan, 0)).toEqual({
      through: ["bodyCount", "compression", "jwt", "timeouts"],
      door: ["jwt"],
      open: [],
    });
    // Where a base path is taken off, whoever calls the service does it.
    expect(kindsOf(plan, 1)["through"]).toEqual(["bodyCount", "compression", "jwt", "rewrite", "timeouts"]);
    expect(kindsOf(plan, 1)["door"]).toEqual(["jwt"]);
  });

  test.each(["nginx", "istio"])(
    "%s: looks at paths and header names once more, whoever has reached its port",
    (target) => {
      const kinds = planFor(target).hosts[0]?.policies.map((p) => p.kind);
      expect(kinds).toEqual(expect.arrayContaining(["pathHygiene", "headerHygiene"]));
    },
  );

  test("node-gateway: has everything", () => {
    const plan = planFor("node-gateway");
    expect(plan.hosts[0]?.routes.every((r) => r.through)).toBe(true);
    expect(kindsOf(plan, 0)["open"]).toEqual(["bodyCount", "bodySize", "timeouts", "webSocket"]);
    expect(plan.hosts[0]?.policies.map((p) => p.kind)).toEqual(expect.arrayContaining(["httpsRedirect", "audit"]));
  });

  test.each(["nginx", "istio", "node-gateway"])(
    "%s: knows where services and secrets are, never a secret",
    (target) => {
      const plan = planFor(target);
      expect(plan.services).toEqual({ orders: "orders.default.svc.cluster.local:3000" });
      expect(plan.secrets).toEqual({ keys: { env: "KEYS" } });
    },
  );
});
