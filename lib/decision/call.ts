import { createHash } from "node:crypto";
import type { WeightsConfig } from "../policy/kinds/route-shape";
import { configOf, type ConfiguredPolicy, type Route } from "./gateway";
import { kindNamed } from "../policy";
import {
  BodyRefused,
  type Answer,
  type Exchange,
  type FailureCause,
  type PolicyKind,
  type ServiceAnswer,
  type State,
} from "../policy/kind";
import { NoAnswer, noAnswer } from "../policy/no-answer";

/** Sends a request to a service once. */
export interface Transport {
  /** What must be had before the first try, in the client's time and not in the service's. */
  prepare?(): Promise<void>;
  /** Rejects with `NoAnswer`, or with `BodyRefused`; `untilMs` ends the answer's body too. */
  send(service: string, firstByteMs: number, untilMs: number): Promise<ServiceAnswer>;
  /** Lets go of an answer that nobody reads. */
  discard(answer: ServiceAnswer): void;
}

/** All tries of one call, within its time. */
async function tryAll(
  exchange: Exchange,
  services: readonly string[],
  state: State,
  transport: Transport,
): Promise<Answer> {
  const { tries, perTryMs, retryOn, totalMs = Infinity } = exchange.call;
  await transport.prepare?.();
  const untilMs = state.nowMs() + totalMs;
  let cause: Exclude<FailureCause, "breaker-open"> = "timeout";
  for (let left = tries, at = 0; left > 0; left--, at++) {
    const service = services[at < services.length ? at : 1 + ((at - 1) % (services.length - 1))] ?? services[0] ?? "";
    const leftMs = untilMs - state.nowMs();
    if (leftMs <= 0) return noAnswer("timeout");
    const startMs = state.nowMs();
    try {
      const answer = await transport.send(service, Math.min(perTryMs, leftMs), untilMs);
      state.called?.(service, answer.status, state.nowMs() - startMs);
      if (left === 1 || !retryOn.has(String(answer.status))) return answer;
      transport.discard(answer);
    } catch (error) {
      if (error instanceof BodyRefused) return { by: "gateway", refusal: error.refusal };
      if (!(error instanceof NoAnswer)) throw error;
      state.called?.(service, undefined, state.nowMs() - startMs);
      cause = error.kind === "timeout" ? "timeout" : "no-answer";
      if (!retryOn.has(error.kind)) break;
    }
  }
  return noAnswer(cause);
}

/** A number from 0 to 1 that is always the same for the same text. */
const fixed = (text: string): number => createHash("sha256").update(text).digest().readUInt32BE() / 2 ** 32;

const isRollout = ({ policies }: Route): boolean =>
  (configOf(policies, "weights") as Partial<WeightsConfig> | undefined)?.rollout !== undefined;

/** Where somebody stands among all who are shared: the same at each step of a rollout, so that he never goes back. */
function placeOf({ policies }: Route, { identity, tenant }: Exchange): number | undefined {
  const { rollout } = (configOf(policies, "weights") ?? {}) as Partial<WeightsConfig>;
  if (!rollout || rollout.sticky === "none") return undefined;
  const who = rollout.sticky === "user" ? identity && [identity.issuer, identity.user] : tenant;
  // With the service's name, so that it is not always the same people who come first.
  return who && fixed(JSON.stringify([rollout.to, ...who]));
}

/** One of the backends, by their weights. */
export function chooseService(route: Route, exchange: Exchange, random: () => number = Math.random): string {
  const { backends } = route;
  const [only] = backends;
  if (only && backends.length === 1) return only.service;
  let at = (placeOf(route, exchange) ?? random()) * backends.reduce((sum, b) => sum + b.weight, 0);
  return (backends.find((b) => (at -= b.weight) < 0) ?? only)?.service ?? "";
}

/** Calls the service of a route, with all that stands around the call: the first policy is the outermost. */
export function callService(
  policies: readonly ConfiguredPolicy[],
  route: Route,
  exchange: Exchange,
  state: State,
  transport: Transport,
): Promise<Answer> {
  const service = chooseService(route, exchange);
  exchange.service = service;
  // What was not answered by one backend is asked of the others; those without a share are asked nothing.
  // In a rollout each is asked again for itself: who is on one side stays there, and is told what it says.
  const others = isRollout(route)
    ? []
    : route.backends.filter((b) => b.weight > 0 && b.service !== service).map((b) => b.service);
  const around = policies
    .map(({ kind, config }) => ({ kind: kindNamed(kind), config }))
    .filter(({ kind }) => kind.around !== undefined)
    // What is done to every answer is done last.
    .sort((a, b) => Number(b.kind.phase === "response") - Number(a.kind.phase === "response"));
  const innermost = (): Promise<Answer> => tryAll(exchange, [service, ...new Set(others)], state, transport);
  return around.reduceRight<() => Promise<Answer>>(
    (call, { kind, config }) =>
      () =>
        (kind.around as NonNullable<PolicyKind["around"]>)(config, exchange, state, call),
    innermost,
  )();
}
