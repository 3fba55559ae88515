import { isPreflight } from "../policy/kinds/cors";
import {
  configOf,
  namesOfHost,
  type ConfiguredPolicy,
  type Gateway,
  type Host,
  type HostTenant,
  type Route,
} from "./gateway";
import { once } from "../once";
import { RouteTable } from "./route-table";
import { KINDS, kindNamed, PHASES, phaseNumber } from "../policy";
import {
  BodyRefused,
  headerValues,
  type Decision,
  type Exchange,
  type GatewayRequest,
  type PolicyKind,
  type Refusal,
  type State,
} from "../policy/kind";
import { IDLE_MS } from "../policy/kinds/upstream";
import { precedes, type Phase } from "../policy/phase";

/** One phase's word on a request, for those who ask why. */
export interface Step {
  phase: Phase;
  kind: string;
  decision: Decision;
  /** What a policy that refuses nothing would have answered. */
  shadow?: Refusal;
}

export interface Verdict {
  host?: Host;
  route?: Route;
  exchange: Exchange;
  /** What the request is answered with; nothing when it goes to the upstream. */
  answer?: Refusal;
}

/** What was found out on the way to a verdict. */
export class Findings {
  readonly steps: Step[] = [];
  /** Every answer that the order of phases allows here; more than one only when several things are wrong. */
  readonly statuses = new Set<number>();
  #answer: Refusal | undefined;

  /** `all`: goes on after a refusal, to know everything that is wrong. */
  constructor(readonly all = false) {}

  /** `shadow`: what it would have refused with, if it refused. */
  note(phase: Phase, kind: string, decision: Decision, shadow?: Refusal): void {
    this.steps.push({ phase, kind, decision, ...(shadow && { shadow }) });
    if (!decision) return;
    this.#answer ??= decision;
    // A preflight that something else is wrong with is refused for that, not answered.
    const late = decision.answer === true && decision !== this.#answer;
    const hidden = this.steps.some((s) => s.decision && s.decision !== decision && precedes(s.phase, phase));
    if (!hidden && !late) this.statuses.add(decision.status);
  }

  /** Without an identity nothing can be said of what follows from it; counters count nothing that was refused. */
  skips(kind: PolicyKind): boolean {
    if (!this.#answer) return false;
    if (kind.kind === "floodGuard" || kind.phase === "limits" || kind.phase === "response") return true;
    const noIdentity = this.steps.some((s) => s.phase === "identity" && s.decision);
    return noIdentity && (kind.phase === "tenant" || kind.phase === "authorization");
  }
}

interface Compiled {
  host: Host;
  tenant?: HostTenant | undefined;
  routes: RouteTable;
  answersPreflights: boolean;
}

/** The hosts that requests ask for: names of their own come before those of tenants. */
const hostsOf = once(
  (gateway: Gateway) =>
    new Map<string, Compiled>(
      [...gateway.hosts]
        .sort((a, b) => Number(b.tenants !== undefined) - Number(a.tenants !== undefined))
        .flatMap((host) => {
          const answersPreflights = host.policies.some((p) => p.kind === "cors");
          const routes = new RouteTable(host.routes);
          return namesOfHost(host).map(
            ([name, tenant]) => [name, { host, tenant, routes, answersPreflights }] as const,
          );
        }),
    ),
);

const NEVER: ReadonlySet<string> = new Set();

export function newExchange(gateway: Gateway, request: GatewayRequest, makeId: () => string): Exchange {
  return {
    system: gateway.system,
    environment: gateway.environment,
    request,
    requestId: headerValues(request, "x-request-id").join(", ") || makeId(),
    upstream: { set: new Map(), remove: new Set(), target: request.target },
    response: { set: new Map(), setOnSuccess: new Map(), remove: new Set() },
    call: { tries: 1, perTryMs: 15_000, retryOn: NEVER, idleMs: IDLE_MS },
    atEnd: [],
  };
}

/** What a route that answers itself has no use for. */
const NEEDS_UPSTREAM = ({ kind }: ConfiguredPolicy): boolean => {
  const phase = phaseNumber(kind);
  return (
    (phase >= PHASES.credentials && phase <= PHASES.upstream) || (kindNamed(kind) as PolicyKind).sees === "response"
  );
};

const registryOrder = new Map(KINDS.map((kind, i) => [kind.kind, i]));

function sorted(host: Host, route: Route | undefined): ConfiguredPolicy[] {
  const own = (route?.policies ?? []).filter((p) => !(route?.respond && NEEDS_UPSTREAM(p)));
  const order = (p: ConfiguredPolicy): number => phaseNumber(p.kind) * 100 + (registryOrder.get(p.kind) ?? 0);
  return [...host.policies, ...own].sort((a, b) => order(a) - order(b));
}

/** A policy that has a word on requests, ready to be asked. */
interface Asked {
  kind: PolicyKind;
  config: unknown;
  decide: NonNullable<PolicyKind["decide"]>;
  /** It is asked only once a route is known. */
  ofRoute: boolean;
  shadow: boolean;
}

interface Chain {
  policies: readonly ConfiguredPolicy[];
  asked: readonly Asked[];
  /** What every answer carries, whatever phase made it. */
  ofAnswers: readonly Asked[];
}

function newChain(host: Host, route: Route | undefined): Chain {
  const policies = sorted(host, route);
  const asked = policies.flatMap((policy): Asked[] => {
    const kind = kindNamed(policy.kind) as PolicyKind;
    const ofRoute = PHASES[kind.phase] > PHASES.route;
    const shadow = policy.shadow === true;
    return kind.decide ? [{ kind, config: policy.config, decide: kind.decide.bind(kind), ofRoute, shadow }] : [];
  });
  const of = (phase: Phase): Asked[] => asked.filter(({ kind }) => kind.phase === phase);
  return {
    policies,
    asked: asked.filter(({ kind }) => kind.phase !== "response"),
    // Whoever answers preflights adds to the other answers as well.
    ofAnswers: [...of("cors"), ...of("response")],
  };
}

const NO_ROUTE: readonly ConfiguredPolicy[] = [];

/** Of a host's routes that answer themselves, and of the others: those that share policies share what follows from them. */
const chainsOf = once((host: Host) => ({
  answering: once((_: readonly ConfiguredPolicy[], route?: Route) => newChain(host, route)),
  others: once((_: readonly ConfiguredPolicy[], route?: Route) => newChain(host, route)),
}));

const chainOf = (host: Host, route: Route | undefined): Chain =>
  chainsOf(host)[route?.respond ? "answering" : "others"](route?.policies ?? NO_ROUTE, route);

/** The host's and the route's policies in the order of the phases; kinds of one phase in the registry's order. */
export const policiesInOrder = (host: Host, route?: Route): readonly ConfiguredPolicy[] =>
  chainOf(host, route).policies;

const NOT_FOUND = { status: 404, message: "There is nothing here." };

const UNKNOWN_HOST: Refusal = { ...NOT_FOUND, reason: "unknown-host" };
const MISMATCH: Refusal = {
  status: 403,
  reason: "route-mismatch",
  message: "The gateway's parts disagree on this request.",
};
const UNKNOWN_PATH: Refusal = { ...NOT_FOUND, reason: "unknown-path" };

interface DecideOptions {
  findings?: Findings;
  /** The route that a proxy has chosen: with another one policies of the wrong route would be asked. */
  chosen?: string | undefined;
  /** There is no body to look at: whoever would have to is not asked. */
  headOnly?: boolean;
}

/** Gives back what the exchange has held. */
export function endExchange({ atEnd }: Exchange): void {
  for (const done of atEnd.splice(0)) done();
}

/** A decision under way: the answer so far, and what is known. */
interface Deciding {
  exchange: Exchange;
  state: State;
  route: Route | undefined;
  findings: Findings | undefined;
  answer: Refusal | undefined;
  /** Nobody could know the route when the answer was made, or it is no answer of the route: it has the host's headers alone. */
  withoutRoute: boolean;
  routed: boolean;
  headOnly: boolean;
}

/** Asks one policy after the other. Most have their word at hand; only those that ask somebody else are waited for. */
function askAll(asked: readonly Asked[], from: number, deciding: Deciding): Promise<void> | undefined {
  const { exchange, state, route, findings } = deciding;
  for (let at = from; at < asked.length; at++) {
    const { kind, config, decide, ofRoute, shadow } = asked[at] as Asked;
    if (ofRoute && !deciding.routed) {
      deciding.routed = true;
      findings?.note("route", "route", route ? undefined : UNKNOWN_PATH);
      if (!route && !deciding.answer) {
        deciding.answer = UNKNOWN_PATH;
        deciding.withoutRoute = true;
      }
    }
    if (deciding.answer && !findings?.all) return undefined;
    if (findings?.skips(kind) || (deciding.headOnly && kind.sees === "body")) continue;
    const word = decide(config, exchange, state);
    if (word instanceof Promise) {
      const goOn = (decision: Decision): Promise<void> | undefined => {
        take(deciding, kind, decision, shadow);
        return askAll(asked, at + 1, deciding);
      };
      return word.then(goOn, (error: unknown) => {
        if (error instanceof BodyRefused) return goOn(error.refusal);
        throw error;
      });
    }
    take(deciding, kind, word, shadow);
  }
  return undefined;
}

function take(deciding: Deciding, kind: PolicyKind, decision: Decision, shadow: boolean): void {
  const { exchange, findings } = deciding;
  if (decision && shadow) {
    exchange.wouldRefuse = [...(exchange.wouldRefuse ?? []), decision.reason];
    findings?.note(kind.phase, kind.kind, undefined, decision);
    return;
  }
  findings?.note(kind.phase, kind.kind, decision);
  if (!decision || deciding.answer) return;
  deciding.answer = decision;
  deciding.withoutRoute = decision.answer === true || PHASES[kind.phase] <= PHASES.headers;
}

/** Decides a request by its gateway: the one meaning of a model. At once, where nobody has to be waited for. */
export function decideRequest(
  gateway: Gateway,
  request: GatewayRequest,
  state: State,
  makeId: () => string,
  { findings, chosen, headOnly = false }: DecideOptions = {},
): Verdict | Promise<Verdict> {
  const exchange = newExchange(gateway, request, makeId);
  const found = hostsOf(gateway).get(request.host);
  if (!found) {
    findings?.note("requestLine", "host", UNKNOWN_HOST);
    const { otherHosts: host } = gateway;
    const policies = host ? chainOf(host, undefined).ofAnswers : [];
    for (const { config, decide } of policies) void decide(config, exchange, state);
    return { exchange, answer: UNKNOWN_HOST, ...(host && { host }) };
  }
  const { host, tenant, routes, answersPreflights } = found;
  exchange.hostName = host.name;
  if (tenant) exchange.hostTenant = tenant;
  const route = routes.find(request, answersPreflights && isPreflight(request));
  const { asked, ofAnswers } = chainOf(host, route);
  // Whoever reads the body first must know how much of it he may read.
  const size =
    route && request.body ? (configOf(route.policies, "bodyCount") as { max: number } | undefined) : undefined;
  if (size) request.body?.limit(size.max);
  const answer = chosen === undefined || route?.name === chosen ? undefined : MISMATCH;
  const withoutRoute = answer !== undefined;
  const deciding: Deciding = { exchange, state, route, findings, answer, withoutRoute, routed: false, headOnly };
  const conclude = (): Verdict | Promise<Verdict> => {
    const last = route ? deciding.answer : (deciding.answer ?? UNKNOWN_PATH);
    const verdict = { host, ...(route && { route }), exchange, ...(last && { answer: last }) };
    const waits: Promise<unknown>[] = [];
    for (const { kind, config, decide } of ofAnswers) {
      if (deciding.withoutRoute && !kind.perHost) continue;
      const word = decide(config, exchange, state);
      if (word instanceof Promise) waits.push(word);
      if (kind.phase === "response") findings?.note(kind.phase, kind.kind, undefined);
    }
    return waits.length > 0 ? Promise.all(waits).then(() => verdict) : verdict;
  };
  const broken = (error: unknown): never => {
    endExchange(exchange);
    throw error;
  };
  try {
    const waits = askAll(asked, 0, deciding);
    return waits ? waits.then(conclude).catch(broken) : conclude();
  } catch (error) {
    return broken(error);
  }
}
