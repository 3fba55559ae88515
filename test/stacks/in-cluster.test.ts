import { loadAll } from "js-yaml";
import { workloads } from "../../lib/charts";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { goodModel, small } from "../support";

/** What `aws.yaml` asks for: a wrong name would be told by nobody before a deployment. */

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: Record<string, unknown>;
}

type Environment = NonNullable<GatewayInput["infrastructure"]>[string];

function objectsOf(environment: Partial<Environment>): Manifest[] {
  const model = goodModel(
    small({
      hosts: { "api.shop.test": {}, "www.shop.test": { basePath: "/api" } },
      targets: ["node-gateway"],
      front: { kind: "alb", networks: ["10.0.0.0/16"] },
      infrastructure: {
        production: { cluster: { admins: ["platform"] }, edge: { hostedZone: "shop.test" }, ...environment },
      },
    }),
  );
  const compiled = compile(model, "production").value;
  if (!compiled) throw new Error("The model does not compile.");
  const file = workloads(model, compiled).find(({ path }) => path === "kubernetes/shop/production/aws/aws.yaml");
  return loadAll(file?.content ?? "") as Manifest[];
}

const of = (objects: readonly Manifest[], kind: string): Manifest[] => objects.filter((object) => object.kind === kind);

const access = {
  "shop/orders": { database: true, documents: true, publish: ["sold-out"], consume: ["sent"] },
  "logging/shipper": { search: true },
};
const topics = ["sold-out", "sent"];
const all = objectsOf({
  cache: {},
  database: { engine: "postgres" },
  documents: {},
  search: {},
  topics,
  access,
  edge: { hostedZone: "shop.test", website: { host: "www.shop.test" } },
});

test("a service account finds in its own namespace what it may use, and nothing else", () => {
  const endpoints = of(all, "ExternalSecret").filter(({ metadata }) => metadata.name.endsWith("-endpoints"));
  const said = endpoints.map(({ metadata, spec }) => [
    `${metadata.namespace ?? ""}/${metadata.name}`,
    Object.fromEntries(
      (spec["data"] as { secretKey: string; remoteRef: { key: string } }[]).map((d) => [d.secretKey, d.remoteRef.key]),
    ),
  ]);
  expect(Object.fromEntries(said)).toEqual({
    "shop/orders-endpoints": {
      DATABASE_ENDPOINT: "/shop-production/database/endpoint",
      DOCUMENTS_ENDPOINT: "/shop-production/documents/endpoint",
      TOPIC_SOLD_OUT: "/shop-production/topics/sold-out",
      QUEUE_SENT: "/shop-production/queues/sent",
    },
    "logging/shipper-endpoints": { SEARCH_ENDPOINT: "/shop-production/search/endpoint" },
  });
  const parameters = { kind: "ClusterSecretStore", name: "shop-production-parameters" };
  expect(endpoints.map(({ spec }) => spec["secretStoreRef"])).toEqual([parameters, parameters]);
  expect(endpoints.map(({ metadata, spec }) => [metadata.name, spec["target"]])).toEqual(
    endpoints.map(({ metadata: { name } }) => [name, { name }]),
  );
});

test("names are read by who asks for some, passwords by the gateway alone", () => {
  const stores = of(all, "ClusterSecretStore").map(({ metadata, spec }) => [
    metadata.name,
    spec["conditions"],
    (spec["provider"] as { aws: { service: string } }).aws.service,
  ]);
  expect(stores).toEqual([
    ["shop-production-parameters", [{ namespaces: ["gateway", "logging", "shop"] }], "ParameterStore"],
    ["shop-production-secrets", [{ namespaces: ["gateway"] }], "SecretsManager"],
  ]);
});

test("both balancers have the gateway's pods, by their own addresses", () => {
  const bindings = of(all, "TargetGroupBinding");
  expect(bindings.map(({ metadata, spec }) => [metadata.namespace, spec["targetType"], spec["serviceRef"]])).toEqual([
    ["gateway", "ip", { name: "api-gateway", port: 443 }],
    ["gateway", "ip", { name: "api-gateway", port: 443 }],
  ]);
  const names = bindings.map(({ spec }) => spec["targetGroupName"] as string);
  expect(names.map((name) => name.replace(/[0-9a-f]{2}$/, ""))).toEqual(["shop-production-g", "shop-production-w"]);
});

test("without a website there is one, and without anything to read no store", () => {
  const few = objectsOf({});
  expect(few.map(({ kind }) => kind)).toEqual(["Namespace", "TargetGroupBinding"]);
});

test("accounts whose names are written alike do not meet", () => {
  const alike = { "a-b/c": { search: true }, "a/b-c": { search: true } };
  const secrets = of(objectsOf({ search: {}, access: alike }), "ExternalSecret");
  expect(secrets.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`)).toEqual([
    "a-b/c-endpoints",
    "a/b-c-endpoints",
  ]);
});
