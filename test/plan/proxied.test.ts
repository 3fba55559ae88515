import { planTarget, type Capabilities } from "../../lib/plan";
import type { ConfiguredPolicy, Gateway } from "../../lib/decision/gateway";
import { expectDiagnostics } from "../support";
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

const timeouts: ConfiguredPolicy = { kind: "timeouts", config: { firstByte: 1 } };
const responseHeaders: ConfiguredPolicy = { kind: "responseHeaders", config: { set: { a: "b" }, remove: [] } };
const audit: ConfiguredPolicy = { kind: "audit", config: { fields: [] } };

const BODY = ["BodySizeDeclared"] as const;
const TIME = ["TimeoutFirstByte"] as const;

/** Whatever can be kept where the exchange goes through. */
const FILTER: Capabilities["proxied"] = {
  jwt: before(JWT),
  rateLimit: before(LIMIT),
  timeouts: before(TIME),
  compression: before(["Compression"]),
};
const EVERYWHERE = capabilities(
  {
    bodySize: [before(BODY)],
    jwt: [before(JWT)],
    rateLimit: [before(LIMIT), after(LIMIT)],
    timeouts: [after(TIME)],
    responseHeaders: [after(["ResponseHeaderSet"])],
  },
  { jwt: before(JWT), rateLimit: before(LIMIT) },
  { proxied: FILTER },
);

/** A second route on the first one's host, and a host of its own for a third. */
const gatewayOfThree = (...policies: ConfiguredPolicy[][]): Gateway => {
  const [first = [], second = [], third = []] = policies;
  const one = gatewayOf(...first);
  const [host] = one.hosts;
  const [route] = host?.routes ?? [];
  return {
    ...one,
    hosts: [
      { ...host, routes: [route, { ...route, name: "two", policies: second }] },
      { name: "other.test", policies: [], routes: [{ ...route, name: "three", policies: third }] },
    ],
  } as Gateway;
};

describe("a route goes through the filter", () => {
  test("where nothing else keeps one of its promises", () => {
    const plan = planned(gatewayOf(compression), capabilities({}, {}, { proxied: FILTER }));
    expect(places(plan)).toEqual(["compression proxied 0"]);
  });

  test("not where every promise has another place", () => {
    const plan = planned(gatewayOf(jwt, byAddress, timeouts), EVERYWHERE);
    expect(places(plan)).toEqual(["jwt native 0", "rateLimit native 0", "timeouts native 0"]);
  });

  test("and phases 9 to 15 go with it, from the door and from the proxy", () => {
    const plan = planned(gatewayOf(jwt, byAddress, timeouts, compression), EVERYWHERE);
    expect(places(plan)).toEqual([
      "jwt proxied 0",
      "rateLimit proxied 0",
      "timeouts proxied 0",
      "compression proxied 0",
    ]);
  });

  test("and a native form of phases 9 to 15 is not asked, since it would hide what the filter refuses first", () => {
    const limitsOnly = capabilities({ rateLimit: [before(LIMIT)] }, {}, { proxied: FILTER });
    expect(places(planned(gatewayOf(jwt, byAddress, compression), limitsOnly))).toEqual([
      "jwt proxied 0",
      "rateLimit proxied 0",
      "compression proxied 0",
    ]);
  });

  test("and what is kept at the edge or on the answer stays with the proxy", () => {
    const plan = planned(gatewayOf(bodySize, jwt, responseHeaders, compression), EVERYWHERE);
    expect(places(plan)).toEqual([
      "bodySize native 0",
      "jwt proxied 0",
      "responseHeaders native 0",
      "compression proxied 0",
    ]);
  });

  test("alone: other routes of its host keep their places, and so do other hosts", () => {
    const plan = planned(gatewayOfThree([compression, jwt], [jwt, byAddress], [jwt]), {
      ...EVERYWHERE,
      native: {},
    });
    expect(plan.placements.map((p) => `${p.route ?? "*"} ${p.kind} ${p.place}`)).toEqual([
      "one jwt proxied",
      "one compression proxied",
      "two jwt ext-auth",
      "two rateLimit ext-auth",
      "three jwt ext-auth",
    ]);
  });

  test("by the whole of what a promise needs, not by a part", () => {
    const claims = capabilities({}, { rateLimit: before(["RateLimitByClientAddress"]) }, { proxied: FILTER });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit proxied 0"]);
  });

  test("where a near form is not accepted; with it accepted the proxy keeps the route", () => {
    const difference = { name: "near", text: "it is only near" };
    const claims = capabilities({ rateLimit: [before(LIMIT, { difference })] }, {}, { proxied: FILTER });
    expect(places(planned(gatewayOf(byAddress), claims))).toEqual(["rateLimit proxied 0"]);
    expect(places(planned(gatewayOf(byAddress), claims, ["near"]))).toEqual(["rateLimit native 0 near"]);
  });
});

describe("refused, though the route goes through", () => {
  test("what the filter does not have either", () => {
    const claims = capabilities({}, {}, { proxied: FILTER });
    const { value, diagnostics } = planTarget(gatewayOf(compression, bodySize), claims, []);
    expect(value).toBeUndefined();
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/routes/one/policies/bodySize" }]);
    expect(diagnostics[0]?.why).toContain("BodySizeDeclared");
  });

  test("half of a promise: only what is lacking is named", () => {
    const less = { ...FILTER, rateLimit: before(["RateLimitReplica"]) };
    const claims = capabilities({}, {}, { proxied: less });
    const { diagnostics } = planTarget(gatewayOf(compression, byAddress), claims, []);
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/routes/one/policies/rateLimit" }]);
    expect(diagnostics[0]?.why).toContain("RateLimitByClientAddress");
    expect(diagnostics[0]?.why).not.toContain("RateLimitReplica");
  });

  test("what only the proxy or the door could keep: neither is asked again behind the filter's back", () => {
    const { jwt: _jwt, ...rest } = FILTER;
    const claims = { ...EVERYWHERE, proxied: rest };
    const { diagnostics } = planTarget(gatewayOf(jwt, compression), claims, []);
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/routes/one/policies/jwt" }]);
  });

  test("a promise of the whole host, where routes go alone", () => {
    const claims = capabilities({}, {}, { proxied: { ...FILTER, audit: before(["AuditLine"]) } });
    const gateway = gatewayOf(compression);
    const [host] = gateway.hosts;
    const { diagnostics } = planTarget({ ...gateway, hosts: [{ ...host, policies: [audit] }] } as Gateway, claims, []);
    expectDiagnostics(diagnostics, [{ code: "plan/unenforceable-policy", at: "toy/hosts/toy.test/policies/audit" }]);
  });
});

test("a target that carries all sends every route through the filter, with or without need", () => {
  const gateway = gatewayOfThree([jwt], [byAddress], [jwt]);
  const of = (more: Partial<Capabilities>): string[] =>
    planned(gateway, { ...EVERYWHERE, native: {}, ...more }).placements.map(({ place }) => place);
  expect(new Set(of({ carriesAll: true }))).toEqual(new Set(["proxied"]));
  expect(of({})).not.toContain("proxied");
});
