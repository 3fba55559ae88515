import { loadAll } from "js-yaml";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { rewritten } from "../../lib/targets/ingress-nginx/manifests";
import { modelOf } from "../conformance/systems";
import { expectDiagnostics, goodModel, small } from "../support";

/** What the controller would make of the objects; its rules are those of ingress-nginx 1.11. */

interface Ingress {
  kind: string;
  metadata: { name: string; annotations: Record<string, string> };
  spec: { rules: { host: string; http: { paths: { path: string; pathType: string }[] } }[] };
}

const objectsOf = (model: ReturnType<typeof goodModel>): Ingress[] =>
  (compile({ ...model, targets: ["ingress-nginx"] }, "production").value?.files ?? [])
    .filter((f) => f.path.endsWith(".yaml"))
    .flatMap((f) => loadAll(f.content) as Ingress[]);

test("the admission webhook meets no path of a host in two Ingresses", () => {
  const model = modelOf("serhafen");
  const ingresses = objectsOf(model as NonNullable<typeof model>).filter(({ kind }) => kind === "Ingress");
  const places = ingresses.flatMap(({ metadata, spec }) =>
    spec.rules.flatMap(({ host, http }) =>
      http.paths.map(({ path }) => ({ at: `${host} ${path}`, in: metadata.name })),
    ),
  );
  expect(places.length).toBeGreaterThan(20);
  const several = places.filter((p) => places.some((other) => other.at === p.at && other.in !== p.in));
  expect(several).toEqual([]);
});

/** What nginx would send: `location ~* "^PATH"` and `rewrite "(?i)PATH" TARGET break`. */
function sent(rule: { path: string; target: string }, path: string): string | undefined {
  const found = new RegExp(`^${rule.path}`, "i").exec(path);
  return found ? rule.target.replace("$1", found[1] ?? "") : undefined;
}

test.each<[string, string, string, boolean, Record<string, string | undefined>]>([
  ["/api", "/", "/api", false, { "/api": "/", "/api/": "/", "/api/x": "/x", "/api/x/": "/x/", "/apix": undefined }],
  ["/api", "/", "/api/users", false, { "/api/users": "/users", "/api/users/1": "/users/1", "/api/usersx": undefined }],
  ["/api", "/", "/api/users", true, { "/api/users": "/users", "/api/users/1": undefined }],
  ["/api", "/", "/api", true, { "/api": "/", "/api/x": undefined }],
  [
    "/old",
    "/new/base",
    "/old",
    false,
    { "/old": "/new/base", "/old/": "/new/base/", "/old/x": "/new/base/x", "/olds": undefined },
  ],
  ["/old", "/new", "/old/a.b", false, { "/old/a.b": "/new/a.b", "/old/a.b/c": "/new/a.b/c", "/old/aXb": undefined }],
  ["/old", "/new", "/old", true, { "/old": "/new", "/old/x": undefined }],
])("%s to %s on %s (exact: %s)", (prefix, replacement, value, exact, paths) => {
  const rule = rewritten({ prefix, replacement }, value, exact);
  expect(Object.fromEntries(Object.keys(paths).map((path) => [path, sent(rule, path)]))).toEqual(paths);
});

test("a client's word on host and scheme never counts", () => {
  const input = small({ front: { kind: "alb", networks: ["10.0.0.0/16"] }, accept: [] });
  const accept = ["cors", "error-body", "flood-guard", "upgrades"].map((name) => ({
    difference: `ingress-nginx-${name}`,
    reason: "A test takes it.",
  }));
  const objects = objectsOf(goodModel({ ...input, targets: ["ingress-nginx"], accept }));
  const data = (objects.find(({ kind }) => kind === "ConfigMap") as unknown as { data: Record<string, string> }).data;
  expect(data["use-forwarded-headers"]).toBeUndefined();
  expect(data["enable-real-ip"]).toBe("true");
  expect(data["proxy-real-ip-cidr"]).toBe("10.0.0.0/16");
});

test.each<[string, GatewayInput["front"]]>([
  ["CloudFront and an ALB", { kind: "cloudfront-alb", networks: ["10.0.0.0/16"] }],
  ["an ALB that ends TLS", { kind: "alb", tls: "front", networks: ["10.0.0.0/16"] }],
])("it does not stand behind %s", (_, front) => {
  const { value, diagnostics } = compile(goodModel(small({ front, targets: ["ingress-nginx"] })), "production");
  expect(value).toBeUndefined();
  expectDiagnostics(
    diagnostics.filter((d) => d.code === "plan/unsupported-front"),
    [{ code: "plan/unsupported-front", at: "shop/targets/ingress-nginx" }],
  );
});
