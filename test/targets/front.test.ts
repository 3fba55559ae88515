import { resolveGateway } from "../../lib/model";
import { compile } from "../../lib/targets";
import { balancerIdleMs } from "../../lib/targets/front";
import { goodModel, small } from "../support";

/** The controller believes one hop, and CloudFront with a balancer is two. */
describe("CloudFront in front", () => {
  const codes = (kind: "nlb" | "alb" | "cloudfront-alb", targets: string[]): string[] =>
    compile(goodModel(small({ front: { kind, networks: ["10.0.0.0/16"] }, targets })), "production")
      .diagnostics.filter((d) => d.code !== "plan/retired-target")
      .map((d) => `${d.code} ${d.at}`);

  test("is refused for a target that cannot stand behind it, and hides no fault of another", () => {
    expect(codes("cloudfront-alb", ["nginx", "ingress-nginx", "no-such-proxy"])).toEqual([
      "plan/unsupported-front shop/targets/ingress-nginx",
      "plan/unknown-target shop/targets/no-such-proxy",
    ]);
  });

  test("is fine before the others, and so are other balancers", () => {
    expect(codes("cloudfront-alb", ["nginx", "istio", "node-gateway"])).toEqual([]);
    expect(codes("alb", ["ingress-nginx"])).toEqual([]);
    expect(codes("nlb", ["nginx", "istio", "node-gateway"])).toEqual([]);
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
