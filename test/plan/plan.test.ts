import { planTarget } from "../../lib/plan";
import type { ConfiguredPolicy, Gateway } from "../../lib/decision/gateway";
import { compileAll } from "../../lib/commands/load";
import { expectDiagnostics, removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";
import {
  after,
  before,
  bodySize,
  byAddress,
  capabilities,
  compression,
  gatewayOf,
  JWT,
  jwt,
  LIMIT,
  planned,
  places,
} from "./toy";

afterAll(removeTemporaryDirectories);

describe("the first place that keeps everything", () => {
  test("native comes before the ext-auth", () => {
    const claims = capabilities({ rateLimit: [before(LIMIT)] }, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit native 0"]);
  });

  test("a claim must cover all features, alone", () => {
    const claims = capabilities({
      rateLimit: [before(["RateLimitByClientAddress"]), before(["RateLimitReplica"]), before(LIMIT)],
    });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit native 2"]);
  });

  test("half a native form leaves all of it to the ext-auth", () => {
    const claims = capabilities({ rateLimit: [before(["RateLimitReplica"])] }, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit ext-auth 0"]);
  });

  test("a report is enough where nothing must be changed, and asks about the head as well", () => {
    const breaker: ConfiguredPolicy = { kind: "circuitBreaker", config: {} };
    const wanted = before(["CircuitBreakerByErrorShare"]);
    const change = {
      reported: { circuitBreaker: wanted },
      proxied: { circuitBreaker: wanted, rateLimit: before(LIMIT) },
    };
    const claims = capabilities({}, { rateLimit: before(LIMIT) }, change);
    const plan = planned(gatewayOf(byAddress, breaker), claims);
    expect(places(plan)).toEqual(["rateLimit ext-auth 0", "circuitBreaker reported 0"]);
    expect(plan.reports).toBe(true);
    const alone = planned(gatewayOf(byAddress), { ...claims, reported: {} });
    expect(alone.reports).toBe(false);
  });

  test("where the exchange goes through the filter anyway, nothing is reported", () => {
    const breaker: ConfiguredPolicy = { kind: "circuitBreaker", config: {} };
    const wanted = before(["CircuitBreakerByErrorShare"]);
    const proxied = { circuitBreaker: wanted, compression: before(["Compression"]) };
    const claims = capabilities({}, {}, { reported: { circuitBreaker: wanted }, proxied });
    expect(places(planned(gatewayOf(breaker, compression), claims))).toEqual([
      "circuitBreaker proxied 0",
      "compression proxied 0",
    ]);
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
    expect(diagnostics[0]?.why).toMatch(/RateLimitByClientAddress \(.+\), RateLimitReplica \(.+\) on/);
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
    const whole = {
      ...gateway,
      hosts: [{ ...host, policies: [{ kind: "audit", config: { fields: [] } }] }],
    } as Gateway;
    const { diagnostics } = planTarget(whole, capabilities({}), []);
    expectDiagnostics(diagnostics, [
      { code: "plan/unenforceable-policy", at: "toy/hosts/toy.test/policies/audit" },
      { code: "plan/unenforceable-policy", at: "toy/routes/one/policies/bodySize" },
      { code: "plan/unenforceable-policy", at },
    ]);
  });

  test("routes that are refused alike are told of once, others apart", () => {
    const gateway = gatewayOf(byAddress);
    const [host] = gateway.hosts;
    const route = host?.routes[0];
    const byUser: ConfiguredPolicy = {
      kind: "rateLimit",
      config: { limits: [{ key: ["user"], scope: "replica" }], headers: false },
    };
    const routes = [route, { ...route, name: "two" }, { ...route, name: "three", policies: [byUser] }];
    const { diagnostics } = planTarget({ ...gateway, hosts: [{ ...host, routes }] } as Gateway, capabilities({}), []);
    expect(diagnostics.map((d) => d.at)).toEqual([at, "toy/routes/three/policies/rateLimit"]);
    expect(diagnostics[0]?.why).toMatch(/ on toy\.test\. The same holds for two on toy\.test\.$/);
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

  test("a difference that is not accepted leaves the promise to the ext-auth", () => {
    const difference = { name: "near", text: "it is only near" };
    const claims = capabilities({ rateLimit: [before(LIMIT, { difference })] }, { rateLimit: before(LIMIT) });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit ext-auth 0"]);
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
    expect(places(planned(gatewayOf(byAddress, jwt), claims))).toEqual(["jwt ext-auth 0", "rateLimit ext-auth 0"]);
  });

  test("where the door cannot keep it either, it is refused", () => {
    const claims = capabilities(native, { jwt: before(JWT) });
    const { diagnostics } = planTarget(gatewayOf(byAddress, jwt), claims, []);
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/routes/one/policies/rateLimit" }]);
  });

  test("a native form behind the door is", () => {
    const claims = capabilities({ rateLimit: [before(LIMIT), after(LIMIT)] }, { jwt: before(JWT) });
    expect(places(planned(gatewayOf(byAddress, jwt), claims))).toEqual(["jwt ext-auth 0", "rateLimit native 1"]);
  });

  test("an earlier phase stays native before a later one at the ext-auth", () => {
    const claims = capabilities({ bodySize: [before(["BodySizeDeclared"])] }, { jwt: before(JWT) });
    expect(places(planned(gatewayOf(jwt, bodySize), claims))).toEqual(["bodySize native 0", "jwt ext-auth 0"]);
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
    expect(places(planned(two, claims))).toEqual(["jwt ext-auth 0", "rateLimit native 0"]);
  });
});
