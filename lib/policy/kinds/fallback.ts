import { z } from "zod";
import { policyKind } from "../kind";
import { contentType, ownBody, wholeSeconds } from "../values";

/** What a client gets in place of an answer that a service has not given. */
export const fallback = policyKind({
  kind: "fallback",
  schema: z.strictObject({
    on: z
      .array(z.enum(["breaker-open", "no-answer", "timeout"]))
      .min(1)
      .default(["breaker-open", "no-answer", "timeout"]),
    status: z.int().min(200).max(599).default(503),
    contentType: contentType.default("application/json"),
    body: ownBody,
    retryAfter: wholeSeconds.optional(),
  }),
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: () => ["FallbackAnswer"],
  async around(config, _exchange, _state, call) {
    const answer = await call();
    if (answer.by === "service" || !answer.cause || !config.on.includes(answer.cause)) return answer;
    const headers =
      config.retryAfter === undefined
        ? answer.refusal.headers
        : { ...answer.refusal.headers, "retry-after": String(config.retryAfter / 1000) };
    return {
      by: "gateway",
      cause: answer.cause,
      refusal: {
        status: config.status,
        reason: answer.refusal.reason,
        message: answer.refusal.message,
        ...(headers && { headers }),
        content: { type: config.contentType, text: config.body },
      },
    };
  },
});
