import { loadAll } from "js-yaml";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { monitoring, ruleGroups } from "../../lib/observability";
import { burnAlerts, ratioOf } from "../../lib/observability/burn-rates";
import { objectivesOf } from "../../lib/observability/objectives";
import { goodModel, small } from "../support";

const ROUTES: GatewayInput["routes"] = [
  { name: "orders", match: { prefix: ["/orders"] }, service: "orders" },
  { name: "report", match: { prefix: ["/report"] }, service: "orders", slo: { availability: 99 } },
  { name: "batch", match: { prefix: ["/batch"] }, service: "orders", slo: null },
  {
    name: "events",
    match: { prefix: ["/events"] },
    service: "orders",
    policies: { timeouts: { idle: null } },
  },
];

function of(input: Partial<GatewayInput>): ReturnType<typeof objectivesOf> {
  const model = goodModel(small({ routes: ROUTES, ...input }));
  const { value } = compile(model, "production", "plans");
  if (!value) throw new Error("no plan");
  return objectivesOf(model, value.gateway);
}

test("all routes have the model's objective but those that say otherwise", () => {
  expect(of({})).toEqual([
    { name: "availability", of: "all", routes: ',route!~"batch|report"', budget: 0.001 },
    { name: "availability", of: "report", routes: ',route=~"report"', budget: 0.01 },
  ]);
});

test("who promises nothing has the routes' own alone", () => {
  expect(of({ slo: null })).toEqual([{ name: "availability", of: "report", routes: ',route=~"report"', budget: 0.01 }]);
});

test("what lasts as long as somebody wants has no latency", () => {
  const latencies = of({ slo: { latency: { p95: "200ms", p50: "1s" } } }).filter(({ bound }) => bound !== undefined);
  expect(latencies).toEqual([
    { name: "p50", of: "all", routes: ',route!~"batch|events|report"', budget: 0.5, bound: 1 },
    { name: "p95", of: "all", routes: ',route!~"batch|events|report"', budget: 0.05, bound: 0.2 },
  ]);
});

test("an alert that could never be true is none", () => {
  const budgets = (budget: number): number =>
    burnAlerts({ name: "p50", of: "all", routes: "", budget, bound: 1 }, "").length;
  expect([budgets(0.001), budgets(0.1), budgets(0.5)]).toEqual([4, 3, 1]);
});

test("without an answer 5xx the part of errors is nothing, not unknown", () => {
  expect(ratioOf({ name: "availability", of: "all", routes: "", budget: 0.001 }, 'system="a"', "5m")).toContain(" or ");
});

test("the filter counts by the times of objectives", () => {
  const model = goodModel(small({ slo: { latency: { p95: "200ms" } }, targets: ["node-gateway"] }));
  const plan = compile(model, "production").value?.files.find(({ path }) => path.endsWith("plan.json"));
  expect((JSON.parse(plan?.content ?? "{}") as { latencyBounds?: number[] }).latencyBounds).toEqual([0.2]);
});

test("two objectives of one percentile are two: neither alert takes the other's series", () => {
  const objectives = of({
    slo: { latency: { p95: "200ms" } },
    routes: [
      { name: "orders", match: { prefix: ["/orders"] }, service: "orders" },
      { name: "report", match: { prefix: ["/report"] }, service: "orders", slo: { latency: { p95: "2s" } } },
    ],
  });
  const selectors = objectives.map((objective) => burnAlerts(objective, 'system="a"')[0]?.expr);
  expect(new Set(selectors).size).toBe(objectives.length);
  const slow = objectives.find(({ bound }) => bound === 2);
  // As Prometheus 3 keeps whole numbers.
  expect(slow && ratioOf(slow, 'system="a"', "5m")).toContain('le="2.0"');
});

test("where nobody needs the filter nothing is asked of it", () => {
  const model = goodModel(
    small({
      targets: ["nginx"],
      policies: { securityHeaders: {} },
      issuers: {},
      routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders" }],
    }),
  );
  const { value } = compile(model, "production");
  expect(value && value.files.some(({ path }) => path.endsWith("filter.json"))).toBe(false);
  expect(value && monitoring(model, value)).toEqual([]);
});

test("names of rules tell systems and environments apart, and labels are the operator's", () => {
  const model = goodModel(
    small({
      targets: ["node-gateway"],
      monitoring: { labels: { release: "prometheus" }, runbooks: "https://wiki.example/runbooks/" },
    }),
  );
  const { value } = compile(model, "production");
  if (!value) throw new Error("no plan");
  const objects = loadAll(monitoring(model, value)[0]?.content ?? "") as {
    kind: string;
    metadata: { name: string; labels: object };
  }[];
  expect(objects.map(({ kind, metadata }) => [kind, metadata.name])).toEqual([
    ["PodMonitor", "shop-production-api-gateway"],
    ["PrometheusRule", "shop-production"],
  ]);
  for (const { metadata } of objects) expect(metadata.labels).toEqual({ release: "prometheus" });
  const absent = ruleGroups(model, value)
    .flatMap(({ rules }) => rules)
    .find(({ alert }) => alert === "GatewayAbsent");
  expect(absent?.annotations?.["runbook_url"]).toBe("https://wiki.example/runbooks/GatewayAbsent.md");
});
