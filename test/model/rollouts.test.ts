import { mkdirSync } from "node:fs";
import path from "node:path";
import { configOf } from "../../lib/decision/gateway";
import { loadModel, resolveGateway, type GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";

/** What a rollout makes of a model's routes, by how far it is; and what it cannot be. */

afterAll(removeTemporaryDirectories);

const POLICIES = { timeouts: { firstByte: "3s" } };
const base = (rollout: object, more: Partial<GatewayInput> = {}): GatewayInput =>
  small({
    environments: ["production", "development"],
    targets: ["nginx", "istio", "node-gateway"],
    services: {
      old: { address: "old.shop.svc.cluster.local:80", policies: POLICIES },
      new: { address: "new.shop.svc.cluster.local:80", policies: POLICIES },
    },
    routes: [{ name: "all", match: { prefix: ["/"] }, service: "old" }],
    rollouts: { move: { from: "old", to: "new", ...rollout } },
    ...more,
  });

function load(input: GatewayInput, state?: string): ReturnType<typeof loadModel> {
  const folder = path.join(temporaryDirectory(), "policies");
  mkdirSync(folder);
  if (state !== undefined) writeIn(folder, "rollouts.json", state);
  return loadModel(writeIn(folder, "shop.json", JSON.stringify(input)));
}

function routeAt(at: number, state?: string) {
  const { value, diagnostics } = load(base({ at: { production: at } }), state);
  if (!value) throw new Error(JSON.stringify(diagnostics));
  const [route] = resolveGateway(value, "production").hosts[0]?.routes ?? [];
  return { value, backends: route?.backends, policies: route?.policies ?? [] };
}

test.each([
  [0, [{ service: "old", weight: 100 }]],
  [
    10,
    [
      { service: "new", weight: 10 },
      { service: "old", weight: 90 },
    ],
  ],
  [100, [{ service: "new", weight: 100 }]],
])("at %i percent, with the services' policies all the way", (at, backends) => {
  const found = routeAt(at);
  expect(found.backends).toEqual(backends);
  expect(configOf(found.policies, "timeouts")).toMatchObject({ firstByte: 3000 });
});

test("another environment is where it was", () => {
  const { value } = routeAt(50);
  const [route] = resolveGateway(value, "development").hosts[0]?.routes ?? [];
  expect(route?.backends).toEqual([{ service: "old", weight: 100 }]);
});

const at = (share: number): object => ({ at: share, since: "2026-11-30T10:00:00.000Z" });
const inFile = (name: string, share: number, environment = "production"): string =>
  JSON.stringify({ shop: { [environment]: { [name]: at(share) } } });

test("the file beside the model comes first, and other systems in it are nobody's business", () => {
  const state = JSON.stringify({ shop: { production: { move: at(50) } }, other: { production: { move: at(10) } } });
  expect(routeAt(10, state).backends?.[0]).toEqual({ service: "new", weight: 50 });
});

test.each([
  ["is no JSON", "{", "model/unparsable-file"],
  ["has another form", '{"shop":{"production":10}}', "model/unparsable-file"],
  ["names a rollout that is not there", inFile("gone", 10), "model/invalid-value"],
  ["is above all", inFile("move", 101), "model/unparsable-file"],
  ["names an environment that is not there", inFile("move", 10, "moon"), "model/invalid-value"],
])("a file beside the model that %s is refused", (_, state, code) => {
  const { value, diagnostics } = load(base({}), state);
  expect(value).toBeUndefined();
  expect(diagnostics.map((d) => d.code)).toEqual([code]);
});

const OTHER = { third: { from: "new", to: "newer" } };
const SERVICES = (base({}) as { services: Record<string, object> }).services;

test.each<[string, object, Partial<GatewayInput>, string]>([
  ["from nowhere", { from: "gone" }, {}, "from"],
  ["to nowhere", { to: "gone" }, {}, "to"],
  ["to one with other policies", {}, { services: { ...SERVICES, new: { address: "n.s.svc.cluster.local:80" } } }, "to"],
  [
    "to one that an environment lacks",
    {},
    { services: { ...SERVICES, new: { ...SERVICES["new"], environments: ["development"] } } },
    "to",
  ],
  [
    "to one that has other policies in an environment",
    {},
    { overlays: { production: { services: { new: { policies: { timeouts: { firstByte: "9s" } } } } } } },
    "to",
  ],
  ["to one that every object has", { to: "constructor" }, {}, "to"],
  [
    "beside weights of a route's own",
    {},
    { routes: [{ name: "all", match: { prefix: ["/"] }, backends: [{ service: "old", weight: 1 }] }] },
    "from",
  ],
  ["by user where nobody is one", { sticky: "user" }, {}, "sticky"],
  ["by tenant where there is none", { sticky: "tenant" }, {}, "sticky"],
])("a rollout %s is refused", (_, rollout, more, field) => {
  const { value, diagnostics } = load(base(rollout, more));
  expect(value).toBeUndefined();
  expect(diagnostics.map((d) => [d.code, d.at])).toEqual([["model/invalid-value", `shop/rollouts/move/${field}`]]);
});

test("two rollouts in a row are refused", () => {
  const services = { ...SERVICES, newer: { address: "newer.shop.svc.cluster.local:80", policies: POLICIES } };
  const { diagnostics } = load(base({}, { services, rollouts: { move: { from: "old", to: "new" }, ...OTHER } }));
  expect(diagnostics.map((d) => d.at)).toEqual(["shop/rollouts/third/from"]);
});

test("a share between two steps is one, so that steps can be edited", () => {
  expect(routeAt(33).backends?.[0]).toEqual({ service: "new", weight: 33 });
});

test("tries stay on their side", () => {
  const retries = { policies: { retries: { tries: 3 } } };
  const { value } = load(base({ at: { production: 50 } }, retries));
  const [route] = value ? (resolveGateway(value, "production").hosts[0]?.routes ?? []) : [];
  expect(configOf(route?.policies ?? [], "weights")).toMatchObject({ triesOthers: false, rollout: { to: "new" } });
});

test.each([[[50, 10]], [[10, 50]], [[0, 100]], [[]]])("steps %j are none", (steps) => {
  expect(load(base({ steps })).diagnostics[0]?.code).toBe("model/invalid-value");
});

test("while it is under way the filter shares on every target, and before and after nobody has to", () => {
  const placesAt = (at: number): unknown[] => {
    const { value } = routeAt(at);
    const plans = compile(value, "production").value?.plans ?? [];
    return plans.map((p) => [p.target, p.placements.find((q) => q.kind === "weights")?.place]);
  };
  expect(placesAt(10)).toEqual(["nginx", "istio", "node-gateway"].map((target) => [target, "proxied"]));
  for (const at of [0, 100])
    expect(placesAt(at)).toEqual(["nginx", "istio", "node-gateway"].map((target) => [target, undefined]));
});
