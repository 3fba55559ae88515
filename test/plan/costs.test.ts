import { costsOf, formatCosts } from "../../lib/plan";
import type { ConfiguredPolicy } from "../../lib/decision/gateway";
import { before, bodySize, byAddress, capabilities, compression, gatewayOf, LIMIT, planned } from "./toy";

/** What a request on a route costs beside the proxy, and for whose sake. */

const breaker: ConfiguredPolicy = { kind: "circuitBreaker", config: {} };
const graphql: ConfiguredPolicy = { kind: "graphql", config: {} };
const SHARE = before(["CircuitBreakerByErrorShare"]);
const claims = capabilities(
  { bodySize: [before(["BodySizeDeclared"])] },
  { rateLimit: before(LIMIT) },
  {
    reported: { circuitBreaker: SHARE },
    proxied: {
      circuitBreaker: SHARE,
      rateLimit: before(LIMIT),
      compression: before(["Compression"]),
      graphql: before(["GraphqlLimits"]),
    },
  },
);

test.each<[string, ConfiguredPolicy[], string]>([
  ["what the proxy keeps itself costs nothing", [bodySize], "-"],
  ["a question", [byAddress], "a call and a report"],
  ["a report alone is asked for, too", [breaker], "a call and a report"],
  ["only what forces it is named", [byAddress, breaker, compression], "a hop (compression)"],
  ["a body that somebody must see is held", [graphql], "a hop (graphql), body held (graphql)"],
])("%s", (_, policies, cost) => {
  const gateway = gatewayOf(...policies);
  const plan = planned(gateway, claims);
  const costs = costsOf(gateway, [plan]);
  expect(costs).toEqual([{ host: "toy.test", route: "one", cells: { "toy-proxy": cost } }]);
  expect(formatCosts(costs, ["toy-proxy"])).toBe(`host      route  toy-proxy\ntoy.test  one    ${cost}`);
});

test("without reports a question is a call alone", () => {
  const gateway = gatewayOf(byAddress);
  expect(costsOf(gateway, [planned(gateway, { ...claims, reported: {} })])[0]?.cells["toy-proxy"]).toBe("a call");
});
