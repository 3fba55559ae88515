import { loadAll } from "js-yaml";
import { placeOf } from "../../lib/charts/places";
import type { GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { expectDiagnostics, goodModel, small } from "../support";

/** Of what an implementation does with the objects the conformance run tells; here is what no request shows. */

interface Manifest {
  kind: string;
  metadata: { name: string; namespace: string };
  spec: {
    gatewayClassName?: string;
    listeners?: { name: string; protocol: string; hostname?: string; tls?: { certificateRefs: { name: string }[] } }[];
    parentRefs?: { sectionName: string }[];
    targetRefs?: { kind: string; name: string; sectionName?: string }[];
    timeout?: { http: { streamIdleTimeout?: string } };
    jsonPatches?: { type: string; name: string }[];
    proxyProtocol?: object;
    http1?: { ignoredUpgradeTypes: { value: string }[] };
    rules?: { filters: { requestHeaderModifier: { set: { name: string; value: string }[] } }[] }[];
  };
}

function objectsOf(input: GatewayInput, name = "gateway.yaml"): Manifest[] {
  const { value, diagnostics } = compile(goodModel({ ...input, targets: ["gateway-api"] }), "production");
  expectDiagnostics(
    diagnostics.filter((d) => d.severity === "error"),
    [],
  );
  const files = value?.files.filter((f) => f.path.endsWith(`/${name}`)) ?? [];
  return files.flatMap((f) => loadAll(f.content) as Manifest[]);
}

const listenersOf = (objects: Manifest[]): NonNullable<Manifest["spec"]["listeners"]> =>
  objects.find(({ kind }) => kind === "Gateway")?.spec.listeners ?? [];

/** By which listeners a route's requests come, and what it says of them. */
const routesOf = (objects: Manifest[]): [string[], string | undefined][] =>
  objects
    .filter(({ kind }) => kind === "HTTPRoute")
    .map(({ spec }) => [
      spec.parentRefs?.map(({ sectionName }) => sectionName) ?? [],
      spec.rules?.[0]?.filters[0]?.requestHeaderModifier.set[0]?.value,
    ]);

test("what is plain and what comes by TLS have routes of their own", () => {
  expect(routesOf(objectsOf(small()))).toEqual([
    [["https"], "https"],
    [["http"], "http"],
  ]);
});

test("where TLS ends in front there is one listener, and all that comes by it is https", () => {
  const objects = objectsOf(small({ front: { kind: "alb", tls: "front", networks: ["10.0.0.0/16"] } }));
  expect(listenersOf(objects).map(({ protocol, tls }) => [protocol, tls])).toEqual([["HTTP", undefined]]);
  expect(routesOf(objects)).toEqual([[["http"], "https"]]);
});

test("a host with a certificate of its own has a listener of its own", () => {
  const certificate = { secret: "shop-tls" };
  const hosts = { ...small().hosts, "*.shop.example": { certificate, tenants: { one: { id: "1" } } } };
  const objects = objectsOf({ ...small(), hosts });
  const own = listenersOf(objects).at(-1);
  expect([own?.name, own?.hostname, own?.tls?.certificateRefs]).toEqual([
    "https-any.shop.example",
    "*.shop.example",
    [{ name: "shop-tls" }],
  ]);
  expect(routesOf(objects)[0]?.[0]).toEqual(["https", "https-any.shop.example"]);
});

test("the class is the model's", () => {
  const objects = objectsOf({ ...small(), kubernetes: { gatewayApi: { className: "traefik" } } });
  expect(objects.find(({ kind }) => kind === "Gateway")?.spec.gatewayClassName).toBe("traefik");
  const ofEnvoyGateway = objectsOf({ ...small(), kubernetes: { gatewayApi: { implementation: "envoy-gateway" } } });
  expect(ofEnvoyGateway.find(({ kind }) => kind === "Gateway")?.spec.gatewayClassName).toBe("eg");
});

describe("Envoy Gateway", () => {
  const gatewayApi = { implementation: "envoy-gateway" } as const;
  const filesOf = (input: GatewayInput): string[] =>
    (compile(goodModel({ ...input, targets: ["gateway-api"] }), "production").value?.files ?? []).map((f) => f.path);

  test("has policies of its own where it is named, and nobody else has", () => {
    const file = "gateway-api/shop/production/envoy-gateway.yaml";
    expect(filesOf(small())).not.toContain(file);
    expect(filesOf({ ...small(), kubernetes: { gatewayApi } })).toContain(file);
  });

  const policiesOf = (input: GatewayInput): Manifest[] =>
    objectsOf({ ...input, kubernetes: { gatewayApi } }, "envoy-gateway.yaml");

  test("has its pods where its installation puts them, unless the model says otherwise", () => {
    const podsOf = (own: object): unknown => {
      const model = goodModel({
        ...small(),
        targets: ["gateway-api"],
        kubernetes: { gatewayApi: { ...gatewayApi, ...own } },
      });
      const place = placeOf("gateway-api");
      return [place?.proxyNamespace?.(model), Object.keys(place?.proxyLabels?.(model) ?? {})];
    };
    const owner = "gateway.envoyproxy.io/owning-gateway";
    expect(podsOf({})).toEqual(["envoy-gateway-system", [`${owner}-name`, `${owner}-namespace`]]);
    expect(podsOf({ namespace: "edge", labels: { app: "envoy" } })).toEqual(["edge", ["app"]]);
  });

  test("patches every listener, since that of a port has the name of the first that is ready", () => {
    const objects = policiesOf(withCertificates(1));
    const patches = objects.find(({ kind }) => kind === "EnvoyPatchPolicy")?.spec.jsonPatches ?? [];
    const namesOf = (type: string): string[] => [
      ...new Set(patches.filter((p) => p.type.endsWith(type)).map(({ name }) => name)),
    ];
    const own = `gateway/shop/https.${"x".repeat(60)}.h0.test`;
    expect(namesOf(".Listener")).toEqual(["gateway/shop/http", "gateway/shop/https", own]);
    // The listeners of all hosts answer on all anyway.
    expect(namesOf(".RouteConfiguration")).toEqual([own]);
    expect(namesOf(".Cluster")).toEqual(["httproute/gateway/shop/rule/0", "httproute/gateway/shop-plain/rule/0"]);
  });

  test("has policies for listeners and routes, which one for the whole Gateway does not replace", () => {
    const refsOf = (wanted: string): unknown[] =>
      policiesOf(small())
        .find(({ kind }) => kind === wanted)
        ?.spec.targetRefs?.map(({ kind, name, sectionName }) => [kind, name, sectionName]) ?? [];
    expect(refsOf("ClientTrafficPolicy")).toEqual([
      ["Gateway", "shop", "http"],
      ["Gateway", "shop", "https"],
    ]);
    expect(refsOf("BackendTrafficPolicy")).toEqual([
      ["HTTPRoute", "shop", undefined],
      ["HTTPRoute", "shop-plain", undefined],
    ]);
  });

  test("ends a quiet stream after all of the filter's times, as long as they are", () => {
    const idleOf = (policies: GatewayInput["policies"]): unknown =>
      policiesOf({ ...small(), policies }).find(({ kind }) => kind === "ClientTrafficPolicy")?.spec.timeout?.http
        .streamIdleTimeout;
    expect(idleOf({ timeouts: { idle: "5m" } })).toBe("305s");
    expect(idleOf({ timeouts: { idle: "1m" }, webSocket: { allowed: true, idle: "2h" } })).toBe("7205s");
    // As long as any proxy is told.
    expect(idleOf({ timeouts: { idle: null } })).toBe("34560m");
  });

  test("speaks the PROXY protocol where the front does", () => {
    const proxyProtocol = (input: GatewayInput): unknown =>
      policiesOf(input).find(({ kind }) => kind === "ClientTrafficPolicy")?.spec.proxyProtocol;
    expect(proxyProtocol(small())).toBeUndefined();
    expect(proxyProtocol(small({ front: { kind: "nlb", networks: ["10.0.0.0/16"] } }))).toEqual({});
  });

  test("passes over offers of every protocol but WebSocket", () => {
    const [policy] = policiesOf(small());
    const [ignored] = policy?.spec.http1?.ignoredUpgradeTypes ?? [];
    const isIgnored = (word: string): boolean =>
      new RegExp(`^(?:${ignored?.value.replace("(?i)", "") ?? ""})$`, "i").test(word);
    expect(["websocket", "WebSocket", "WEBSOCKET"].filter(isIgnored)).toEqual([]);
    const others = ["h2c", "TLS/1.0", "websocke", "websockets", "webs0cket", "xebsocket"];
    expect(others.filter((word) => !isIgnored(word))).toEqual([]);
  });
});

const withCertificates = (count: number): GatewayInput => {
  const own = (n: number): [string, object] => [
    `${"x".repeat(60)}.h${String(n)}.test`,
    { certificate: { secret: `c${String(n)}` } },
  ];
  return {
    ...small(),
    hosts: { ...small().hosts, ...Object.fromEntries(Array.from({ length: count }, (_, n) => own(n))) },
  };
};

test("routes have as many parents as the API takes, and listeners names of their own", () => {
  const objects = objectsOf(withCertificates(62));
  expect(routesOf(objects).map(([from]) => from.length)).toEqual([32, 31, 1]);
  const names = listenersOf(objects).map(({ name }) => name);
  expect(new Set(names).size).toBe(64);
  expect(
    names.filter((name) => !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name)),
  ).toEqual([]);
});

test("more listeners than a Gateway takes are refused", () => {
  const { value, diagnostics } = compile(
    goodModel({ ...withCertificates(63), targets: ["gateway-api"] }),
    "production",
  );
  expect(value).toBeUndefined();
  expectDiagnostics(diagnostics, [{ code: "plan/too-many-listeners", at: "shop/targets/gateway-api" }]);
});

test("all lives where the filter does, by its address", () => {
  const objects = objectsOf({ ...small(), filter: { address: "judge.other.svc.cluster.local:9000" } });
  expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set(["other"]));
});
