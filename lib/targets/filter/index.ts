import { secretsOf, servicesSeveral, servicesTls } from "../../model";
import { latenciesOf } from "../../model/slo";
import { placementsOf, type Capabilities, type Claim } from "../../plan";
import { configOf, type ConfiguredPolicy, type Host } from "../../decision/gateway";
import type { HostHeaders } from "../../decision/answer";
import { FORMAT_VERSION, type FilterPlan, type PlannedHost } from "../../decision/filter-plan";
import { writePlan } from "../../decision/plan-text";
import type { RequestLineConfig } from "../../policy/kinds/request-line";
import type { ErrorBodyConfig } from "../../policy/kinds/response";
import { clientIdleMs, trustedHops } from "../front";
import type { FilterClaims, OutputFile, TargetInput } from "../target";
import { hostHeaders } from "../identity-headers";
import { filterWays } from "../through";
import { DOOR, DOOR_HEARD, DOOR_WITH_BODY, EDGE, EDGE_BEHIND_A_PROXY, REPORTED, THROUGH } from "./claims";

const claims = (supports: Readonly<Record<string, Claim["supports"]>>): Capabilities["extAuth"] =>
  Object.fromEntries(
    Object.entries(supports).map(([kind, s]) => [kind, { supports: s, stage: "beforeExtAuth" as const }]),
  );

/** What the filter keeps behind a proxy that asks it, shows it bodies, and tells it how exchanges have ended; and where a route goes through it. */
export const WITH_REPORTS: FilterClaims = {
  extAuth: claims(DOOR_HEARD),
  extAuthBody: claims(DOOR_WITH_BODY),
  reported: claims(REPORTED),
  proxied: claims({ ...DOOR, ...THROUGH }),
};

const everything = (edge: Readonly<Record<string, Claim["supports"]>>): FilterClaims => ({
  extAuth: {},
  extAuthBody: {},
  reported: {},
  proxied: claims({ ...edge, ...DOOR, ...THROUGH }),
});

/** What it keeps as the gateway itself. */
export const AS_GATEWAY = everything(EDGE);

/** What it keeps where a proxy carries everything to it. */
export const BEHIND_A_CARRIER = everything(EDGE_BEHIND_A_PROXY);

/**
 * Kept by the proxy, and looked at once more: a path that it has let through must not choose another route's policies, nor a
 * header of whoever else has reached the port a service's view.
 */
const AGAIN: readonly string[] = ["pathHygiene", "headerHygiene"];

/** What nginx may add to a client's head when it asks the filter. */
const ADDED_BYTES = 1024;

/**
 * Over HTTP/2 nginx counts a head as it came, compressed. The filter sees it written out, and refuses what is too large for
 * certain.
 */
function writtenOut(
  { front }: TargetInput["model"],
  target: string,
  policy: ConfiguredPolicy,
): ConfiguredPolicy | undefined {
  if (policy.kind !== "requestLine" || target !== "nginx" || front.tls !== "gateway") return undefined;
  const config = policy.config as RequestLineConfig;
  return { ...policy, config: { ...config, maxHead: config.maxHead + ADDED_BYTES } };
}

/** Where the filter answers on hosts that nobody knows. */
const SERVES_ALL_HOSTS: readonly string[] = ["node-gateway", "kong", "ingress-nginx", "gateway-api"];

const formOf = (host: Host): Pick<PlannedHost, "errorBody" | keyof HostHeaders> => {
  const errorBody = configOf(host.policies, "errorBody") as ErrorBodyConfig | undefined;
  return { ...(errorBody && { errorBody }), ...hostHeaders(host) };
};

/** The plan of one filter: the policies that its proxy leaves to it. */
export function filterPlan({ model, gateway, plan }: TargetInput): FilterPlan {
  const { isThrough } = filterWays(plan);
  const kept = (host: string, route: string, policies: readonly ConfiguredPolicy[]): ConfiguredPolicy[] => {
    const mine = placementsOf(plan, host, route).filter(({ place }) => place !== "native");
    const isMine = (of: string): boolean => mine.some(({ kind }) => kind === of);
    return policies.flatMap((p) => {
      if (isMine(p.kind) || AGAIN.includes(p.kind)) return [p];
      // Where a breaker is open the filter says what stands in for the answer, and the proxy elsewhere.
      if (p.kind === "fallback" && isMine("circuitBreaker")) return [p];
      return writtenOut(model, plan.target, p) ?? [];
    });
  };
  const issuers = Object.entries(model.issuers).map(([name, i]) => [
    name,
    {
      ...(i.jwks && { jwksUrl: i.jwks.url }),
      ...(i.secret !== undefined && { secret: i.secret }),
      algorithms: i.algorithms,
      ...(i.requestAuthentication && plan.target === "istio" && { again: true as const }),
    },
  ]);
  const { kind, networks, healthPath } = model.front;
  const tls = servicesTls(model);
  const several = servicesSeveral(model);
  const gates = Object.values(model.rollouts).flatMap(({ gate: { p95 } }) => (p95 === undefined ? [] : [p95 / 1000]));
  const slos = [model.slo, ...model.routes.map(({ slo }) => slo)].flatMap((slo) =>
    latenciesOf(slo).map(({ bound }) => bound),
  );
  const bounds = [...slos, ...gates];
  return {
    formatVersion: FORMAT_VERSION,
    system: gateway.system,
    environment: gateway.environment,
    proxy: plan.target,
    issuers: Object.fromEntries(issuers) as FilterPlan["issuers"],
    secrets: secretsOf(model, gateway.environment),
    redis: model.filter.redis,
    ...(plan.reports && { reports: true as const }),
    front: {
      kind,
      hops: trustedHops(model.front),
      networks,
      healthPath,
      tls: model.front.tls,
      idleMs: clientIdleMs(model.front, gateway),
    },
    ...(bounds.length > 0 && { latencyBounds: [...new Set(bounds)].sort((a, b) => a - b) }),
    upstream: model.upstream,
    services: Object.fromEntries(Object.entries(model.services).map(([name, s]) => [name, s.address])),
    ...(Object.keys(several).length > 0 && { servicesSeveral: several }),
    ...(Object.keys(tls).length > 0 && { servicesTls: tls }),
    ...(SERVES_ALL_HOSTS.includes(plan.target) &&
      gateway.otherHosts && { otherHosts: { ...formOf(gateway.otherHosts), ...gateway.otherHosts } }),
    hosts: gateway.hosts.map((host: Host) => {
      return {
        name: host.name,
        ...(host.tenants && { tenants: host.tenants }),
        ...(plan.target === "node-gateway" && host.certificate !== undefined && { certificate: host.certificate }),
        ...formOf(host),
        policies: kept(host.name, "", host.policies),
        routes: host.routes.map((r) => {
          const through = isThrough(host.name, r.name);
          return { ...r, policies: kept(host.name, r.name, r.policies), ...(through && { through }) };
        }),
      };
    }),
  };
}

/** The filter's plan as a file beside the proxy's own. */
export function filterFile(input: TargetInput, path: string): OutputFile[] {
  if (!input.plan.placements.some((p) => p.place !== "native")) return [];
  return [{ path, content: writePlan(filterPlan(input)) }];
}
