import type { SourcePosition } from "../diagnostics";

/** What becomes of something that a file says. */
export interface Note {
  /**
   * `lost`: it is not taken, which has to be accepted by name. `changed`: it is taken, and is not quite what it was.
   * `idle`: it does nothing, here as there.
   */
  level: "lost" | "changed" | "idle";
  /** By which it is accepted: an annotation, or a part of the file. */
  name: string;
  /** Object and part: `shop/api/limit-rps`. */
  at: string;
  what: string;
  source: SourcePosition;
}
