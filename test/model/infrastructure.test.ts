import type { GatewayInput } from "../../lib/model";
import { check, expectDiagnostics, small } from "../support";

type Environments = NonNullable<GatewayInput["infrastructure"]>;

const cluster = { admins: ["platform"] };

const faults = (infrastructure: Environments, change: Partial<GatewayInput> = {}) =>
  check(
    small({
      hosts: { "api.shop.test": {} },
      targets: ["node-gateway"],
      front: { kind: "alb", networks: ["10.0.0.0/16"] },
      infrastructure,
      ...change,
    }),
  ).diagnostics;

test("an infrastructure that goes with the routing is good", () => {
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }), []);
});

test("an environment that the model does not have", () => {
  expectDiagnostics(faults({ staging: { cluster, edge: { hostedZone: "shop.test" } } }), [
    { code: "model/unknown-environment", at: "shop/infrastructure/staging" },
  ]);
});

test("a host in another zone", () => {
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "hop.test" } } }), [
    { code: "model/host-outside-zone", at: "shop/infrastructure/production/edge/hostedZone" },
  ]);
});

test("a target that the model does not have", () => {
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test", target: "istio" } } }), [
    { code: "plan/unknown-target", at: "shop/infrastructure/production/edge/target" },
  ]);
});

test("a website on a host that the model does not have", () => {
  expectDiagnostics(
    faults({ production: { cluster, edge: { hostedZone: "shop.test", website: { host: "www.shop.test" } } } }),
    [{ code: "model/unknown-host", at: "shop/infrastructure/production/edge/website" }],
  );
});

test("a redirect by a status that the balancer does not know", () => {
  expectDiagnostics(
    faults(
      { production: { cluster, edge: { hostedZone: "shop.test" } } },
      { policies: { httpsRedirect: { status: 308 } } },
    ),
    [{ code: "model/front-disagrees", at: "shop/infrastructure/production/edge" }],
  );
});

test.each([
  ["is none", { kind: "none" as const }, "10.0.0.0/16"],
  ["trusts another network", { kind: "alb" as const, networks: ["10.1.0.0/16"] }, "10.0.0.0/16"],
  ["trusts a part of it", { kind: "alb" as const, networks: ["10.0.0.0/24"] }, "10.0.0.0/16"],
])("a front that %s", (_what, front, cidr) => {
  expectDiagnostics(
    faults({ production: { cluster, network: { cidr }, edge: { hostedZone: "shop.test" } } }, { front }),
    [{ code: "model/front-disagrees", at: "shop/infrastructure/production/network" }],
  );
});

test("a front that trusts the balancer's own subnets, and no pod", () => {
  const front = { kind: "alb" as const, networks: ["10.0.0.0/22"] };
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }, { front }), []);
});

test("a website that is the only host", () => {
  expectDiagnostics(
    faults(
      { production: { cluster, edge: { hostedZone: "shop.test", website: { host: "api.shop.test" } } } },
      { hosts: { "api.shop.test": { basePath: "/api" } } },
    ),
    [{ code: "model/unknown-host", at: "shop/infrastructure/production/edge/website" }],
  );
});

test("pods that may use what is not there", () => {
  const access = { "shop/orders": { database: true, publish: ["orders"] } };
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" }, access } }), [
    { code: "model/invalid-value", at: "shop/infrastructure/production/access/shop/orders" },
    { code: "model/invalid-value", at: "shop/infrastructure/production/access/shop/orders" },
  ]);
});

test("two service accounts that would be one user of the database", () => {
  const access = {
    "shop/orders": { database: true },
    "old/orders": { database: true },
    "mail/orders": { search: true },
  };
  const environment = {
    cluster,
    edge: { hostedZone: "shop.test" },
    database: { engine: "mysql" as const },
    search: {},
  };
  expectDiagnostics(faults({ production: { ...environment, access } }), [
    { code: "model/invalid-value", at: "shop/infrastructure/production/access/old/orders" },
  ]);
});

test.each([
  ["documents that are not there", { "shop/orders": { documents: true } }],
  ["a search that is not there", { "shop/orders": { search: true } }],
  ["the queue of a topic that is not there", { "shop/orders": { consume: ["sold"] } }],
  ["a name that MySQL does not take", { [`shop/${"u".repeat(33)}`]: { database: true } }],
  ["a user that every database has", { "shop/rdsadmin": { database: true } }],
  ["the gateway's own account", { "gateway/api-gateway": { database: true } }],
  ["the filter's own account", { "gateway/gateway-filter": { database: true } }],
  ["an operator's account", { "external-secrets/external-secrets": { database: true } }],
])("access to %s", (_, access) => {
  const environment = { cluster, edge: { hostedZone: "shop.test" }, database: { engine: "mysql" as const } };
  const [account = ""] = Object.keys(access);
  expectDiagnostics(faults({ production: { ...environment, access } }), [
    { code: "model/invalid-value", at: `shop/infrastructure/production/access/${account}` },
  ]);
});

test.each([
  ["an account that Kubernetes has no name for", { access: { "-/x": { search: true } } }, "access/-/x"],
  ["an account that may do nothing", { access: { "shop/x": {} } }, "access/shop/x"],
  ["a topic twice", { topics: ["sold", "sold"] }, "topics"],
  ["a topic of the alarms' name", { topics: ["alarms"] }, "topics/0"],
  ["a topic whose queue's name is too long", { topics: ["t".repeat(51)] }, "topics/0"],
  ["a zone twice", { zones: ["a", "a"] }, "zones"],
  ["a region that is none", { region: "eu-west-9" as never }, "region"],
  ["a network that AWS does not make", { network: { cidr: "10.0.0.0/8" } }, "network/cidr"],
])("%s", (_, wrong, at) => {
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" }, ...wrong } }), [
    { code: "model/invalid-value", at: `shop/infrastructure/production/${at}` },
  ]);
});

test.each(["web", "g31"])("an environment whose name ends as a balancer's of ours, -%s", (end) => {
  const name = `production-${end}`;
  expectDiagnostics(faults({ [name]: { cluster, edge: { hostedZone: "shop.test" } } }, { environments: [name] }), [
    { code: "model/invalid-value", at: `shop/infrastructure/${name}` },
  ]);
});

test("an environment of a name that every object has", () => {
  const environments = ["constructor", "production"];
  const found = faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }, { environments });
  expect(found.map(({ code, at }) => [code, at])).toEqual([["model/invalid-value", "shop/environments/0"]]);
});

test("a model none of whose targets runs in a cluster", () => {
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }, { targets: ["nginx"] }), [
    { code: "plan/unknown-target", at: "shop/infrastructure/production/edge/target" },
  ]);
});

test("a website whose host has routes that CloudFront does not send to the gateway", () => {
  const edge = { hostedZone: "shop.test", website: { host: "www.shop.test", apiPath: "/rest/*" } };
  const hosts = { "api.shop.test": {}, "www.shop.test": { basePath: "/api" } };
  const [fault] = faults({ production: { cluster, edge } }, { hosts });
  expect([fault?.code, fault?.at]).toEqual(["model/front-disagrees", "shop/infrastructure/production/edge/website"]);
  const good = { ...edge, website: { host: "www.shop.test", apiPath: "/api/*" } };
  expectDiagnostics(faults({ production: { cluster, edge: good } }, { hosts }), []);
});

test.each(["aws-shop", "internal-shop", "ssm-shop", "shop--eu"])(
  "the name %s, which AWS does not take everywhere",
  (name) => {
    expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }, { name }), [
      { code: "model/invalid-value", at: `${name}/infrastructure/production` },
    ]);
  },
);

test("a website where we do not know CloudFront's addresses", () => {
  const edge = { hostedZone: "shop.test", website: { host: "www.shop.test" } };
  expectDiagnostics(faults({ production: { region: "me-south-1", cluster, edge } }), [
    { code: "model/invalid-value", at: "shop/infrastructure/production/region" },
  ]);
});

test("a name that is too long for AWS", () => {
  const name = "a-shop-with-a-long-name";
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }, { name }), [
    { code: "model/invalid-value", at: `${name}/infrastructure/production` },
  ]);
});

test("a cluster that nobody administers", () => {
  expectDiagnostics(faults({ production: { cluster: { admins: [] }, edge: { hostedZone: "shop.test" } } }), [
    { code: "model/invalid-value", at: "shop/infrastructure/production/cluster/admins" },
  ]);
});

test("a front that trusts more than the network", () => {
  const front = { kind: "alb" as const, networks: ["10.0.0.0/8"] };
  expectDiagnostics(faults({ production: { cluster, edge: { hostedZone: "shop.test" } } }, { front }), []);
});
