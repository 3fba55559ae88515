import { compile } from "../../lib/targets";
import { expectDiagnostics, goodModel, small } from "../support";

/** The PROXY protocol of an NLB is read by nginx and Envoy, and by no listener of the filter's own. */
describe("an NLB in front", () => {
  const codes = (kind: "nlb" | "alb", targets: string[]): string[] =>
    compile(goodModel(small({ front: { kind }, targets })), "production").diagnostics.map((d) => `${d.code} ${d.at}`);

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
