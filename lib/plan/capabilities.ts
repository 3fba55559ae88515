import type { Feature, KindName } from "../policy";

/** Where a promise can be kept. This release has the first two; the others come with what must see a body or an end. */
export type Place = "native" | "door";

/** What one enforcer says it can keep. A feature that is not named is not supported. */
export interface Claim {
  supports: readonly Feature[];
  /** Relative to the door: a native form before it cannot follow what the door decides. */
  stage: "beforeDoor" | "afterDoor";
  /** A near form that differs in a stated way: used only where the model accepts the difference by this name. */
  difference?: { name: string; text: string };
  /** Kept here as well, behind the place that the plan has chosen. */
  backup?: boolean;
}

/** A target's claims as data, so that planning needs no code of it. */
export interface Capabilities {
  target: string;
  native: Readonly<Partial<Record<KindName, readonly Claim[]>>>;
  /** Claims of the filter behind this target's door; none where it has no door. */
  door: Readonly<Partial<Record<KindName, Claim>>>;
  /** Kept by real parts in the conformance run. */
  proven: boolean;
  retired?: { since: string; advice: string };
}
