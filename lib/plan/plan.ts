import { diagnostic, type Diagnostic, type Result } from "../diagnostics";
import { FEATURES, kindNamed, PHASES, phaseNumber, precedes, type Feature, type PolicyKind } from "../policy";
import { policiesInOrder } from "../decision/decide";
import type { ConfiguredPolicy, Gateway, Host, Route } from "../decision/gateway";
import { once } from "../once";
import type { Capabilities, Claim, Place } from "./capabilities";
import type { Placement, TargetPlan } from "./placement";

const covers = (claim: Claim, features: readonly Feature[]): boolean =>
  features.every((f) => claim.supports.includes(f));

const missing = (claims: readonly Claim[], features: readonly Feature[]): Feature[] =>
  features.filter((f) => !claims.some((c) => c.supports.includes(f)));

interface Wanted {
  host: Host;
  route?: Route;
  policy: ConfiguredPolicy;
  features: readonly Feature[];
}

/** What stands to be kept: every policy that promises something, once for its host or route. */
function wantedOf(gateway: Gateway): Wanted[] {
  const of = (host: Host, policies: readonly ConfiguredPolicy[], route?: Route): Wanted[] =>
    policies.flatMap((policy) => {
      const own = (kindNamed(policy.kind) as PolicyKind).requires(policy.config);
      const features: readonly Feature[] = policy.shadow && own.length > 0 ? [...own, "Shadow"] : own;
      return features.length > 0 ? [{ host, ...(route && { route }), policy, features }] : [];
    });
  return gateway.hosts.flatMap((host) => [
    ...of(host, host.policies),
    ...host.routes.flatMap((route) => {
      const own = new Set(route.policies);
      return of(
        host,
        policiesInOrder(host, route).filter((p) => own.has(p)),
        route,
      );
    }),
  ]);
}

const OF_IDENTITY: readonly Feature[] = [
  "TenantFromClaims",
  "AuthorizationByRole",
  "AuthorizationByScope",
  "AuthorizationByClaim",
  "AuthorizationByOwner",
  "AuthorizationNoneOf",
  "RateLimitByUser",
  "RateLimitByClaim",
  "RateLimitByTenant",
  "ConnectionLimitByUser",
  "CsrfDoubleSubmit",
];

const needsIdentity = (features: readonly Feature[]): boolean => features.some((f) => OF_IDENTITY.includes(f));

/** By the route that it is of, or by the host where it is of the whole host. */
class ByPlace<T> {
  readonly #found = new Map<Host | Route, T[]>();

  add(place: Host | Route, item: T): void {
    const known = this.#found.get(place);
    if (known) known.push(item);
    else this.#found.set(place, [item]);
  }

  of(place: Host | Route): readonly T[] {
    return this.#found.get(place) ?? [];
  }
}

/**
 * What the filter decides and does where a route goes through it: from who asks to how the service is called. What is done to
 * the answer after that stays with the proxy, where that can.
 */
const goesAlong = ({ policy }: Wanted): boolean => {
  const phase = phaseNumber(policy.kind);
  return phase >= PHASES.credentials && phase <= PHASES.upstream;
};

/** Places of a filter that is asked. */
const OF_FILTER = { extAuth: "ext-auth", extAuthBody: "ext-auth-body", reported: "reported" } as const;

class Planner {
  readonly placements: Placement[] = [];
  readonly #refused = new Map<string, { at: string; why: string; fix: string; also: string[] }>();
  readonly used = new Set<string>();
  readonly #wanted = new ByPlace<Wanted>();
  readonly #placed = new ByPlace<Placement>();
  readonly #forces: (wanted: Wanted) => boolean;

  constructor(
    private readonly gateway: Gateway,
    private readonly capabilities: Capabilities,
    private readonly accepted: ReadonlySet<string>,
    private readonly modules: readonly string[],
    wanted: readonly Wanted[],
  ) {
    for (const one of wanted) this.#wanted.add(one.route ?? one.host, one);
    this.#forces = once((one) => this.#isForcing(one));
  }

  /** Routes with a promise that nothing keeps that sees less than the whole exchange. */
  #isProxied({ route }: Wanted): boolean {
    if (this.capabilities.carriesAll) return true;
    // The proxy answers it: nobody behind it would be asked.
    return route !== undefined && !route.respond && this.#wanted.of(route).some((w) => this.#forces(w));
  }

  #isForcing({ policy: { kind }, features }: Wanted): boolean {
    const { native, extAuth, extAuthBody, reported, proxied } = this.capabilities;
    const own = (native[kind] ?? []).filter((c) => this.#usable(c));
    const kept = [...own, extAuth[kind], extAuthBody[kind], reported[kind]];
    const alone = proxied[kind];
    return !kept.some((c) => c && covers(c, features)) && alone !== undefined && covers(alone, features);
  }

  place(wanted: Wanted): void {
    const { host, route, policy, features } = wanted;
    const claims = this.capabilities.native[policy.kind] ?? [];
    const proxied = this.#isProxied(wanted);
    const pulled = proxied && goesAlong(wanted);
    const add = (placement: Placement): void => {
      this.placements.push(placement);
      this.#placed.add(route ?? host, placement);
    };
    const placement = (place: Place, claim: number, difference?: string): Placement => ({
      host: host.name,
      ...(route && { route: route.name }),
      kind: policy.kind,
      config: policy.config,
      features,
      place,
      claim,
      ...(difference !== undefined && { difference }),
    });
    const native = claims.findIndex(
      (c) =>
        !pulled && this.#usable(c) && covers(c, features) && !this.#tooEarly(c, wanted) && this.#staysTogether(wanted),
    );
    const asked = (["extAuth", "extAuthBody", "reported"] as const).find((place) => {
      const claim = this.capabilities[place][policy.kind];
      return !proxied && claim && covers(claim, features);
    });
    const way = this.capabilities.proxied[policy.kind];
    if (native >= 0) {
      const difference = claims[native]?.difference?.name;
      if (difference !== undefined) this.used.add(difference);
      add(placement("native", native, difference));
    } else if (asked) {
      add(placement(OF_FILTER[asked], 0));
    } else if (proxied && way && covers(way, features)) {
      add({ ...placement("proxied", 0), ...(this.#forces(wanted) && { forces: true as const }) });
    } else {
      this.#refuse(wanted);
    }
  }

  /**
   * Who has verified the token must also decide what follows from it: an identity never crosses from a proxy's own
   * check to the door, or back.
   */
  #staysTogether({ route, policy, features }: Wanted): boolean {
    if (!route) return true;
    if (policy.kind === "jwt") {
      const followers = this.#wanted.of(route).filter((w) => needsIdentity(w.features));
      return followers.every((w) => {
        const claims = this.capabilities.native[w.policy.kind] ?? [];
        return claims.some((c) => this.#usable(c) && covers(c, w.features));
      });
    }
    if (!needsIdentity(features)) return true;
    return !this.#placed.of(route).some((p) => p.kind === "jwt" && p.place !== "native");
  }

  #usable(claim: Claim): boolean {
    return this.#isThere(claim) && (claim.difference === undefined || this.accepted.has(claim.difference.name));
  }

  #isThere({ module }: Claim): boolean {
    return module === undefined || this.modules.includes(module);
  }

  /** A form that runs before the door must not hide a refusal that the door owes first. */
  #tooEarly(claim: Claim, { host, route, policy }: Wanted): boolean {
    if (claim.stage === "afterExtAuth") return false;
    const { phase } = kindNamed(policy.kind);
    const before = [...this.#placed.of(host), ...(route ? this.#placed.of(route) : [])];
    return before.some((p) => p.place !== "native" && precedes(kindNamed(p.kind).phase, phase));
  }

  /** Those for whose sake the exchange is the filter's, so that the proxy keeps nothing of it. */
  #forcing({ host, route }: Wanted): Wanted[] {
    return this.#wanted.of(route ?? host).filter((w) => this.#forces(w));
  }

  #refuse(wanted: Wanted): void {
    const { host, route, policy, features } = wanted;
    const { target, native, ...filter } = this.capabilities;
    const claims = [
      ...(native[policy.kind] ?? []),
      ...[filter.extAuth, filter.extAuthBody, filter.reported, filter.proxied].flatMap((of) => of[policy.kind] ?? []),
    ];
    const lacking = missing(claims, features);
    const spared = (of: readonly Claim[], asked: readonly Feature[]): NonNullable<Claim["difference"]>[] =>
      of.flatMap((c) => (c.difference && this.#isThere(c) && covers(c, asked) ? [c.difference] : []));
    const at = [
      this.gateway.system,
      ...(route ? ["routes", route.name] : ["hosts", host.name]),
      "policies",
      policy.kind,
    ].join("/");
    const needs = (lacking.length > 0 ? lacking : features).map((f) => `${f} (${FEATURES[f]})`).join(", ");
    const forcing = lacking.length > 0 ? [] : this.#forcing(wanted);
    const kinds = [...new Set(forcing.map((w) => w.policy.kind))].join(", ");
    const others =
      kinds === ""
        ? ""
        : ` The route goes through the filter for the sake of ${kinds}, and the filter has no place for it.`;
    const why = `${target} has no place that keeps ${needs} on ${host.name}${route ? "" : " as a whole"}.${others}`;
    const where = `${route ? `${route.name} on ` : ""}${host.name}`;
    const named = [
      ...spared(claims, features),
      ...forcing.flatMap((w) => spared(native[w.policy.kind] ?? [], w.features)),
    ];
    const what = forcing.length > 0 ? kinds : "the policy or its option";
    const accept = named.map(
      (d) =>
        `accept the difference "${d.name}" (${d.text}) by accept: [{ difference: ${d.name}, reason: "why it does no harm" }]`,
    );
    const fix = [...accept, `take ${what} away, or take ${target} out of targets`].join(", or ");
    const key = JSON.stringify([policy.kind, needs, others, fix]);
    const known = this.#refused.get(key);
    if (known) known.also.push(where);
    else this.#refused.set(key, { at, why, fix: `${fix[0]?.toUpperCase() ?? ""}${fix.slice(1)}.`, also: [] });
  }

  /** Each once for all routes that are refused alike: what helps one of them helps all. */
  get diagnostics(): Diagnostic[] {
    return [...this.#refused.values()].map(({ at, why, fix, also }) => {
      const others = also.length > 0 ? ` The same holds for ${also.join(", ")}.` : "";
      return diagnostic("plan/unenforceable-policy", at, why + others, fix);
    });
  }
}

/** Places every promise of a gateway on one target, or refuses. Pure: it knows targets by their claims alone. */
export function planTarget(
  gateway: Gateway,
  capabilities: Capabilities,
  accepted: readonly string[],
  modules: readonly string[] = [],
): Result<TargetPlan> & { usedDifferences: readonly string[] } {
  const wanted = wantedOf(gateway);
  const planner = new Planner(gateway, capabilities, new Set(accepted), modules, wanted);
  for (const one of wanted) planner.place(one);
  const { diagnostics, placements, used } = planner;
  const usedDifferences = [...used];
  if (diagnostics.length > 0) return { diagnostics, usedDifferences };
  const { target, proven } = capabilities;
  const asks = placements.some(({ place }) => place !== "native" && place !== "proxied");
  const reports = asks && Object.keys(capabilities.reported).length > 0;
  return {
    value: { target, proven, reports, carriesAll: capabilities.carriesAll ?? false, placements },
    diagnostics,
    usedDifferences,
  };
}
