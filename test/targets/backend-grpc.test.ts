import { compile } from "../../lib/targets";
import type { GatewayInput } from "../../lib/model";
import { check, expectDiagnostics, goodModel, small } from "../support";

/** Services that speak gRPC, in what is refused and warned of; that calls are kept the cases of "grpc" and drill 50 show. */

type Route = GatewayInput["routes"][number];

const model = (
  targets: string[],
  more: Partial<Route> = {},
  policies: GatewayInput["policies"] = {},
): GatewayInput => ({
  ...small(),
  targets,
  policies,
  services: { ...small().services, chat: { address: "chat.shop.svc.cluster.local:9090", protocol: "grpc" } },
  routes: [
    { name: "chat", match: { prefix: ["/shop.Chat"] }, service: "chat", policies: { bodySize: null }, ...more },
  ] as Route[],
});

const refused = (input: GatewayInput): string[] =>
  compile(goodModel(input), "production").diagnostics.map((d) => `${d.code}: ${d.why}`);

test("nginx and Istio call them, and nobody is refused", () => {
  expect(refused(model(["nginx", "istio"]))).toEqual([]);
});

test.each([
  ["the Node gateway", model(["node-gateway"]), /^\S+ node-gateway .*called by HTTP\/2/],
  [
    "a policy that only the filter keeps, on nginx",
    model(["nginx"], { policies: { bodySize: null, cache: { group: "a", by: "everyone" } } }),
    /goes through the filter for the sake of cache/,
  ],
  ["tries on nginx, where a method is tried again", model(["nginx"], {}, { retries: { tries: 2 } }), /tries/],
  [
    "a name of a header that does not fit into nginx' table",
    model(["nginx"], { policies: { bodySize: null, requestHeaders: { remove: [`x-${"a".repeat(45)}`] } } }),
    /46 characters/,
  ],
  [
    "such a name among those of answers",
    model(["nginx"], { policies: { bodySize: null, responseHeaders: { remove: [`x-${"a".repeat(45)}`] } } }),
    /46 characters/,
  ],
  [
    "a breaker where calls may be silent for ever",
    model(["istio"], { policies: { bodySize: null, circuitBreaker: {}, timeouts: { idle: null } } }),
    /for the sake of circuitBreaker/,
  ],
])("refused: %s", (_, input, why) => {
  const found = refused(input);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^plan\/unenforceable-policy/);
  expect(found[0]).toMatch(why);
});

test("tries around a route of POSTs alone ask for nothing, nor do those on Istio", () => {
  const posts = { match: { prefix: ["/shop.Chat"], methods: ["POST"] } } as Partial<Route>;
  expect(refused(model(["nginx", "istio"], posts, { retries: { tries: 2 } }))).toEqual([]);
  expect(refused(model(["istio"], {}, { retries: { tries: 2 } }))).toEqual([]);
});

test("a WebSocket cannot be opened there", () => {
  const sockets = model(["nginx"], { policies: { webSocket: { allowed: true } } });
  expectDiagnostics(check(sockets).diagnostics, [
    { code: "model/grpc-web-socket", at: "shop/routes/chat/policies/webSocket" },
  ]);
});

test("bodies that Istio holds are warned of, on Istio alone", () => {
  const held = model(["istio"], { policies: {} });
  expectDiagnostics(check(held).diagnostics, [{ code: "model/grpc-held", at: "shop/routes/chat/policies/bodySize" }]);
  expectDiagnostics(check({ ...held, targets: ["nginx"] }).diagnostics, []);
});

test("services of either kind share a route on Istio alone", () => {
  const both: Partial<Route> = {
    service: undefined,
    backends: [
      { service: "chat", weight: 50 },
      { service: "orders", weight: 50 },
    ],
  };
  expect(refused(model(["istio"], both))).toEqual([]);
  expect(refused(model(["nginx"], both))).toHaveLength(1);
});

test("a hop that could be spared is named", () => {
  const { diagnostics } = compile(
    goodModel(model(["nginx"], { policies: { timeouts: { idle: "2m" } } })),
    "production",
  );
  expect(diagnostics[0]?.fix).toContain('Accept the difference "nginx-idle-time"');
  expect(diagnostics[0]?.fix).toContain("take timeouts away");
});

test("one address has one way for Istio", () => {
  const input = model(["istio", "nginx"]);
  const web = { address: "chat.shop.svc.cluster.local:9090" };
  const both: GatewayInput = {
    ...input,
    services: { ...input.services, web },
    routes: [...input.routes, { name: "web", match: { prefix: ["/web"] }, service: "web" }],
  };
  expectDiagnostics(check(both).diagnostics, [{ code: "model/called-two-ways", at: "shop/services/web" }]);
  expectDiagnostics(check({ ...both, targets: ["nginx"] }).diagnostics, []);
});

test.each([
  ["a pause of less than a minute", "30s", "proxied"],
  ["a pause as short as the wait for the first byte", "15s", "proxied"],
  ["a pause of a minute", "1m", "native"],
  ["any pause", null, "native"],
])("Istio keeps by itself no pause that it would count for clients as well: %s", (_, idle, place) => {
  const plain: GatewayInput = { ...small(), targets: ["istio"], policies: { timeouts: { idle } } };
  const { value } = compile(goodModel(plain), "production");
  const places = value?.plans[0]?.placements.filter((p) => p.kind === "timeouts").map((p) => p.place);
  expect(new Set(places)).toEqual(new Set([place]));
});
