import { parseAllDocuments } from "yaml";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { check, goodModel, small } from "../support";

/** A service at several addresses, in what is written; that it is kept the cases of "backend-addresses" show. */

const services = (orders: object): GatewayInput => ({ ...small(), services: { orders } });
const TWO = { addresses: ["a.shop.internal:80", "b.shop.internal:81"] };

interface Manifest {
  kind: string;
  spec?: { host?: string; endpoints?: object[]; trafficPolicy?: { outlierDetection?: object } };
}

function compiled(target: string, input: GatewayInput): ReturnType<typeof compile>["value"] {
  return compile(goodModel({ ...input, targets: [target] }), "production").value;
}

function textOf(target: string, input: GatewayInput): string {
  return (compiled(target, input)?.files ?? []).map(({ content }) => content).join("\n---\n");
}

describe("what is refused", () => {
  test.each<[string, object]>([
    ["neither", {}],
    ["both", { ...TWO, address: "orders:80" }],
    ["one of several", { addresses: ["a:80"] }],
    ["the same twice", { addresses: ["a:80", "a:80"] }],
    ["health of one address", { address: "orders:80", health: {} }],
    ["TLS without a name", { ...TWO, tls: {} }],
    [
      "pods in two namespaces",
      {
        addresses: ["a.one.svc.cluster.local:80", "a.two.svc.cluster.local:80"],
        workload: { app: "a" },
      },
    ],
  ])("%s", (_, orders) => {
    expect(check(services(orders)).diagnostics.map((d) => d.severity)).toContain("error");
  });

  test("an overlay that says both", () => {
    const overlays = { production: { services: { orders: { ...TWO, address: "orders:80" } } } };
    expect(check({ ...small(), overlays }).diagnostics.map((d) => d.severity)).toContain("error");
  });
});

test("nginx: servers that may fail, and the same as backups for as many tries as there are", () => {
  const policies = { retries: { tries: 5 } };
  const text = textOf("nginx", services({ ...TWO, health: { failures: 4, ejectionTime: "1500ms" }, policies }));
  const [, servers = ""] = /upstream orders \{([^}]*)\}/.exec(text) ?? [];
  expect(servers.match(/server .*;/g)).toEqual([
    "server a.shop.internal:80 max_fails=4 fail_timeout=2s;",
    "server b.shop.internal:81 max_fails=4 fail_timeout=2s;",
    "server a.shop.internal:80 max_fails=0 backup;",
    "server b.shop.internal:81 max_fails=0 backup;",
    "server a.shop.internal:80 max_fails=0 backup;",
  ]);
});

test("Istio: endpoints of one host, of which one always stays", () => {
  const three = { addresses: [...TWO.addresses, "c.shop.internal:82"] };
  const manifests = parseAllDocuments(textOf("istio", services(three))).map((d) => d.toJS() as Manifest | null);
  const entry = manifests.find((m) => m?.kind === "ServiceEntry" && (m.spec?.endpoints?.length ?? 0) === 3);
  expect(entry?.spec?.endpoints?.[2]).toEqual({ address: "c.shop.internal", ports: { http: 82 } });
  const rule = manifests.find((m) => m?.spec?.trafficPolicy?.outlierDetection);
  expect(rule?.spec?.trafficPolicy?.outlierDetection).toMatchObject({
    consecutiveGatewayErrors: 3,
    maxEjectionPercent: 66,
  });
});

test("an environment may have other addresses, or one", () => {
  const overlays = { production: { services: { orders: { address: "orders.test:80" } } } };
  const text = textOf("node-gateway", { ...services(TWO), overlays });
  expect(text).toContain("orders.test:80");
  expect(text).not.toContain("servicesSeveral");
  const more = { production: { services: { orders: TWO } } };
  expect(textOf("node-gateway", { ...small(), overlays: more })).toContain("b.shop.internal:81");
});

test.each([
  ["nginx", "native"],
  ["istio", "native"],
  ["node-gateway", "proxied"],
  ["gateway-api", "proxied"],
  ["kong", "proxied"],
])("kept by %s: %s", (target, place) => {
  const placements = compiled(target, services(TWO))?.plans[0]?.placements ?? [];
  const of = placements.filter(({ kind }) => kind === "backendAddresses");
  expect(new Set(of.map((p) => p.place))).toEqual(new Set([place]));
});
