import { KINDS, type KindName } from "../policy";
import type { ConfiguredPolicy, Gateway, Host, Route } from "../decision/gateway";
import { issuerRules, type JwtConfig } from "../policy/kinds/jwt";
import type { RetriesConfig, TimeoutsConfig } from "../policy/kinds/upstream";
import { once } from "../once";
import { modelIn } from "./overlay";
import { rolloutOf } from "./rollouts";
import { OWN_ANSWERS } from "../policy/kinds/compression";
import { HOST_KINDS, ROUTE_KINDS } from "./policy-shapes";
import type { GatewayModel, RouteModel } from "./schema";
import { claimHeadersOf, identityHeaders, pathsOf, respondOf, servicesOf, shapeOf, type Policies } from "./shape";

/** What holds where a model says nothing. */
const DEFAULTS: Readonly<Partial<Record<KindName, unknown>>> = {
  httpsRedirect: {},
  requestLine: {},
  pathHygiene: {},
  headerHygiene: {},
  bodySize: { max: "1MiB" },
  webSocket: {},
  // Where a WebSocket begins with a token.
  connections: { max: 100, key: ["user"] },
  floodGuard: {},
  timeouts: {},
  requestId: {},
  securityHeaders: {},
  errorBody: {},
  audit: {},
};

/** What every answer of a host carries, whoever asks for what. */
const ANSWER_KINDS = KINDS.filter((k) => k.perHost && k.phase === "response").map((k) => k.kind);

const defaults = Object.fromEntries(
  KINDS.filter((k) => k.kind in DEFAULTS).map((k) => [k.kind, k.schema.parse(DEFAULTS[k.kind])]),
) as Policies;

/** Nearest wins, whole policy by whole policy: later layers replace earlier ones, `null` takes away. */
function inherit(kinds: readonly string[], ...layers: Policies[]): Policies {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const kind of kinds) {
      const value = layer[kind as KindName];
      if (value !== undefined) merged[kind] = value;
    }
  }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}

/** Kinds that refuse nothing, by the nearest list. */
const shadowOf = (layers: readonly Policies[]): readonly KindName[] =>
  layers.findLast(({ shadow }) => shadow !== undefined)?.shadow ?? [];

const exists = (item: { environments?: string[] | undefined }, environment: string): boolean =>
  item.environments === undefined || item.environments.includes(environment);

/** What of other routes matters where tokens are judged. */
const ofAllRoutes = once((model: GatewayModel) => {
  const passedOn = claimHeadersOf(model).map((headers) => JSON.stringify(Object.entries(headers).sort()));
  return {
    amongHeaderRoutes: model.routes.some(
      ({ match }) => match.headers !== undefined || match.query !== undefined || match.upgrade !== undefined,
    ),
    claimHeadersDiffer: new Set(passedOn).size > 1,
  };
});

/** Tenants that are shut out. */
const disabledTenants = once(({ hosts }: GatewayModel) =>
  Object.values(hosts).flatMap(({ tenants }) =>
    Object.values(tenants ?? {}).flatMap(({ id, disabled }) => (disabled ? [id] : [])),
  ),
);

/** `ofHost` are the host's own. */
function toPolicies(model: GatewayModel, host: string, ofHost: Policies, policies: Policies): ConfiguredPolicy[] {
  return Object.entries(policies).map(([kind, config]) => {
    if (kind === "jwt") {
      const jwt = config as JwtConfig;
      const rules = jwt.issuers.flatMap((name) => {
        const issuer = model.issuers[name];
        return issuer ? [issuerRules(name, issuer)] : [];
      });
      const listed = (ofHost.cors as { origins: string[] } | undefined)?.origins ?? [];
      const own = {
        ...ofAllRoutes(model),
        handshakes: (policies.webSocket as { allowed: boolean } | undefined)?.allowed ?? false,
        origins: listed,
      };
      return { kind: "jwt", config: { ...jwt, rules, ...own } };
    }
    if (kind === "headerHygiene") {
      const { drop, single, ...rest } = config as { drop: string[]; single: string[]; pass: string[] };
      const here = model.routes.filter((r) => r.hosts === undefined || r.hosts.includes(host));
      const chosenBy = here.flatMap((r) => Object.keys(r.match.headers ?? {}));
      return {
        kind: "headerHygiene",
        config: {
          ...rest,
          drop: [...new Set([...drop, ...identityHeaders(model)])],
          single: [...new Set([...single, ...chosenBy])],
        },
      };
    }
    // Who chooses among backends knows alone whose breaker it is.
    if (kind === "circuitBreaker") {
      const { allowed = false } = (policies.webSocket ?? {}) as { allowed?: boolean };
      const { idle } = (policies.timeouts ?? {}) as Partial<TimeoutsConfig>;
      const own = {
        ...(policies.weights !== undefined && { amongBackends: true }),
        ...((allowed || policies.streaming === true || idle === null) && { longExchanges: true }),
      };
      return { kind, config: { ...(config as object), ...own } };
    }
    if (kind === "timeouts" && typeof (config as TimeoutsConfig).idle === "number") {
      const { tries = 0, perTry = 0 } = (policies.retries ?? {}) as Partial<RetriesConfig>;
      return { kind, config: { ...(config as object), ofTries: tries * perTry } };
    }
    if (kind === "tenant") {
      const disabled = disabledTenants(model);
      return { kind, config: { ...(config as object), ...(disabled.length > 0 && { disabled }) } };
    }
    if (kind === "compression") {
      const { body = "" } = (policies.fallback ?? {}) as { body?: string };
      return { kind, config: { ...(config as object), ...(body.length > OWN_ANSWERS && { largeFallback: true }) } };
    }
    if (kind === "cache") {
      // What else of a request may steer the answer: with cors, the gateway alone speaks of origins.
      const passed = (ofHost.headerHygiene as { pass: string[] } | undefined)?.pass ?? [];
      const variesBy = ["accept", ...(ofHost.cors ? [] : ["origin"]), ...passed];
      return { kind: "cache", config: { ...(config as object), variesBy: [...new Set(variesBy)] } };
    }
    return { kind: kind as KindName, config };
  });
}

/** What WebSockets need besides: an end with their token, and a cap for each user. A route that answers itself opens none. */
function ofHandshakes(policies: Policies, route: RouteModel): Policies {
  const { match } = route;
  const { connections, ...others } = policies;
  const responds = respondOf(route) !== undefined;
  // Taken away it is what holds where a model says nothing: handshakes are refused, and not by some targets alone.
  const said = (policies.webSocket ?? defaults.webSocket) as { allowed: boolean; closeAtExpiry: boolean };
  const webSocket = { ...said, allowed: said.allowed || match.upgrade !== undefined };
  const jwt = policies.jwt as JwtConfig | undefined;
  const hasTokens = !responds && jwt !== undefined && jwt.mode !== "open";
  const wanted = connections !== defaults.connections || (webSocket.allowed && hasTokens);
  return {
    ...others,
    webSocket: { ...webSocket, closeAtExpiry: webSocket.closeAtExpiry && hasTokens },
    ...(connections !== undefined && wanted && { connections }),
  };
}

function resolveRoute(model: GatewayModel, hostName: string, ofHost: Policies, route: RouteModel): Route {
  const host = model.hosts[hostName];
  const services = servicesOf(route);
  // Both services of a rollout have the same policies.
  const owner = services.length === 1 ? services[0] : rolloutOf(model, route)?.from;
  const servicePolicies = model.services[owner ?? ""]?.policies;
  const basePath = host?.basePath;
  const { rewrite } = route.policies;
  // A route's own prefix is written without the host's.
  const own: Policies =
    rewrite && basePath !== undefined
      ? {
          ...route.policies,
          rewrite: { ...rewrite, prefix: basePath + (rewrite.prefix === "/" ? "" : rewrite.prefix) },
        }
      : route.policies;
  const base: Policies = basePath === undefined ? {} : { rewrite: { prefix: basePath, replacement: "/" } };
  const layers = [defaults, model.policies, host?.policies ?? {}, servicePolicies ?? {}, base, own];
  const policies = ofHandshakes(inherit(ROUTE_KINDS, ...layers), route);
  const shadow = shadowOf(layers);
  const { methods, headers, query, upgrade } = route.match;
  const responds = respondOf(route);
  return {
    name: route.name,
    match: {
      paths: pathsOf(route, host?.basePath),
      ...(methods && { methods }),
      ...(headers && { headers }),
      ...(query && { query }),
      ...(upgrade && { upgrade }),
    },
    backends: route.backends ?? services.map((service) => ({ service, weight: 100 })),
    ...(responds && { respond: responds }),
    policies: toPolicies(model, hostName, ofHost, {
      ...policies,
      ...shapeOf(model, route, policies, ofHost, basePath),
    })
      // A route that answers by itself asks nobody on nginx: what refuses nothing there is not judged either.
      .filter(({ kind }) => !(responds && shadow.includes(kind)))
      .map((policy) => (shadow.includes(policy.kind) ? { ...policy, shadow: true as const } : policy)),
  };
}

const HOST_TENANTS: ConfiguredPolicy = { kind: "hostTenants", config: {} };

/** The gateway of one environment, with everything inherited and everything that it lacks left out. */
export function resolveGateway(whole: GatewayModel, environment: string): Gateway {
  const model = modelIn(whole, environment);
  const present = (route: RouteModel): boolean =>
    exists(route, environment) &&
    servicesOf(route).every((s) => {
      const service = model.services[s];
      return service !== undefined && exists(service, environment);
    });
  const hosts = Object.entries(model.hosts)
    .filter(([, host]) => exists(host, environment))
    .map(([name, host]): Host => {
      const policies = inherit(HOST_KINDS, defaults, model.policies, host.policies);
      const routes = model.routes.filter((r) => present(r) && (r.hosts === undefined || r.hosts.includes(name)));
      const { tenants, certificate } = host;
      const own = certificate && certificate.secret !== model.certificate.secret;
      return {
        name,
        ...(tenants && { tenants }),
        ...(own && { certificate: certificate.secret }),
        policies: [...toPolicies(model, name, policies, policies), ...(tenants ? [HOST_TENANTS] : [])],
        routes: routes.map((route) => resolveRoute(model, name, policies, route)),
      };
    });
  const ofAnswers = inherit(ANSWER_KINDS, defaults, model.policies);
  const otherHosts = { name: "", policies: toPolicies(model, "", {}, ofAnswers), routes: [] };
  return { system: model.name, environment, hosts, otherHosts };
}

/** Where an environment finds its secrets: an id in Secrets Manager may have `{environment}` in it. */
export function secretsOf({ secrets }: GatewayModel, environment: string): GatewayModel["secrets"] {
  return Object.fromEntries(
    Object.entries(secrets).map(([name, { awsSecretsManager: id, ...secret }]) => [
      name,
      { ...secret, ...(id !== undefined && { awsSecretsManager: id.replaceAll("{environment}", environment) }) },
    ]),
  );
}
