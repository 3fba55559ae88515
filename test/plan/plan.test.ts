import path from "node:path";
import { loadModel, resolveGateway } from "../../lib/model";
import { planTarget, type Capabilities, type Claim, type TargetPlan } from "../../lib/plan";
import { kindNamed, KINDS, type KindName, type PolicyKind } from "../../lib/policy";
import type { ConfiguredPolicy, Gateway } from "../../lib/policy/gateway";
import { compileAll } from "../../lib/commands/load";
import { TARGETS } from "../../lib/targets";
import { expectDiagnostics, removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";

afterAll(removeTemporaryDirectories);

const byAddress: ConfiguredPolicy = {
  kind: "rateLimit",
  config: {
    limits: [{ name: "a", requests: 1, per: 1000, key: ["clientAddress"], scope: "replica" }],
    onFailure: "local",
  },
};
const jwt: ConfiguredPolicy = {
  kind: "jwt",
  config: { mode: "required", issuers: ["a"], claimHeaders: {}, rules: [{ name: "a", issuer: "i", audiences: [] }] },
};
const bodySize: ConfiguredPolicy = { kind: "bodySize", config: { max: 1 } };

const LIMIT = ["RateLimitByClientAddress", "RateLimitReplica"] as const;
const JWT = ["JwtRequired", "JwtAlgorithmBinding"] as const;

const gatewayOf = (...policies: ConfiguredPolicy[]): Gateway => ({
  system: "toy",
  environment: "production",
  hosts: [
    {
      name: "toy.test",
      policies: [],
      routes: [
        {
          name: "one",
          match: { paths: [{ type: "PathPrefix", value: "/" }] },
          backends: [{ service: "s", weight: 100 }],
          policies,
        },
      ],
    },
  ],
});

const capabilities = (
  native: Capabilities["native"],
  door: Capabilities["door"] = {},
  change: Partial<Capabilities> = {},
): Capabilities => ({ target: "toy-proxy", native, door, through: {}, proven: true, ...change });

const before = (supports: Claim["supports"], more: Partial<Claim> = {}): Claim => ({
  supports,
  stage: "beforeDoor",
  ...more,
});
const after = (supports: Claim["supports"], more: Partial<Claim> = {}): Claim => ({
  supports,
  stage: "afterDoor",
  ...more,
});

function planned(gateway: Gateway, claims: Capabilities, accepted: string[] = []): TargetPlan {
  const { value, diagnostics } = planTarget(gateway, claims, accepted);
  expectDiagnostics(diagnostics, []);
  if (!value) throw new Error("no plan");
  return value;
}

const places = (plan: TargetPlan): string[] =>
  plan.placements.map((p) => `${p.kind} ${p.place} ${String(p.claim)}${p.difference ? ` ${p.difference}` : ""}`);

describe("the first place that keeps everything", () => {
  test("native comes before the door", () => {
    const claims = capabilities({ rateLimit: [before(LIMIT)] }, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit native 0"]);
  });

  test("a claim must cover all features, alone", () => {
    const claims = capabilities({
      rateLimit: [before(["RateLimitByClientAddress"]), before(["RateLimitReplica"]), before(LIMIT)],
    });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit native 2"]);
  });

  test("half a native form leaves all of it to the door", () => {
    const claims = capabilities({ rateLimit: [before(["RateLimitReplica"])] }, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit door 0"]);
  });

  test("a policy that promises nothing needs no place", () => {
    const open: ConfiguredPolicy = { kind: "jwt", config: { ...(jwt.config as object), mode: "open" } };
    expect(places(planned(gatewayOf(open), capabilities({})))).toEqual([]);
  });
});

describe("refusals", () => {
  const at = "toy/routes/one/policies/rateLimit";

  test("silence refuses, and names feature and fix", () => {
    const { value, diagnostics } = planTarget(gatewayOf(byAddress), capabilities({}), []);
    expect(value).toBeUndefined();
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at }]);
    expect(diagnostics[0]?.why).toContain("RateLimitByClientAddress, RateLimitReplica");
    expect(diagnostics[0]?.why).toContain("toy-proxy");
    expect(diagnostics[0]?.fix).toMatch(/take the policy or its option away/i);
  });

  test("only what is lacking is named", () => {
    const claims = capabilities({ rateLimit: [before(["RateLimitReplica"])] });
    const [found] = planTarget(gatewayOf(byAddress), claims, []).diagnostics;
    expect(found?.why).toContain("RateLimitByClientAddress");
    expect(found?.why).not.toContain("RateLimitReplica");
  });

  test("every policy without a place is refused in one run, a host's own as well", () => {
    const gateway = gatewayOf(byAddress, bodySize);
    const [host] = gateway.hosts;
    const whole = { ...gateway, hosts: [{ ...host, policies: [{ kind: "audit", config: {} }] }] } as Gateway;
    const { diagnostics } = planTarget(whole, capabilities({}), []);
    expectDiagnostics(diagnostics, [
      { code: "plan/unenforceable-policy", at: "toy/hosts/toy.test/policies/audit" },
      { code: "plan/unenforceable-policy", at: "toy/routes/one/policies/bodySize" },
      { code: "plan/unenforceable-policy", at },
    ]);
  });

  test("a difference is taken only by its name", () => {
    const difference = { name: "near", text: "it is only near" };
    const claims = capabilities({ rateLimit: [before(LIMIT, { difference })] });
    for (const accepted of [[], ["far"]]) {
      const { diagnostics } = planTarget(gatewayOf(byAddress), claims, accepted);
      expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at }]);
      expect(diagnostics[0]?.fix).toContain('"near" (it is only near)');
    }
    const { value, usedDifferences } = planTarget(gatewayOf(byAddress), claims, ["near", "far"]);
    expect(value && places(value)).toEqual(["rateLimit native 0 near"]);
    expect(usedDifferences).toEqual(["near"]);
  });

  test("a difference that is not accepted leaves the promise to the door", () => {
    const difference = { name: "near", text: "it is only near" };
    const claims = capabilities({ rateLimit: [before(LIMIT, { difference })] }, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit door 0"]);
  });

  test("an acceptance that nothing needs is a warning, and the files are made", () => {
    const accept = [{ difference: "no-such-difference", reason: "we would take it if it was there" }];
    const file = writeIn(temporaryDirectory(), "m.json", JSON.stringify(small({ accept })));
    const { compiled, diagnostics } = compileAll([file]);
    expectDiagnostics(diagnostics, [{ code: "plan/unused-acceptance", at: "shop/accept/no-such-difference" }]);
    expect(diagnostics[0]?.severity).toBe("warning");
    expect(compiled.flatMap((c) => c.files).length).toBeGreaterThan(0);
  });
});

describe("order", () => {
  const native = { jwt: [], rateLimit: [before(LIMIT)] };

  test("a native form before the door is used where the door decides nothing", () => {
    const claims = capabilities(native, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit native 0"]);
  });

  test("it is not used where the door decides an earlier phase", () => {
    const claims = capabilities(native, { jwt: before(JWT), rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress, jwt), claims))).toEqual(["jwt door 0", "rateLimit door 0"]);
  });

  test("where the door cannot keep it either, it is refused", () => {
    const claims = capabilities(native, { jwt: before(JWT) });
    const { diagnostics } = planTarget(gatewayOf(byAddress, jwt), claims, []);
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/routes/one/policies/rateLimit" }]);
  });

  test("a native form behind the door is", () => {
    const claims = capabilities({ rateLimit: [before(LIMIT), after(LIMIT)] }, { jwt: before(JWT) });
    expect(places(planned(gatewayOf(byAddress, jwt), claims))).toEqual(["jwt door 0", "rateLimit native 1"]);
  });

  test("an earlier phase stays native before a later one at the door", () => {
    const claims = capabilities({ bodySize: [before(["BodySizeDeclared"])] }, { jwt: before(JWT) });
    expect(places(planned(gatewayOf(jwt, bodySize), claims))).toEqual(["bodySize native 0", "jwt door 0"]);
  });

  test("the door of another route does not matter", () => {
    const gateway = gatewayOf(byAddress);
    const [host] = gateway.hosts;
    const [route] = host?.routes ?? [];
    const two = {
      ...gateway,
      hosts: [{ ...host, routes: [{ ...route, name: "other", policies: [jwt] }, route] }],
    } as Gateway;
    const claims = capabilities(native, { jwt: before(JWT), rateLimit: before(LIMIT) });
    expect(places(planned(two, claims))).toEqual(["jwt door 0", "rateLimit native 0"]);
  });
});

describe("backups", () => {
  const claims = capabilities({ jwt: [after(JWT, { backup: true })] }, { jwt: before(JWT) });

  test("stand beside the place that was chosen, and are never that place", () => {
    const plan = planned(gatewayOf(jwt), claims);
    expect(places(plan)).toEqual(["jwt door 0"]);
    expect(plan.backups.map((b) => [b.kind, b.place, b.claim])).toEqual([["jwt", "native", 0]]);
    const { diagnostics } = planTarget(gatewayOf(jwt), { ...claims, door: {} }, []);
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/routes/one/policies/jwt" }]);
  });

  test("are left out where they do not cover everything", () => {
    const less = { ...claims, native: { jwt: [after(["JwtRequired"], { backup: true })] } };
    expect(planned(gatewayOf(jwt), less).backups).toEqual([]);
  });
});

describe("the product's models on the product's targets", () => {
  const { value: model } = loadModel(path.join(__dirname, "../../policies/serhafen.ts"));
  if (!model) throw new Error("serhafen has errors");
  const accepted = model.accept.map((a) => a.difference);

  /** What is promised, read from the gateway without the planner: host, route, kind. */
  const promised = (gateway: Gateway): string[] =>
    gateway.hosts.flatMap((host) => {
      const of = (policies: readonly ConfiguredPolicy[], route: string): string[] =>
        policies
          .filter((p) => (kindNamed(p.kind) as PolicyKind).requires(p.config).length > 0)
          .map((p) => `${host.name} ${route} ${p.kind}`);
      return [...of(host.policies, "*"), ...host.routes.flatMap((route) => of(route.policies, route.name))];
    });

  const cases = TARGETS.filter((t) => model.targets.includes(t.name)).flatMap((target) =>
    model.environments.map((environment) => [target.name, environment] as const),
  );

  test.each(cases)("%s, %s: every promise of serhafen has exactly one place", (name, environment) => {
    const target = TARGETS.find((t) => t.name === name);
    if (!target) throw new Error(name);
    const gateway = resolveGateway(model, environment);
    const plan = planned(gateway, target.capabilities, accepted);
    const placed = plan.placements.map((p) => `${p.host} ${p.route ?? "*"} ${p.kind}`);
    const wanted = promised(gateway);
    expect(new Set(placed).size).toBe(placed.length);
    expect(new Set(placed)).toEqual(new Set(wanted));
    for (const p of plan.placements) {
      const claims = target.capabilities.native[p.kind] ?? [];
      const claim = p.place === "door" ? target.capabilities.door[p.kind] : claims[p.claim];
      expect(p.features.filter((f) => claim?.supports.includes(f) !== true)).toEqual([]);
    }
  });

  test.each(TARGETS.map((t) => [t.name, t] as const))("%s claims kinds and features that exist", (_, target) => {
    const kinds = new Set<string>(KINDS.map((k) => k.kind));
    const named = [...Object.keys(target.capabilities.native), ...Object.keys(target.capabilities.door)] as KindName[];
    expect(named.filter((k) => !kinds.has(k))).toEqual([]);
  });
});
