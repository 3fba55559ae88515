import type { GatewayInput } from "../../lib/model";
import { check, expectDiagnostics, small } from "../support";

type Environments = NonNullable<GatewayInput["infrastructure"]>;

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
  expectDiagnostics(faults({ production: { edge: { hostedZone: "shop.test" } } }), []);
});

test("an environment that the model does not have", () => {
  expectDiagnostics(faults({ staging: { edge: { hostedZone: "shop.test" } } }), [
    { code: "model/unknown-environment", at: "shop/infrastructure/staging" },
  ]);
});

test("a host in another zone", () => {
  expectDiagnostics(faults({ production: { edge: { hostedZone: "hop.test" } } }), [
    { code: "model/host-outside-zone", at: "shop/infrastructure/production/edge/hostedZone" },
  ]);
});

test("a website on a host that the model does not have", () => {
  expectDiagnostics(faults({ production: { edge: { hostedZone: "shop.test", website: { host: "www.shop.test" } } } }), [
    { code: "model/unknown-host", at: "shop/infrastructure/production/edge/website" },
  ]);
});

test.each([
  ["is none", { kind: "none" as const }, "10.0.0.0/16"],
  ["trusts another network", { kind: "alb" as const, networks: ["10.1.0.0/16"] }, "10.0.0.0/16"],
  ["trusts a part of it", { kind: "alb" as const, networks: ["10.0.0.0/24"] }, "10.0.0.0/16"],
])("a front that %s", (_what, front, cidr) => {
  expectDiagnostics(faults({ production: { network: { cidr }, edge: { hostedZone: "shop.test" } } }, { front }), [
    { code: "model/front-disagrees", at: "shop/infrastructure/production/network" },
  ]);
});

test("a front that trusts more than the network", () => {
  const front = { kind: "alb" as const, networks: ["10.0.0.0/8"] };
  expectDiagnostics(faults({ production: { edge: { hostedZone: "shop.test" } } }, { front }), []);
});
