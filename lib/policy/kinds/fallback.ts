import { z } from "zod";
import { policyKind, type FailureCause, type Refusal } from "../kind";
import { contentType, ownBody, wholeSeconds } from "../values";

const schema = z.strictObject({
  on: z
    .array(z.enum(["breaker-open", "no-answer", "timeout"]))
    .min(1)
    .default(["breaker-open", "no-answer", "timeout"]),
  status: z
    .int()
    .min(200)
    .max(599)
    .refine((status) => ![204, 205, 304].includes(status), "write a status that has a body (RFC 9110 section 15)")
    .refine((status) => (status < 300 || status >= 400) && status !== 444, "write 2xx, 4xx or 5xx, not 444")
    .default(503),
  contentType: contentType.default("application/json"),
  body: ownBody,
  retryAfter: wholeSeconds.optional(),
});
export type FallbackConfig = z.output<typeof schema>;

/** The refusal, in the words that stand in for an answer; as it is where they are for other causes. */
export function standIn(config: FallbackConfig, cause: FailureCause, refusal: Refusal): Refusal {
  if (!config.on.includes(cause)) return refusal;
  const { reason, message } = refusal;
  const headers =
    config.retryAfter === undefined
      ? refusal.headers
      : { ...refusal.headers, "retry-after": String(config.retryAfter / 1000) };
  const content = { type: config.contentType, text: config.body };
  return { status: config.status, reason, message, ...(headers && { headers }), content };
}

/** What a client gets in place of an answer that a service has not given. */
export const fallback = policyKind({
  kind: "fallback",
  schema,
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: ({ status }) => (status === 200 ? ["FallbackAnswer", "FallbackAnswerOk"] : ["FallbackAnswer"]),
  async around(config, _exchange, _state, call) {
    const answer = await call();
    if (answer.by === "service" || !answer.cause) return answer;
    return { by: "gateway", cause: answer.cause, refusal: standIn(config, answer.cause, answer.refusal) };
  },
});
