import type { GatewayInput } from "../../lib/model";
import { check, expectDiagnostics, small } from "../support";

type Environments = NonNullable<GatewayInput["infrastructure"]>;

const cluster = { admins: ["platform"] };

const faults = (infrastructure: Environments, change: Partial<GatewayInput> = {}) =>
  check(
    small({
      hosts: { "api.shop.test": {} },
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
    faults({ production: { cluster, edge: { hostedZone: "shop.test", website: { host: "api.shop.test" } } } }),
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

test("a website where we do not know CloudFront's addresses", () => {
  const edge = { hostedZone: "shop.test", website: { host: "www.shop.test" } };
  expectDiagnostics(faults({ production: { region: "me-south-1", cluster, edge } }), [
    { code: "model/invalid-value", at: "shop/infrastructure/production" },
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
