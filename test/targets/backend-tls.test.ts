import { parseAllDocuments } from "yaml";
import { workloads } from "../../lib/charts";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { check, expectDiagnostics, goodModel, small } from "../support";

/** Services that are called by TLS, in what is written; that it is kept the cases of "backend-tls" show. */

const TLS = { serverName: "billing.internal", ca: "billing-ca", clientCertificate: "gateway-client" };

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
  const files = filesOf(model(TLS));
  for (const ending of ["filter-istio.yaml", "node-gateway.yaml"]) {
    const deployment = manifests(files, ending).find(({ kind }) => kind === "Deployment");
    const text = JSON.stringify(deployment);
    for (const secret of [TLS.ca, TLS.clientCertificate]) {
      expect(text).toContain(`"mountPath":"/certificates/${secret}"`);
      expect(text).toContain(`"secretName":"${secret}"`);
    }
  }
  const none = filesOf(small());
  expect([...none.values()].some((content) => content.includes("/certificates/"))).toBe(false);
});

test("Istio is told by a DestinationRule for the service's port, and asks its namespace for no mutual TLS", () => {
  const all = manifests(filesOf(model(TLS)), ".yaml");
  const rule = all.find(({ kind, metadata }) => kind === "DestinationRule" && metadata.name.endsWith("-billing"));
  expect(rule?.spec["trafficPolicy"]).toMatchObject({
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
    ],
  });
  const strict = all.filter(({ kind }) => kind === "PeerAuthentication").map(({ metadata }) => metadata.namespace);
  expect(strict).not.toContain("shop");
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
