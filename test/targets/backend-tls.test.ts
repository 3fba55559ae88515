import { parseAllDocuments } from "yaml";
import { workloads } from "../../lib/charts";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { check, expectDiagnostics, goodModel, small } from "../support";

/** Services that are called by TLS, in what is written; that it is kept the cases of "backend-tls" show. */

const TLS = { serverName: "billing.internal", ca: "gateway-client", clientCertificate: "gateway-client" };

const model = (tls: object, address = "billing.shop.svc.cluster.local:8443"): GatewayInput => ({
  ...small(),
  targets: ["nginx", "istio", "node-gateway"],
  services: { ...small().services, billing: { address, tls } },
  routes: [
    ...small().routes,
    { name: "billing", match: { prefix: ["/billing"] }, service: "billing" },
    // Through the filter.
    {
      name: "prices",
      match: { prefix: ["/billing/prices"] },
      service: "billing",
      policies: { cache: { group: "billing", by: "everyone" } },
    },
  ],
});

interface Manifest {
  kind: string;
  metadata: { name: string; namespace: string };
  spec: Record<string, unknown>;
}

function filesOf(input: GatewayInput): Map<string, string> {
  const good = goodModel(input);
  const { value } = compile(good, "production");
  if (!value) throw new Error("no output");
  return new Map([...value.files, ...workloads(good, value)].map(({ path, content }) => [path, content]));
}

const manifests = (files: ReadonlyMap<string, string>, ending: string): Manifest[] =>
  [...files]
    .filter(([path]) => path.endsWith(ending))
    .flatMap(([, content]) => parseAllDocuments(content).map((d) => d.toJS() as Manifest));

test("the filter has the secrets of those that it calls", () => {
  const files = filesOf(model({ ...TLS, ca: "billing-ca" }));
  for (const ending of ["istio/filter.yaml", "node-gateway/gateway.yaml"]) {
    const deployment = manifests(files, ending).find(({ kind }) => kind === "Deployment");
    const text = JSON.stringify(deployment);
    for (const secret of ["billing-ca", TLS.clientCertificate]) {
      expect(text).toContain(`"mountPath":"/certificates/${secret}"`);
      expect(text).toContain(`"secretName":"${secret}"`);
    }
  }
});

test("and none of those that the proxy calls, or that another environment has", () => {
  const { routes, services } = model(TLS);
  const direct: GatewayInput = {
    ...model(TLS),
    targets: ["istio"],
    environments: ["production", "development"],
    services: {
      ...services,
      orders: { address: "orders.shop.svc.cluster.local:1", tls: {}, environments: ["development"] },
    },
    routes: [
      ...routes.filter(({ name }) => name === "billing"),
      {
        name: "gone",
        match: { prefix: ["/gone"] },
        service: "orders",
        policies: { rateLimit: { limits: [{ name: "a", requests: 1, per: "1m", key: ["clientAddress"] }] } },
      },
    ],
  };
  const text = JSON.stringify([...filesOf(direct)].filter(([path]) => path.includes("kubernetes/")));
  expect(text).not.toContain("/certificates/");
});

const ruleOf = (all: readonly Manifest[], host: string): Manifest[] =>
  all.filter(({ kind, spec }) => kind === "DestinationRule" && spec["host"] === host);

test("Istio's gateway is told by one DestinationRule for a host, whatever its ports", () => {
  const host = "billing.shop.svc.cluster.local";
  const input = model(TLS);
  const two: GatewayInput = {
    ...input,
    services: {
      ...input.services,
      invoices: { address: `${host}:9443`, tls: { ca: "invoices-ca" } },
      plain: { address: `${host}:80` },
    },
    routes: [
      ...input.routes,
      { name: "invoices", match: { prefix: ["/invoices"] }, service: "invoices" },
      { name: "plain", match: { prefix: ["/plain"] }, service: "plain" },
    ],
  };
  const [rule, ...others] = ruleOf(manifests(filesOf(two), ".yaml"), host);
  expect(others).toEqual([]);
  expect(rule?.metadata.namespace).toBe("istio-system");
  expect(rule?.spec).toMatchObject({
    exportTo: ["."],
    workloadSelector: { matchLabels: { istio: "ingressgateway" } },
    trafficPolicy: {
      portLevelSettings: [
        {
          port: { number: 8443 },
          tls: {
            mode: "MUTUAL",
            sni: TLS.serverName,
            subjectAltNames: [TLS.serverName],
            credentialName: TLS.clientCertificate,
          },
        },
        { port: { number: 9443 }, tls: { mode: "SIMPLE", sni: host, credentialName: "invoices-ca" } },
      ],
    },
  });
});

test("a namespace stays mutual TLS' where the pods that speak their own are known", () => {
  const peers = (change: object): string[] => {
    const input = model(TLS);
    const billing = { ...input.services?.["billing"], ...change };
    const all = manifests(
      filesOf({
        ...input,
        services: { ...input.services, billing },
        accept: [{ difference: "callers-in-a-mesh-alone", reason: "Istio is what is looked at." }],
      }),
      ".yaml",
    );
    return all
      .filter(({ kind, metadata }) => kind === "PeerAuthentication" && metadata.namespace === "shop")
      .map(({ spec }) => `${JSON.stringify(spec["selector"] ?? "all")} ${(spec["mtls"] as { mode: string }).mode}`);
  };
  expect(peers({})).toEqual([]);
  expect(peers({ workload: { app: "billing" } }).sort()).toEqual([
    '"all" STRICT',
    '{"matchLabels":{"app":"billing"}} PERMISSIVE',
  ]);
});

test("authorities and certificate of two secrets are the filter's to hold apart", () => {
  const good = goodModel({ ...model({ ...TLS, ca: "billing-ca" }), targets: ["istio"] });
  const places = compile(good, "production").value?.plans[0]?.placements.filter((p) => p.kind === "backendTls");
  expect(places?.map((p) => [p.route, p.place])).toEqual([
    ["billing", "proxied"],
    ["prices", "proxied"],
  ]);
});

test("the address gives the name where none is said, and the system the authorities", () => {
  const open: GatewayInput["routes"] = [{ name: "billing", match: { prefix: ["/billing"] }, service: "billing" }];
  const files = filesOf({ ...model({}), routes: open });
  const plan = files.get("kubernetes/shop/production/node-gateway/plan.json") ?? "{}";
  expect((JSON.parse(plan) as { servicesTls: object }).servicesTls).toEqual({
    billing: { serverName: "billing.shop.svc.cluster.local" },
  });
  const conf = files.get("nginx/shop/production/nginx.conf");
  expect(conf).toContain("proxy_ssl_name billing.shop.svc.cluster.local;");
  expect(conf).toContain("proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;");
  expect(conf).toContain("proxy_pass https://billing$request_uri;");
});

test("an address of numbers needs a name", () => {
  expectDiagnostics(check(model({}, "10.0.0.9:8443")).diagnostics, [
    { code: "model/invalid-value", at: "shop/services/billing" },
  ]);
  expect(goodModel(model({ serverName: "billing.internal" }, "10.0.0.9:8443"))).toBeDefined();
});

test.each([
  ["strict", "STRICT"],
  ["permissive", "PERMISSIVE"],
  ["none", undefined],
] as const)("mutual TLS in the services' namespaces: %s", (mtls, mode) => {
  const files = filesOf({ ...small(), targets: ["istio"], kubernetes: { mtls } });
  const found = manifests(files, "services.yaml").filter(({ kind }) => kind === "PeerAuthentication");
  expect(found.map(({ spec }) => spec["mtls"])).toEqual(mode === undefined ? [] : [{ mode }]);
});
