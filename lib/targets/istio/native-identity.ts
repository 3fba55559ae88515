import type { Construct } from "constructs";
import {
  AuthorizationPolicy,
  AuthorizationPolicySpecAction,
  type AuthorizationPolicySpecRules as Rule,
} from "../../../imports/security.istio.io";
import { namesOfHost } from "../../decision/gateway";
import { routeEntries, type RouteEntry } from "../../decision/route-table";
import { PathTree } from "../../decision/shared-paths";
import { mayShare, pathFits } from "../../decision/route-match";
import { claimMembers, type ClaimPath } from "../../identity/claims";
import type { IssuerRules } from "../../identity/token";
import { METHODS } from "../../policy/values";
import type { HostDraft, IstioDraft, RouteDraft } from "./draft";
import { metadata } from "./names";

/**
 * Tokens and roles by Istio alone: one ALLOW policy that says of every way into every route who may take it. A request
 * that no rule admits is 403, so each rule leaves out what a better match has for itself.
 */

export const patterns = ({ path: { type, value } }: RouteEntry): string[] =>
  type === "PathTemplate" ? [value.replace(/\{\w+\}/g, "{*}")] : type === "Exact" ? [value] : value === "/" ? ["/*"] : [value, `${value}/*`];

const takes = ({ route }: RouteEntry, method: string): boolean =>
  route.match.methods === undefined || route.match.methods.includes(method);

function isInside(inner: RouteEntry, outer: RouteEntry): boolean {
  if (outer.path.type === "PathTemplate")
    return inner.path.type === "Exact" ? pathFits(outer.path, inner.path.value) : inner.path.value === outer.path.value;
  if (inner.path.type === "PathTemplate") return outer.path.type === "PathPrefix" && mayShare(inner.path, outer.path);
  if (outer.path.type === "Exact") return inner.path.type === "Exact" && inner.path.value === outer.path.value;
  const prefix = outer.path.value === "/" ? "/" : `${outer.path.value}/`;
  return inner.path.value === outer.path.value || inner.path.value.startsWith(prefix);
}

/** Ways in, best first, and a tree of their places. */
export interface RankedWays {
  entries: readonly RouteEntry[];
  tree: PathTree<number>;
  /** What the guard lets in. */
  methods: readonly string[];
}

export function rankedWays({ host, methods = METHODS }: HostDraft): RankedWays {
  const entries = routeEntries(host.routes);
  const tree = new PathTree<number>();
  for (const [i, { path }] of entries.entries()) tree.add(path, i);
  return { entries, tree, methods };
}

/** Methods of a way in, grouped by what better matches take from it. */
export function operations(ways: RankedWays, at: number): { methods: string[]; notPaths: string[] }[] {
  const own = ways.entries[at] as RouteEntry;
  const better = ways.tree
    .sharing(own.path)
    .filter((i) => i < at)
    .map((i) => ways.entries[i] as RouteEntry)
    .filter((e) => isInside(e, own));
  const groups = new Map<string, { methods: string[]; notPaths: string[] }>();
  for (const method of ways.methods) {
    if (!takes(own, method)) continue;
    const taken = better.filter((e) => takes(e, method));
    if (taken.some((e) => isInside(own, e))) continue;
    const notPaths = [...new Set(taken.flatMap(patterns))].sort();
    const key = notPaths.join(" ");
    const group = groups.get(key) ?? { methods: [], notPaths };
    group.methods.push(method);
    groups.set(key, group);
  }
  return [...groups.values()];
}

const claimKey = (path: ClaimPath): string =>
  `request.auth.claims${claimMembers(path).map((p) => `[${p}]`).join("")}`;

/** Who may take a route: one entry for each issuer and each alternative of roles. */
function subjects(route: RouteDraft, issuers: readonly IssuerRules[]): Pick<Rule, "from" | "when">[] {
  if (!route.demandsToken) return [{}];
  return issuers.flatMap((rules) => {
    const from = [{ source: { requestPrincipals: [`${rules.issuer ?? ""}/*`] } }];
    const type = rules.type ? [{ key: claimKey(rules.type.claim), values: [rules.type.value] }] : [];
    const alternatives = route.anyOf ?? [{ roles: [] }];
    // Nobody has a role by an issuer that says of none.
    return alternatives.flatMap(({ roles }) => {
      if (roles.length > 0 && rules.roles === undefined) return [];
      const role = rules.roles !== undefined && roles.length > 0 ? [{ key: claimKey(rules.roles), values: roles }] : [];
      const when = [...type, ...role];
      return [{ from, ...(when.length > 0 && { when }) }];
    });
  });
}

export const named = ({ host }: HostDraft): string[] => namesOfHost(host).flatMap(([name]) => [name, `${name}:*`]);

function rulesOf(draft: IstioDraft, host: HostDraft): Rule[] {
  const ways = rankedWays(host);
  return ways.entries.flatMap((entry, i) => {
    const route = host.routes.get(entry.route.name) as RouteDraft;
    const issuers = [...draft.issuers.values()].filter((r) => route.issuers.includes(r.name));
    const to = operations(ways, i).map(({ methods, notPaths }) => ({
      operation: {
        hosts: named(host),
        paths: patterns(entry),
        methods,
        ...(notPaths.length > 0 && { notPaths }),
      },
    }));
    return to.length > 0 ? subjects(route, issuers).map((subject) => ({ ...subject, to })) : [];
  });
}

/** Whether any route is kept by Istio alone. */
export function demandsTokens(draft: IstioDraft): boolean {
  return [...draft.hosts.values()].some((h) => [...h.routes.values()].some((r) => r.demandsToken));
}

export function nativeIdentity(scope: Construct, draft: IstioDraft): void {
  if (!demandsTokens(draft)) return;
  new AuthorizationPolicy(scope, "identity", {
    metadata: metadata(draft, "identity"),
    spec: {
      selector: { matchLabels: draft.input.model.kubernetes.istioGateway.labels },
      action: AuthorizationPolicySpecAction.ALLOW,
      // By no port: redirects are left out by their name (envoy-filters.ts).
      rules: [...draft.hosts.values()].flatMap((host) => rulesOf(draft, host)),
    },
  });
}
