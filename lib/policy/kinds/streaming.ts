import { z } from "zod";
import { policyKind } from "../kind";

/**
 * `true`: an answer passes on as the service sends it, piece by piece: event streams (text/event-stream), long downloads. A proxy
 * that would gather it first gathers nothing here, and a slow client keeps the service's connection for as long as it reads.
 */
export const streaming = policyKind({
  kind: "streaming",
  schema: z.boolean(),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: (asked) => (asked ? ["AnswerStreaming"] : []),
});
