import { resolveGateway } from "../../lib/model";
import { compile } from "../../lib/targets";
import { balancerIdleMs } from "../../lib/targets/front";
import { expectDiagnostics, goodModel, small } from "../support";

/** The PROXY protocol of an NLB is read by nginx and Envoy, and by no listener of the filter's own. */
describe("an NLB in front", () => {
  const codes = (kind: "nlb" | "alb", targets: string[]): string[] =>
    compile(goodModel(small({ front: { kind, networks: ["10.0.0.0/16"] }, targets })), "production").diagnostics.map(
      (d) => `${d.code} ${d.at}`,
    );

  test("is refused where the filter is the gateway itself", () => {
    const { value, diagnostics } = compile(
      goodModel(small({ front: { kind: "nlb" }, targets: ["node-gateway"] })),
      "production",
    );
    expect(value).toBeUndefined();
    expectDiagnostics(diagnostics, [{ code: "plan/unsupported-front", at: "shop/targets/node-gateway" }]);
    expect(diagnostics[0]?.severity).toBe("error");
    expect(diagnostics[0]?.fix).toContain("ALB");
  });

  test("is refused for that target alone, and hides no fault of another", () => {
    expect(codes("nlb", ["nginx", "node-gateway"])).toEqual(["plan/unsupported-front shop/targets/node-gateway"]);
    expect(codes("nlb", ["node-gateway", "no-such-proxy"])).toEqual([
      "plan/unsupported-front shop/targets/node-gateway",
      "plan/unknown-target shop/targets/no-such-proxy",
    ]);
  });

  test("is fine before the others, and so is any other balancer before this one", () => {
    expect(codes("nlb", ["nginx", "istio"])).toEqual([]);
    expect(codes("alb", ["node-gateway"])).toEqual([]);
  });
});

/** What a balancer sends into a connection that is being closed is lost: it must be the one that closes. */
describe("a balancer's kept connections", () => {
  const filesFor = (kind: "none" | "alb", idle: string): string[] => {
    const input = small({
      front: { kind, networks: ["10.0.0.0/16"] },
      targets: ["nginx", "istio", "node-gateway"],
      policies: { webSocket: { allowed: true, idle } },
    });
    const files = compile(goodModel(input), "production").value?.files ?? [];
    const found = files.flatMap(
      ({ content }) => /keepalive_timeout (\d+)s|idle_timeout: (\d+)s|"idleMs": (\d+)/.exec(content) ?? [],
    );
    return found.filter((text) => /^\d+$/.test(text));
  };

  test("outlast its own idle time-out, which is that of the longest WebSocket", () => {
    expect(filesFor("alb", "1h").sort()).toEqual(["3660", "3660", "3660000"]);
    expect(
      balancerIdleMs(
        resolveGateway(goodModel(small({ policies: { webSocket: { allowed: true, idle: "1h" } } })), "production"),
      ),
    ).toBe(3_600_000);
  });

  test("and no client keeps one for so long where there is no balancer", () => {
    expect(filesFor("none", "1h").sort()).toEqual(["75", "75", "75000"]);
  });
});
