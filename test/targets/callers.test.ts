import { loadAll } from "js-yaml";
import { compile } from "../../lib/targets";
import { check, small } from "../support";

/** Who may call the filter and the services in a mesh: by principal, so that no other pod speaks in the gateway's name. */

interface Policy {
  kind: string;
  metadata: { name: string; namespace: string };
  spec: {
    selector: { matchLabels: Record<string, string> };
    action: string;
    rules: { from?: unknown; to?: unknown }[];
  };
}

const orders = { address: "orders.default.svc.cluster.local:3000" };
const PROXY = "cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account";

function compiled(change: Parameters<typeof small>[0]): ReturnType<typeof compile> {
  const { value, diagnostics } = check(small({ targets: ["istio"], ...change }));
  if (!value) return { diagnostics };
  return compile(value, "production");
}

function policies(change: Parameters<typeof small>[0]): Map<string, Policy> {
  const text = compiled(change).value?.files.find((f) => f.path.endsWith("services.yaml"))?.content ?? "";
  const all = loadAll(text) as Policy[];
  return new Map(
    all.filter((o) => o.kind === "AuthorizationPolicy").map((o) => [`${o.metadata.namespace}/${o.metadata.name}`, o]),
  );
}

const signedIn = { jwt: { issuers: ["accounts"] } };

test("the filter hears the gateway's account alone, on the ports that are asked", () => {
  const found = policies({ policies: signedIn });
  expect([...found.keys()]).toEqual(["gateway/shop-filters-callers"]);
  const { spec } = found.get("gateway/shop-filters-callers") as Policy;
  expect(spec.selector.matchLabels).toEqual({ "app.kubernetes.io/name": "gateway-filter" });
  expect(spec.action).toBe("ALLOW");
  expect(spec.rules).toEqual([
    { from: [{ source: { principals: [PROXY] } }], to: [{ operation: { ports: ["9000", "8999"] } }] },
    { to: [{ operation: { ports: ["9002"] } }] },
  ]);
});

test("without a filter there is nobody to keep", () => {
  expect(policies({}).size).toBe(0);
});

test("a service that says who calls it hears the gateway, the filter where it calls, and those", () => {
  const workload = { app: "orders" };
  const services = { orders: { ...orders, workload, callers: ["billing/invoices"] } };
  const { spec } = policies({ services }).get("default/shop-callers-of-orders") as Policy;
  expect(spec.selector.matchLabels).toEqual(workload);
  expect(spec.rules).toEqual([{ from: [{ source: { principals: [PROXY, "cluster.local/ns/billing/sa/invoices"] } }] }]);
  const through = policies({ services, policies: { ...signedIn, compression: { types: ["text/*"] } } }).get(
    "default/shop-callers-of-orders",
  ) as Policy;
  expect(JSON.stringify(through.spec.rules)).toContain("cluster.local/ns/gateway/sa/gateway-filter");
});

test("the mesh's own names are the model's", () => {
  const kubernetes = {
    trustDomain: "shop.example",
    istioGateway: { namespace: "edge", serviceAccount: "edge-gateway" },
  };
  const { spec } = policies({ policies: signedIn, kubernetes }).get("gateway/shop-filters-callers") as Policy;
  expect(JSON.stringify(spec.rules[0]?.from)).toContain('"shop.example/ns/edge/sa/edge-gateway"');
});

test("a target without a mesh refuses it, unless the difference is accepted", () => {
  const services = { orders: { ...orders, workload: { app: "orders" } } };
  const refused = compiled({ targets: ["nginx"], services });
  expect(refused.diagnostics.map((d) => [d.code, d.at])).toEqual([
    ["plan/unenforceable-policy", "shop/services/orders/workload"],
  ]);
  const accept = [{ difference: "callers-in-a-mesh-alone", reason: "the cluster has network policies" }];
  const taken = compiled({ targets: ["nginx"], services, accept });
  expect(taken.diagnostics).toEqual([]);
  expect(taken.value?.usedDifferences).toEqual(["callers-in-a-mesh-alone"]);
});

test.each([
  ["callers without workload", { ...orders, callers: ["billing/invoices"] }, "model/missing-value"],
  [
    "a workload without a namespace",
    { address: "orders.example.com:3000", workload: { app: "orders" } },
    "model/invalid-value",
  ],
  [
    "a caller that is no account",
    { ...orders, workload: { app: "orders" }, callers: ["invoices"] },
    "model/invalid-value",
  ],
  ["a workload without labels", { ...orders, workload: {} }, "model/invalid-value"],
])("%s is refused", (_, service, code) => {
  expect(compiled({ services: { orders: service } }).diagnostics.map((d) => d.code)).toContain(code);
});
