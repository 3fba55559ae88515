import type { Feature, KindName } from "../policy";

/**
 * Where a promise can be kept: by the proxy itself; by the filter that it asks about the head of a request, or about head and
 * body; by the filter that it asks, and tells how the exchange has ended; or by the filter that the whole exchange goes through.
 */
export const PLACES = ["native", "ext-auth", "ext-auth-body", "reported", "proxied"] as const;
export type Place = (typeof PLACES)[number];

/** What one enforcer says it can keep. A feature that is not named is not supported. */
export interface Claim {
  supports: readonly Feature[];
  /** Relative to the door: a native form before it cannot follow what the door decides. */
  stage: "beforeExtAuth" | "afterExtAuth";
  /** A module of the proxy that it needs beside its stock ones: used only where the model says that it is there. */
  module?: string;
  /** A near form that differs in a stated way: used only where the model accepts the difference by this name. */
  difference?: { name: string; text: string };
}

/** A target's claims as data, so that planning needs no code of it. */
export interface Capabilities {
  target: string;
  native: Readonly<Partial<Record<KindName, readonly Claim[]>>>;
  /** Claims of the filter behind this target's door; none where it has no door. */
  extAuth: Readonly<Partial<Record<KindName, Claim>>>;
  /** Claims of the filter where this target asks about the body as well; none where it cannot. */
  extAuthBody: Readonly<Partial<Record<KindName, Claim>>>;
  /** Claims of the filter where this target reports how exchanges have ended; none where it does not. */
  reported: Readonly<Partial<Record<KindName, Claim>>>;
  /** Claims of the filter where the route goes through it; none where this target cannot send a route there. */
  proxied: Readonly<Partial<Record<KindName, Claim>>>;
  /** Every route goes through the filter. */
  carriesAll?: true;
  /** Kept by real parts in the conformance run. */
  proven: boolean;
  retired?: { since: string; advice: string };
}
