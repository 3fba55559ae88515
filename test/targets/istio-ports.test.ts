import { loadAll } from "js-yaml";
import type { GatewayModel } from "../../lib/model";
import { compile, type OutputFile } from "../../lib/targets";
import type { TargetPlan } from "../../lib/plan";
import { FRONT_MODELS } from "../conformance/fronts";
import { modelOf } from "../conformance/systems";

/**
 * Over the objects as they are applied: whatever a listener's port leads to, the door is asked about it, or it leads to no
 * service. Read from the manifests alone, with Istio's rules of which object meets which.
 */

interface Manifest {
  kind: string;
  metadata: { name: string };
  spec: {
    selector?: object;
    servers?: { port: { number: number }; hosts: string[] }[];
    gateways?: string[];
    hosts?: string[];
    http?: { name: string; route?: { destination: { host: string } }[]; redirect?: object; directResponse?: object }[];
    action?: string;
    rules?: object[];
    configPatches?: {
      applyTo: string;
      match: { routeConfiguration?: { vhost: { route?: { name: string } } } };
      patch: { value?: { typed_per_filter_config?: Record<string, { disabled?: boolean }> } };
    }[];
  };
}

const manifestsOf = (files: readonly OutputFile[]): Manifest[] =>
  files
    .filter((f) => f.path.startsWith("istio/") && f.path.endsWith(".yaml") && !f.path.endsWith("mesh.yaml"))
    .flatMap((f) => loadAll(f.content) as Manifest[]);

const of = (manifests: readonly Manifest[], kind: string): Manifest[] => manifests.filter((m) => m.kind === kind);

/** Whether a CUSTOM policy has a rule without any condition: it holds on every port, host and path. */
const doorHoldsEverywhere = (manifests: readonly Manifest[], selector: unknown): boolean =>
  of(manifests, "AuthorizationPolicy").some(
    ({ spec }) =>
      spec.action === "CUSTOM" &&
      JSON.stringify((spec.selector as { matchLabels?: object }).matchLabels) === JSON.stringify(selector) &&
      spec.rules?.some((rule) => Object.keys(rule).length === 0),
  );

/** Routes of Envoy on which the door is turned off. */
const doorOff = (manifests: readonly Manifest[]): Set<string> =>
  new Set(
    of(manifests, "EnvoyFilter")
      .flatMap(({ spec }) => spec.configPatches ?? [])
      .filter(({ patch }) => patch.value?.typed_per_filter_config?.["envoy.filters.http.ext_authz"]?.disabled)
      .map(({ match }) => match.routeConfiguration?.vhost.route?.name ?? "*"),
  );

/** Every way to a service, by port, that the door is not asked about although the plan says so. */
function unasked(manifests: readonly Manifest[], { placements }: TargetPlan): string[] {
  const has = (place: string, host: string, route: string): boolean =>
    placements.some((p) => p.place === place && p.host === host && (p.route === undefined || p.route === route));
  const open = doorOff(manifests);
  return of(manifests, "Gateway").flatMap(({ metadata, spec: { servers = [], selector } }) =>
    of(manifests, "VirtualService")
      .filter(({ spec }) => spec.gateways?.includes(metadata.name))
      .flatMap(({ spec }) => (spec.http ?? []).map((http) => ({ http, host: spec.hosts?.[0] ?? "" })))
      .filter(({ http }) => http.route?.some(({ destination }) => !destination.host.startsWith("nowhere.")))
      .filter(({ http, host }) => {
        const route = http.name.slice(host.length + 1).replace(/\/once$/, "");
        if (has("proxied", host, route) || !has("ext-auth", host, route)) return false;
        return open.has("*") || open.has(http.name) || !doorHoldsEverywhere(manifests, selector);
      })
      .flatMap(({ http }) => servers.map(({ port }) => `${String(port.number)} ${http.name}`)),
  );
}

function compiled(model: GatewayModel, environment: string): { manifests: Manifest[]; plan: TargetPlan } {
  const { value } = compile({ ...model, targets: ["istio"] }, environment);
  if (!value) throw new Error(`${model.name} does not compile`);
  return { manifests: manifestsOf(value.files), plan: value.plans[0] as TargetPlan };
}

const models = ["serhafen", "lab", "sessions", ...Object.keys(FRONT_MODELS)].map(
  (name) => modelOf(name) as GatewayModel,
);
const all = models.flatMap((model) =>
  model.environments.map((e): [string, string, GatewayModel] => [model.name, e, model]),
);

describe.each(all)("%s %s", (_, environment, model) => {
  const { manifests, plan } = compiled(model, environment);

  test("asks the door on every port about every route that needs it", () => {
    expect(unasked(manifests, plan)).toEqual([]);
  });

  test("leads no host that redirects to a service on the plain port", () => {
    const redirecting = plan.placements.filter((p) => p.kind === "httpsRedirect").map((p) => p.host);
    const plain = of(manifests, "Gateway").filter(({ spec }) =>
      spec.servers?.some(({ port }) => port.number === model.listeners.http.port),
    );
    expect(plain.length).toBe(1);
    const ways = of(manifests, "VirtualService")
      .filter(({ spec }) => spec.gateways?.includes(plain[0]?.metadata.name ?? ""))
      .filter(({ spec }) => redirecting.includes(spec.hosts?.[0] ?? ""));
    expect(ways.map(({ spec }) => spec.hosts?.[0]).sort()).toEqual([...redirecting].sort());
    // A redirect, or of hosts of tenants a way to nobody, on which the guard redirects.
    const nowhere = `nowhere.${model.name}.internal`;
    const leads = (h: NonNullable<Manifest["spec"]["http"]>[number]): boolean =>
      h.route?.every(({ destination }) => destination.host === nowhere) !== true &&
      (h.route !== undefined || !h.redirect);
    expect(ways.flatMap(({ spec }) => (spec.http ?? []).filter(leads))).toEqual([]);
  });
});

describe("what the test looks for is found where it is", () => {
  const { manifests, plan } = compiled(modelOf("fronts/alb") as GatewayModel, "production");
  const changed = (kind: string, change: (m: Manifest) => void): Manifest[] => {
    const copy = structuredClone(manifests);
    of(copy, kind).forEach(change);
    return copy;
  };

  test("a port that is left out of the door's policy", () => {
    const found = unasked(
      changed("AuthorizationPolicy", ({ spec }) => {
        spec.rules = [{ to: [{ operation: { notPorts: ["80"] } }] }];
      }),
      plan,
    );
    expect(found).toContain("80 plain.front.test/door");
    expect(found).toContain("443 api.front.test/door");
  });

  test("a route on which the door is turned off", () => {
    const found = unasked(
      changed("EnvoyFilter", ({ spec }) => {
        for (const { match } of spec.configPatches ?? []) {
          const route = match.routeConfiguration?.vhost.route;
          if (route?.name === "api.front.test/open") route.name = "api.front.test/door";
        }
      }),
      plan,
    );
    expect(found).toEqual(["443 api.front.test/door"]);
  });
});
