import { resolveGateway, type GatewayModel } from "../../lib/model";
import type { Capabilities, Placement } from "../../lib/plan";
import { kindNamed, KINDS, phaseNumber, type KindName, type PolicyKind } from "../../lib/policy";
import type { ConfiguredPolicy, Gateway } from "../../lib/decision/gateway";
import { TARGETS } from "../../lib/targets";
import { modelOf } from "../conformance/systems";
import { planned } from "./toy";

/** The product's own model, and those of the conformance run, on the product's own targets. */

const model = (system: string): GatewayModel => {
  const found = modelOf(system);
  if (!found) throw new Error(system);
  return found;
};

const capabilities = (name: string): Capabilities => {
  const target = TARGETS.find((t) => t.name === name);
  if (!target) throw new Error(name);
  return target.capabilities;
};

/** What is promised, read from the gateway without the planner: host, route, kind. */
const promised = (gateway: Gateway): string[] =>
  gateway.hosts.flatMap((host) => {
    const of = (policies: readonly ConfiguredPolicy[], route: string): string[] =>
      policies
        .filter((p) => (kindNamed(p.kind) as PolicyKind).requires(p.config).length > 0)
        .map((p) => `${host.name} ${route} ${p.kind}`);
    return [
      ...of(host.policies, "*"),
      ...host.routes.flatMap((route) => {
        // A route that answers by itself has nobody to ask and no service to call: phases 9 to 15.
        const own = route.policies.filter((p) => !route.respond || phaseNumber(p.kind) < 9 || phaseNumber(p.kind) > 15);
        return of(own, route.name);
      }),
    ];
  });

const cases = ["serhafen", "lab", "sessions"].flatMap((system) => {
  const { targets, environments } = model(system);
  const names = new Set([...targets, ...(system === "lab" ? ["node-gateway"] : [])]);
  return [...names].flatMap((name) => environments.map((environment) => [system, name, environment] as const));
});

const planOf = (system: string, name: string, environment = "production"): readonly Placement[] => {
  const accepted = model(system).accept.map((a) => a.difference);
  return planned(resolveGateway(model(system), environment), capabilities(name), accepted).placements;
};

test.each(cases)("%s on %s, %s: every promise has exactly one place, which keeps it", (system, name, environment) => {
  const { native, extAuth, extAuthBody, reported, proxied } = capabilities(name);
  const placements = planOf(system, name, environment);
  const placed = placements.map((p) => `${p.host} ${p.route ?? "*"} ${p.kind}`);
  expect(new Set(placed).size).toBe(placed.length);
  expect(new Set(placed)).toEqual(new Set(promised(resolveGateway(model(system), environment))));
  for (const p of placements) {
    const ofFilter = { "ext-auth": extAuth, "ext-auth-body": extAuthBody, reported, proxied };
    const claim = p.place === "native" ? native[p.kind]?.[p.claim] : ofFilter[p.place][p.kind];
    expect(p.features.filter((f) => claim?.supports.includes(f) !== true)).toEqual([]);
  }
});

describe("what goes through the filter", () => {
  const kindsAt = (placements: readonly Placement[], place: string, route?: string): string[] => [
    ...new Set(
      placements.filter((p) => p.place === place && (route === undefined || p.route === route)).map((p) => p.kind),
    ),
  ];

  test("istio: Serhafen, only what a cache or a WebSocket needs", () => {
    const placements = planOf("serhafen", "istio");
    const proxied = placements.filter((p) => p.place === "proxied").map((p) => p.route);
    expect([...new Set(proxied)].sort()).toEqual([
      "notifications",
      ...["roles", "roles-v1", "users", "users-create", "users-v1", "users-v1-create", "users-v1-write", "users-write"],
    ]);
    expect(kindsAt(placements, "ext-auth", "customs").sort()).toEqual(["jwt", "rateLimit", "tenant"]);
    expect(kindsAt(placements, "ext-auth-body", "mawbs-create")).toEqual(["bodySchema"]);
    expect(kindsAt(placements, "reported")).toEqual(["circuitBreaker"]);
    expect(kindsAt(placements, "native", "customs")).toEqual(
      expect.arrayContaining(["timeouts", "retries", "bodyCount", "compression"]),
    );
  });

  test("nginx: Serhafen, from who asks to how the service is called; the edge stays", () => {
    const placements = planOf("serhafen", "nginx");
    expect(kindsAt(placements, "ext-auth")).toEqual([]);
    expect(kindsAt(placements, "proxied").sort()).toEqual(
      [
        ...["jwt", "tenant", "authorization", "rateLimit", "bodyCount", "bodySchema"],
        ...["rewrite", "timeouts", "retries", "cache", "circuitBreaker", "compression"],
        // Of the one route that takes WebSockets.
        ...["webSocket", "connections"],
      ].sort(),
    );
    expect(kindsAt(placements, "native").sort()).toEqual(
      [
        ...["httpsRedirect", "requestLine", "pathHygiene", "headerHygiene", "cors", "bodySize", "webSocket"],
        ...["floodGuard", "requestId", "securityHeaders", "errorBody", "audit"],
      ].sort(),
    );
  });

  test.each(["nginx", "istio"])("%s: the lab has routes of every place, side by side", (name) => {
    const placements = planOf("lab", name);
    expect(kindsAt(placements, "ext-auth", "keyed")).toEqual(["apiKey", "rateLimit"]);
    expect(kindsAt(placements, "native", "picky-tries")).toEqual(expect.arrayContaining(["timeouts", "retries"]));
    expect(kindsAt(placements, "native", "weighted")).toContain("weights");
    expect(kindsAt(placements, "proxied", "weighted-through")).toEqual(
      expect.arrayContaining(["weights", "rewrite", "requestHeaders", "compression"]),
    );
    expect(kindsAt(placements, "reported", "patient")).toEqual(["circuitBreaker"]);
    // A place for whole exchanges and one for heads alone never share a route.
    const through = new Set(placements.filter((p) => p.place === "proxied").map((p) => p.route));
    expect(placements.filter((p) => p.place.startsWith("ext-auth") && through.has(p.route))).toEqual([]);
  });

  test.each(["serhafen", "lab", "sessions"])("node-gateway: %s, whole", (system) => {
    expect(new Set(planOf(system, "node-gateway").map((p) => p.place))).toEqual(new Set(["proxied"]));
  });
});

test.each(TARGETS.map((t) => [t.name, t.capabilities] as const))("%s claims kinds that exist", (_, claims) => {
  const kinds = new Set<string>(KINDS.map((k) => k.kind));
  const named = [claims.native, claims.extAuth, claims.extAuthBody, claims.reported, claims.proxied].flatMap((c) =>
    Object.keys(c),
  ) as KindName[];
  expect(named.filter((k) => !kinds.has(k))).toEqual([]);
});
