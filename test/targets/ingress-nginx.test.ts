import { loadAll } from "js-yaml";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { modelOf } from "../conformance/systems";
import { expectDiagnostics, goodModel, small } from "../support";

/** Of what the controller does with the objects the conformance run tells; here is what no request shows. */

interface Manifest {
  kind: string;
  metadata: { name: string; annotations: Record<string, string> };
  spec: { rules?: { host: string }[]; tls?: unknown };
  data: Record<string, string>;
}

const objectsOf = (model: ReturnType<typeof goodModel>): Manifest[] =>
  (compile({ ...model, targets: ["ingress-nginx"] }, "production").value?.files ?? [])
    .filter((f) => f.path.endsWith(".yaml"))
    .flatMap((f) => loadAll(f.content) as Manifest[]);

const behind = (front: GatewayInput["front"]): Manifest[] =>
  objectsOf(goodModel({ ...small({ front }), targets: ["ingress-nginx"] }));

const settingsOf = (objects: Manifest[]): Record<string, string> =>
  objects.find(({ kind }) => kind === "ConfigMap")?.data ?? {};

test("every host is one Ingress, and all others are one more", () => {
  const model = modelOf("mmr") as NonNullable<ReturnType<typeof modelOf>>;
  const ingresses = objectsOf(model).filter(({ kind }) => kind === "Ingress");
  const hosts = ingresses.map(({ spec }) => spec.rules?.map(({ host }) => host));
  expect(hosts).toEqual([...Object.keys(model.hosts).map((name) => [name]), undefined]);
  expect(new Set(ingresses.map(({ metadata }) => metadata.name)).size).toBe(ingresses.length);
});

test("a client's word on host and scheme never counts", () => {
  const data = settingsOf(behind({ kind: "alb", networks: ["10.0.0.0/16"] }));
  expect(data["use-forwarded-headers"]).toBeUndefined();
  expect(data["enable-real-ip"]).toBe("true");
  expect(data["proxy-real-ip-cidr"]).toBe("10.0.0.0/16");
});

test("where TLS ends in front, nobody is shown a certificate", () => {
  const objects = behind({ kind: "alb", tls: "front", networks: ["10.0.0.0/16"] });
  expect(objects.filter(({ spec }) => (spec as object | undefined) && spec.tls !== undefined)).toEqual([]);
});

test.each<[number, "1s" | "1m", Record<string, string>]>([
  [20, "1s", { "limit-rps": "20", "limit-burst-multiplier": "2" }],
  [600, "1m", { "limit-rpm": "600", "limit-burst-multiplier": "1" }],
])("a flood guard of %d in %s, by its difference's name, is the controller's", (requests, per, annotations) => {
  const burst = per === "1s" ? { burst: 40 } : {};
  const policies = { floodGuard: { requests, per, ...burst } };
  const difference = { difference: "ingress-nginx-flood-guard", reason: "The guard is a shield." };
  const of = (accept: (typeof difference)[]): Manifest | undefined =>
    objectsOf(goodModel({ ...small(), policies, targets: ["ingress-nginx"], accept })).find(
      ({ kind, spec }) => kind === "Ingress" && spec.rules,
    );
  const named = Object.entries(annotations).map(([name, value]) => [`nginx.ingress.kubernetes.io/${name}`, value]);
  expect(of([difference])?.metadata.annotations).toMatchObject(Object.fromEntries(named));
  expect(Object.keys(of([])?.metadata.annotations ?? {}).filter((name) => name.includes("limit"))).toEqual([]);
});

test("it does not stand behind CloudFront and an ALB", () => {
  const front: GatewayInput["front"] = { kind: "cloudfront-alb", networks: ["10.0.0.0/16"] };
  const { value, diagnostics } = compile(goodModel(small({ front, targets: ["ingress-nginx"] })), "production");
  expect(value).toBeUndefined();
  expectDiagnostics(
    diagnostics.filter((d) => d.code === "plan/unsupported-front"),
    [{ code: "plan/unsupported-front", at: "shop/targets/ingress-nginx" }],
  );
});
