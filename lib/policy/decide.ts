import { isPreflight } from "./cors";
import {
  findRoute,
  routeEntries,
  type ConfiguredPolicy,
  type Gateway,
  type Host,
  type Route,
  type RouteEntry,
} from "./gateway";
import { KINDS, kindNamed, PHASES, phaseNumber } from "./index";
import { headerValues, type Decision, type Exchange, type GatewayRequest, type PolicyKind, type State } from "./kind";
import { precedes, type Phase } from "./phase";

/** One phase's word on a request, for those who ask why. */
export interface Step {
  phase: Phase;
  kind: string;
  decision: Exclude<Decision, undefined> | undefined;
}

export interface Verdict {
  host?: Host;
  route?: Route;
  exchange: Exchange;
  steps: Step[];
  /** What the request is answered with; nothing when it goes to the upstream. */
  answer?: Exclude<Decision, undefined>;
  /** Every answer that the order of phases allows here; more than one only when several things are wrong. */
  statuses: ReadonlySet<number>;
}

export interface DecideOptions {
  /** Only these policies are decided here: what a proxy keeps itself is left to it. */
  only?: (policy: ConfiguredPolicy) => boolean;
  /** Go on after a refusal, to know all that is wrong. */
  all?: boolean;
}

interface Compiled {
  host: Host;
  entries: RouteEntry[];
}

const compiledGateways = new WeakMap<Gateway, Map<string, Compiled>>();

function hostOf(gateway: Gateway, name: string): Compiled | undefined {
  let hosts = compiledGateways.get(gateway);
  if (!hosts) {
    hosts = new Map(gateway.hosts.map((host) => [host.name, { host, entries: routeEntries(host.routes) }]));
    compiledGateways.set(gateway, hosts);
  }
  return hosts.get(name);
}

export function newExchange(gateway: Gateway, request: GatewayRequest, makeId: () => string): Exchange {
  return {
    system: gateway.system,
    environment: gateway.environment,
    request,
    requestId: headerValues(request, "x-request-id").join(", ") || makeId(),
    upstream: { set: new Map(), remove: new Set(), target: request.target },
    response: { set: new Map(), remove: new Set() },
    call: { tries: 1, perTryMs: 15_000, retryOn: new Set() },
    atEnd: [],
  };
}

/** Phases that a route which answers itself has no use for. */
const NEEDS_UPSTREAM = (policy: ConfiguredPolicy): boolean => {
  const phase = phaseNumber(policy.kind);
  return phase >= PHASES.credentials && phase <= PHASES.upstream;
};

const registryOrder = new Map(KINDS.map((kind, i) => [kind.kind, i]));
const ordered = new WeakMap<Host | Route, ConfiguredPolicy[]>();

/** The host's and the route's policies in the order of the phases; kinds of one phase in the registry's order. */
export function policiesInOrder(host: Host, route?: Route): ConfiguredPolicy[] {
  const key = route ?? host;
  let policies = ordered.get(key);
  if (!policies) {
    const own = (route?.policies ?? []).filter((p) => !(route?.respond && NEEDS_UPSTREAM(p)));
    const order = (p: ConfiguredPolicy): number => phaseNumber(p.kind) * 100 + (registryOrder.get(p.kind) ?? 0);
    policies = [...host.policies, ...own].sort((a, b) => order(a) - order(b));
    ordered.set(key, policies);
  }
  return policies;
}

class Run {
  readonly steps: Step[] = [];
  readonly statuses = new Set<number>();
  answer: Exclude<Decision, undefined> | undefined;

  note(phase: Phase, kind: string, decision: Decision): void {
    this.steps.push({ phase, kind, decision });
    if (!decision) return;
    this.answer ??= decision;
    // A preflight that something else is wrong with is refused for that, not answered.
    const late = decision.answer === true && decision !== this.answer;
    const hidden = this.steps.some((s) => s.decision && s.decision !== decision && precedes(s.phase, phase));
    if (!hidden && !late) this.statuses.add(decision.status);
  }

  /** Without an identity nothing can be said of what follows from it; counters count nothing that was refused. */
  skips(kind: PolicyKind): boolean {
    if (!this.answer) return false;
    if (kind.kind === "floodGuard" || kind.phase === "limits") return true;
    const noIdentity = this.steps.some((s) => s.phase === "identity" && s.decision);
    return noIdentity && (kind.phase === "tenant" || kind.phase === "authorization");
  }
}

const NOT_FOUND = { status: 404, message: "There is nothing here." };

/** Decides a request by its gateway: the one meaning of a model. */
export async function decideRequest(
  gateway: Gateway,
  request: GatewayRequest,
  state: State,
  makeId: () => string,
  options: DecideOptions = {},
): Promise<Verdict> {
  const exchange = newExchange(gateway, request, makeId);
  const run = new Run();
  const found = hostOf(gateway, request.host);
  if (!found) {
    const decision = { ...NOT_FOUND, reason: "unknown-host" };
    run.note("requestLine", "host", decision);
    return { exchange, steps: run.steps, answer: decision, statuses: run.statuses };
  }
  const { host, entries } = found;
  const preflight = host.policies.some((p) => p.kind === "cors") && isPreflight(request);
  const route = findRoute(entries, request, preflight);
  let routed = false;
  for (const policy of policiesInOrder(host, route)) {
    const kind = kindNamed(policy.kind) as PolicyKind;
    if (!routed && PHASES[kind.phase] > PHASES.route) {
      routed = true;
      run.note("route", "route", route ? undefined : { ...NOT_FOUND, reason: "unknown-path" });
      if (run.answer && options.all !== true) break;
    }
    if (!kind.decide || run.skips(kind) || options.only?.(policy) === false) continue;
    if (run.answer && kind.phase === "response") continue;
    run.note(kind.phase, kind.kind, await kind.decide(policy.config, exchange, state));
    if (run.answer && options.all !== true) break;
  }
  await decorate(host, route, exchange, state, options);
  return {
    host,
    ...(route ? { route } : {}),
    exchange,
    steps: run.steps,
    ...(run.answer ? { answer: run.answer } : {}),
    statuses: run.statuses,
  };
}

/** What every answer carries, whatever phase made it: response headers and those of CORS. */
async function decorate(
  host: Host,
  route: Route | undefined,
  exchange: Exchange,
  state: State,
  options: DecideOptions,
): Promise<void> {
  for (const policy of policiesInOrder(host, route)) {
    const kind = kindNamed(policy.kind) as PolicyKind;
    if (kind.phase !== "response" && kind.phase !== "cors") continue;
    if (options.only?.(policy) === false) continue;
    await kind.decide?.(policy.config, exchange, state);
  }
}
