import type { Answer } from "./kind";

/** A try without an answer, or with one that breaks off. */
export class NoAnswer extends Error {
  constructor(readonly kind: "connect-failure" | "reset" | "timeout") {
    super(kind);
  }
}

const REFUSALS = {
  "no-answer": { status: 502, reason: "no-answer", message: "The service gave no answer." },
  timeout: { status: 504, reason: "timeout", message: "The service did not answer in time." },
} as const;

/** What the client gets in place of it. */
export const noAnswer = (cause: keyof typeof REFUSALS): Answer => ({ by: "gateway", cause, refusal: REFUSALS[cause] });
