import type { Construct } from "constructs";
import {
  AuthorizationPolicy,
  AuthorizationPolicySpecAction,
  type AuthorizationPolicySpecRules as Rule,
} from "../../../imports/security.istio.io";
import { configOf } from "../../decision/gateway";
import type { RouteEntry } from "../../decision/route-table";
import type { Issuer, JwtConfig } from "../../policy/kinds/jwt";
import { hasDoor, type HostDraft, type IstioDraft, type RouteDraft } from "./draft";
import { metadata } from "./names";
import { named, operations, patterns, rankedWays, type RankedWays } from "./native-identity";

/**
 * What the filter has admitted, verified once more by code that is not ours: the filter hands the token on in a header that no
 * client can send, and Istio refuses a route that asks for one without. So that it refuses nobody whom the filter admits, the
 * filter keeps a token back while istiod may not have its key yet, or where Envoy would not take its claims.
 */

const [TOKEN, VERIFIED] = ["x-gateway-token", "x-gateway-verified"];

/** What the filter says of it. */
export const AGAIN_HEADERS: readonly string[] = [TOKEN, VERIFIED];

/** Issuers whose tokens a route takes at the door, where each of them is verified again; those who may come without are not. */
function issuersOf({ input }: IstioDraft, { route, door }: RouteDraft): JwtConfig["rules"] {
  const jwt = configOf(route.policies, "jwt") as JwtConfig | undefined;
  // A route that answers by itself asks for no token, whatever it inherits; for its addresses it asks at the door all the same.
  if (!door || route.respond || jwt?.mode !== "required") return [];
  return jwt.rules.every(({ name }) => input.model.issuers[name]?.requestAuthentication) ? jwt.rules : [];
}

const routesOf = ({ routes }: HostDraft): RouteDraft[] => [...routes.values()];

/** Whoever signs tokens that the filter hands on: nobody where Istio's own check is the only one, and looks at the client's header. */
function issuers(draft: IstioDraft): Issuer[] {
  if (!hasDoor(draft) || draft.issuers.size > 0) return [];
  return Object.values(draft.input.model.issuers).filter((issuer) => issuer.requestAuthentication);
}

export const verifiesAgain = (draft: IstioDraft): boolean => issuers(draft).length > 0;

/** Rules for RequestAuthentication; the header goes no further. */
export const againRules = (draft: IstioDraft): { jwksUri: string; issuer: string; fromHeaders: { name: string }[] }[] =>
  issuers(draft).map(({ issuer = "", audiences, jwks }) => ({
    issuer,
    ...(audiences.length > 0 && { audiences: [...audiences] }),
    jwksUri: jwks?.url ?? "",
    fromHeaders: [{ name: TOKEN }],
  }));

const byPathAlone = ({ path, route: { match } }: RouteEntry): boolean =>
  path.type !== "PathTemplate" && match.upgrade === undefined && match.query === undefined && Object.keys(match.headers ?? {}).length === 0;

/** Whether a path and methods say for certain that a request takes this way: Istio's rules know neither templates nor the order of routes. */
const isPlain = (entry: RouteEntry, { entries, tree }: RankedWays): boolean =>
  !tree.someSharing(entry.path, (i) => !byPathAlone(entries[i] as RouteEntry));

interface Operation {
  hosts: string[];
  ports: string[];
  paths: string[];
  methods?: string[];
  notPaths?: string[];
}

/** Ways into a host's routes that take tokens of these issuers alone; those that differ in their paths only are one. */
function operationsOf(draft: IstioDraft, host: HostDraft, of: (rules: JwtConfig["rules"]) => boolean): Operation[] {
  const ways = rankedWays(host);
  const { port, containerPort } = draft.input.model.listeners.https;
  // By port: of TCP, Istio's rule would know nothing else, and refuse everybody's on that gateway.
  const ports = [...new Set([port, containerPort])].map(String);
  const all = new Map<string, Operation>();
  for (const [i, entry] of ways.entries.entries()) {
    if (!of(issuersOf(draft, host.routes.get(entry.route.name) as RouteDraft)) || !isPlain(entry, ways)) continue;
    for (const { methods: taken, notPaths } of operations(ways, i)) {
      // Istio looks at no token of what may be a preflight: where none is answered, it is a request as any other.
      const methods = host.cors ? taken : taken.filter((method) => method !== "OPTIONS");
      if (methods.length === 0) continue;
      const some = { ...(methods.length < ways.methods.length && { methods }), ...(notPaths.length > 0 && { notPaths }) };
      const key = JSON.stringify(some);
      const known = all.get(key);
      all.set(key, { hosts: named(host), ports, paths: [...(known?.paths ?? []), ...patterns(entry)], ...some });
    }
  }
  return [...all.values()];
}

const principals = (rules: JwtConfig["rules"]): string[] => rules.map(({ issuer = "" }) => `${issuer}/*`);

/** One rule for all routes that take tokens of the same issuers. */
function rulesOf(draft: IstioDraft): Rule[] {
  if (!verifiesAgain(draft)) return [];
  const hosts = [...draft.hosts.values()];
  const asked = hosts.flatMap(routesOf).map((route) => principals(issuersOf(draft, route)));
  const groups = new Map(asked.filter((group) => group.length > 0).map((group) => [group.join(" "), group]));
  const rules = [...groups].map(([key, notRequestPrincipals]) => ({
    from: [{ source: { notRequestPrincipals } }],
    to: hosts
      .flatMap((host) => operationsOf(draft, host, (own) => principals(own).join(" ") === key))
      .map((operation) => ({ operation })),
    when: [{ key: `request.headers[${VERIFIED}]`, notValues: ["once"] }],
  }));
  return rules.filter(({ to }) => to.length > 0);
}

export function secondCheck(scope: Construct, draft: IstioDraft): void {
  const rules = rulesOf(draft);
  if (rules.length === 0) return;
  new AuthorizationPolicy(scope, "second-check", {
    metadata: metadata(draft, "second-check"),
    spec: {
      selector: { matchLabels: draft.input.model.kubernetes.istioGateway.labels },
      action: AuthorizationPolicySpecAction.DENY,
      rules,
    },
  });
}
