import type { GatewayModel } from "../model";
import type { Capabilities, Claim, Placement, TargetPlan } from "../plan";
import type { KindName } from "../policy";
import type { Gateway } from "../decision/gateway";

export interface OutputFile {
  /** Path below the repository's root. */
  path: string;
  content: string;
}

/** How a target keeps one kind: what it claims, and the code that keeps it, in one place. */
export interface Enforcer<D> extends Claim {
  /** The proxy does so of itself, whatever is written: there is nothing to render. */
  inherent?: true;
  apply(placement: Placement, draft: D): void;
}

/** What a target is given: the model for what belongs to no policy, and the gateway for everything else. */
export interface TargetInput {
  model: GatewayModel;
  gateway: Gateway;
  plan: TargetPlan;
}

export interface Target<D> {
  readonly name: string;
  readonly proven: boolean;
  readonly retired?: { since: string; advice: string };
  readonly enforcers: Readonly<Partial<Record<KindName, Enforcer<D> | readonly Enforcer<D>[]>>>;
  /** Whether it can ask the filter about the head of a request, and send routes through it. */
  readonly hasFilter: boolean;
  readonly carriesAll?: true;
  /** It keeps who may call a service beside the gateway. */
  readonly keepsCallers?: true;
  /** Why it cannot stand behind what the model has in front, and what to do. */
  readonly refusesFront?: (front: GatewayModel["front"]) => { why: string; fix: string } | undefined;
  /** Why its objects cannot say what the hosts need, and what to do. */
  readonly refusesGateway?: (input: Pick<TargetInput, "model" | "gateway">) => { why: string; fix: string } | undefined;
  begin(input: TargetInput): D;
  /** The placement's host is written together with one that is alike, whose placement says the same. */
  isShared?(placement: Placement, draft: D): boolean;
  finish(draft: D): OutputFile[];
}

/** What the filter keeps for a target, by place. */
export type FilterClaims = Pick<Capabilities, "extAuth" | "extAuthBody" | "reported" | "proxied">;

export function enforcersOf<D>(target: Target<D>, kind: KindName): readonly Enforcer<D>[] {
  const found = target.enforcers[kind];
  return found === undefined ? [] : "apply" in found ? [found] : found;
}

export function capabilitiesOf<D>(target: Target<D>, filter: FilterClaims): Capabilities {
  const kinds = Object.keys(target.enforcers) as KindName[];
  return {
    target: target.name,
    native: Object.fromEntries(kinds.map((kind) => [kind, enforcersOf(target, kind)])),
    ...(target.hasFilter ? filter : { extAuth: {}, extAuthBody: {}, reported: {}, proxied: {} }),
    ...(target.carriesAll && { carriesAll: true as const }),
    proven: target.proven,
    ...(target.retired && { retired: target.retired }),
  };
}

/** Renders a plan: every native placement is applied exactly once; the rest is the filter's, whose plan is a file. */
export function render<D>(target: Target<D>, input: TargetInput): OutputFile[] {
  const draft = target.begin(input);
  for (const placement of input.plan.placements) {
    if (placement.place !== "native") continue;
    if (target.isShared?.(placement, draft)) continue;
    const enforcer = enforcersOf(target, placement.kind)[placement.claim];
    if (!enforcer) throw new Error(`${target.name} has no enforcer for ${placement.kind}, which it claimed.`);
    enforcer.apply(placement, draft);
  }
  return target.finish(draft).sort((a, b) => (a.path < b.path ? -1 : 1));
}
