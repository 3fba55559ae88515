import type { KindName } from "../policy";
import type { PathMatch, Respond } from "../decision/gateway";
import { PathTree } from "../decision/shared-paths";
import type { JwtConfig } from "../policy/kinds/jwt";
import type { MatchingConfig } from "../policy/kinds/route-shape";
import { IDEMPOTENT, type HeaderChangeConfig, type RetriesConfig } from "../policy/kinds/upstream";
import { once } from "../once";
import { rolloutOf } from "./rollouts";
import { backendAddressesOf, backendGrpcOf, backendTlsOf } from "./backends";
import type { GatewayModel, RouteModel } from "./schema";

/** Policies that follow from what else a model has: what a route's own shape asks of a target, and which headers are an identity's. */

/** Policies by their kinds, resolved or as they are written. */
export type Policies = Readonly<Partial<Record<KindName, unknown>>> & {
  readonly shadow?: readonly KindName[] | null | undefined;
};

/** What policies of the model, at whatever layer, pass on of a token. */
export const claimHeadersOf = once((model: GatewayModel): JwtConfig["claimHeaders"][] =>
  layersOf(model).flatMap(({ policies }) => {
    const { jwt } = policies as { jwt?: Pick<JwtConfig, "mode" | "claimHeaders"> | null };
    return jwt && jwt.mode !== "open" ? [jwt.claimHeaders] : [];
  }),
);

/** Everything of a model that has policies. */
const layersOf = (model: GatewayModel): readonly { policies: Policies }[] => [
  model,
  ...Object.values(model.hosts),
  ...Object.values(model.services),
  ...model.routes,
];

type HeaderChange = NonNullable<GatewayModel["policies"]["requestHeaders"]>;

/** The headers of a policy that are secrets, and its other ones. */
function divided({ set, ...others }: HeaderChange): { secret: Record<string, string>; plain: HeaderChangeConfig } {
  const secret: Record<string, string> = {};
  const plain: Record<string, string> = {};
  for (const [header, value] of Object.entries(set)) {
    if (typeof value === "string") plain[header] = value;
    else secret[header] = value.secret;
  }
  return { secret, plain: { ...others, set: plain } };
}

/** Headers that some policy of the model sets from an identity or a secret: clients may send none of them. */
export const identityHeaders = once((model: GatewayModel): string[] => {
  const secrets = layersOf(model).flatMap(({ policies }) => {
    const { requestHeaders } = policies as { requestHeaders?: HeaderChange | null };
    return requestHeaders ? Object.keys(divided(requestHeaders).secret) : [];
  });
  return [...new Set([...claimHeadersOf(model).flatMap(Object.keys), ...secrets])].sort();
});

export function pathsOf(route: RouteModel, basePath: string | undefined): PathMatch[] {
  const under = (value: string): string => (basePath ?? "") + (value === "/" && basePath ? "" : value);
  return [
    ...route.match.exact.map((value) => ({ type: "Exact" as const, value: under(value) })),
    ...route.match.template.map((value) => ({ type: "PathTemplate" as const, value: under(value) })),
    ...route.match.prefix.map((value) => ({ type: "PathPrefix" as const, value: under(value) })),
  ];
}

/** The services that a route sends to, by name. */
export function servicesOf(route: RouteModel): string[] {
  return route.backends?.map((b) => b.service) ?? (route.service === undefined ? [] : [route.service]);
}

/** What a route answers by itself. */
export function respondOf({ respond, redirect }: RouteModel): Respond | undefined {
  if (!redirect) return respond;
  const { status, ...to } = redirect;
  return { status, contentType: "text/plain", body: "", redirect: to };
}

/** True when the routes lead to the same place, so that a path alone may choose between them. */
function leadsAlike(a: RouteModel, b: RouteModel): boolean {
  return !respondOf(a) && !respondOf(b) && servicesOf(a).join() === servicesOf(b).join();
}

const pathTreeOf = once((model: GatewayModel): PathTree<RouteModel> => {
  const tree = new PathTree<RouteModel>();
  for (const route of model.routes) for (const path of pathsOf(route, undefined)) tree.add(path, route);
  return tree;
});

/** Whether some of its paths lead elsewhere with another method or header. */
function divides(model: GatewayModel, route: RouteModel): boolean {
  const leadsElsewhere = (other: RouteModel): boolean => other !== route && !leadsAlike(other, route);
  return (
    respondOf(route) !== undefined ||
    pathsOf(route, undefined).some((path) => pathTreeOf(model).someSharing(path, leadsElsewhere))
  );
}

function triesOthers(backends: readonly { weight: number }[], policies: Policies): boolean {
  const tries = (policies.retries as { tries: number } | undefined)?.tries ?? 1;
  return tries > 1 && backends.filter((b) => b.weight > 0).length > 1;
}

/** Whose path it is can be told where it has variables. */
function ownersOf({ authorization }: Policies, route: RouteModel, basePath: string | undefined): Policies {
  const rules = authorization as { anyOf: { owner?: object }[]; noneOf: { owner?: object }[] } | undefined;
  if (![...(rules?.anyOf ?? []), ...(rules?.noneOf ?? [])].some((a) => a.owner)) return {};
  const templates = pathsOf(route, basePath).filter((p) => p.type === "PathTemplate");
  return { authorization: { ...rules, templates: templates.map((p) => p.value) } };
}

/** Secrets are the filter's to set, whoever sets the other headers. */
function headersOf({ requestHeaders }: Policies): Policies {
  if (!requestHeaders) return {};
  const { secret, plain } = divided(requestHeaders as HeaderChange);
  return { requestHeaders: plain, ...(Object.keys(secret).length > 0 && { secretHeaders: { set: secret } }) };
}

const sorted = (labels: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What the route's own shape asks of a target. */
export function shapeOf(
  model: GatewayModel,
  route: RouteModel,
  policies: Policies,
  ofHost: Policies,
  basePath: string | undefined,
): Policies {
  const bodySize = respondOf(route) ? undefined : (policies.bodySize as { max: number } | undefined);
  const { match, backends } = route;
  const rollout = rolloutOf(model, route);
  const respond = respondOf(route);
  const wanted = Object.values(match.headers ?? {});
  const byOne = wanted.some((w) => typeof w === "string");
  const divided = (match.methods !== undefined || byOne) && divides(model, route);
  const matching: MatchingConfig = {
    byMethod: divided && match.methods !== undefined,
    byHeader: divided && byOne,
    byHeaderSet: wanted.some((w) => typeof w !== "string"),
    byTemplate: match.template.length > 0,
    ...(match.query && { byQuery: true }),
    byUpgrade: match.upgrade !== undefined,
  };
  const othersTried = backends !== undefined && !rollout && triesOthers(backends, policies);
  return {
    ...(bodySize && { bodyCount: { max: bodySize.max } }),
    ...((match.methods ?? match.headers ?? match.query ?? (matching.byTemplate || matching.byUpgrade)) && { matching }),
    ...(respond && { respond }),
    ...(Object.keys(route.labels).length > 0 && { auditLabels: { labels: sorted(route.labels) } }),
    ...headersOf(policies),
    ...ownersOf(policies, route, basePath),
    ...backendAddressesOf(model, servicesOf(route), othersTried),
    ...backendTlsOf(model, servicesOf(route)),
    ...backendGrpcOf(model, servicesOf(route), grpcRouteOf(model, policies, ofHost, route)),
    ...(backends && {
      weights: {
        backends,
        triesOthers: othersTried,
        byTls: backends.some(({ service }) => model.services[service]?.tls !== undefined),
        ...(rollout && { rollout: { to: rollout.to, sticky: rollout.sticky } }),
      },
    }),
  };
}

/** What of a route matters where its service speaks gRPC. */
function grpcRouteOf(
  model: GatewayModel,
  policies: Policies,
  ofHost: Policies,
  route: RouteModel,
): Parameters<typeof backendGrpcOf>[2] {
  const changed = [policies.requestHeaders, policies.responseHeaders].flatMap((change) => {
    const { set = {}, remove = [] } = (change ?? {}) as Partial<HeaderChange>;
    return [...Object.keys(set), ...remove];
  });
  const { drop = [] } = (ofHost.headerHygiene ?? {}) as { drop?: string[] };
  return {
    tries: (policies.retries as RetriesConfig | undefined)?.tries ?? 1,
    idempotent: !route.match.methods || route.match.methods.some((m) => (IDEMPOTENT as readonly string[]).includes(m)),
    headers: [...changed, ...drop, ...identityHeaders(model)],
  };
}
