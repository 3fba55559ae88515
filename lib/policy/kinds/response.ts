import { STATUS_CODES } from "node:http";
import { z } from "zod";
import { once } from "../../once";
import type { Feature } from "../feature";
import { policyKind, type Refusal } from "../kind";
import {
  unique,
  answerHeaderName,
  headerValue,
  isDeliverable,
  removedHeaderName,
  TOO_LONG,
  wholeSeconds,
} from "../values";

/** What is done to answers, whoever makes them. */

/**
 * Response headers set in place of a service's, or removed from its answers. `on: success` (the default) sets them on answers
 * of 2xx and 3xx, `always` also on refusals, once the route is known: those of phases 1 to 5 come before. Preflights and the
 * redirect to https have none. Names that the gateway makes itself are refused, so are those that `securityHeaders` sets.
 */
export const responseHeaders = policyKind({
  kind: "responseHeaders",
  schema: z.strictObject({
    set: z.record(answerHeaderName, headerValue).default({}),
    remove: z.array(removedHeaderName).default([]),
    on: z.enum(["success", "always"]).default("success"),
  }),
  phase: "response",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (Object.keys(config.set).length > 0) features.push("ResponseHeaderSet");
    if (config.remove.length > 0) features.push("ResponseHeaderRemove");
    return features;
  },
  decide(config, { response }) {
    for (const header of config.remove) response.remove.add(header);
    const set = config.on === "always" ? response.set : response.setOnSuccess;
    for (const [header, value] of Object.entries(config.set)) set.set(header, value);
    return undefined;
  },
});

export type ResponseHeadersConfig = z.output<(typeof responseHeaders)["schema"]>;

const securityHeadersSchema = z.strictObject({
  /** `Strict-Transport-Security` (RFC 6797); off by `null`. */
  hsts: z
    .strictObject({ maxAge: wholeSeconds.prefault("365d"), includeSubDomains: z.boolean().default(false) })
    .nullable()
    .prefault({}),
  contentTypeOptions: z.boolean().default(true),
  frameOptions: z.enum(["DENY", "SAMEORIGIN"]).nullable().default(null),
  referrerPolicy: z.enum(["no-referrer", "same-origin", "strict-origin-when-cross-origin"]).default("no-referrer"),
  contentSecurityPolicy: headerValue.nullable().default(null),
  crossOriginOpenerPolicy: z.enum(["same-origin", "same-origin-allow-popups"]).nullable().default(null),
});

export type SecurityHeadersConfig = z.output<typeof securityHeadersSchema>;

/** The headers that a configuration of `securityHeaders` stands for. */
export const securityHeaderLines = once((config: SecurityHeadersConfig): Readonly<Record<string, string>> => {
  const { hsts } = config;
  const lines: Record<string, string | null> = {
    "strict-transport-security":
      hsts && `max-age=${String(hsts.maxAge / 1000)}${hsts.includeSubDomains ? "; includeSubDomains" : ""}`,
    "x-content-type-options": config.contentTypeOptions ? "nosniff" : null,
    "x-frame-options": config.frameOptions,
    "referrer-policy": config.referrerPolicy,
    "content-security-policy": config.contentSecurityPolicy,
    "cross-origin-opener-policy": config.crossOriginOpenerPolicy,
  };
  return Object.fromEntries(Object.entries(lines).filter((line): line is [string, string] => line[1] !== null));
});

/** Strict-Transport-Security is a word of https alone (RFC 6797 section 7.2). */
export const HTTPS_ONLY = "strict-transport-security";

/** Security headers on every answer (OWASP Secure Headers), whatever the upstream sends. */
export const securityHeaders = policyKind({
  kind: "securityHeaders",
  schema: securityHeadersSchema,
  phase: "response",
  sees: "head",
  perHost: true,
  requires: () => ["ResponseHeaderSet"],
  decide(config, { request, response }) {
    for (const [header, value] of Object.entries(securityHeaderLines(config))) {
      if (header === HTTPS_ONLY && request.scheme === "http") response.remove.add(header);
      else response.set.set(header, value);
    }
    return undefined;
  },
});

/** A request id that comes is kept, else one is made; it goes up, comes back, and is logged. */
export const requestId = policyKind({
  kind: "requestId",
  schema: z.strictObject({}),
  phase: "response",
  sees: "head",
  perHost: true,
  requires: () => ["RequestIdKept"],
  decide(_config, { requestId: id, upstream, response }) {
    upstream.set.set("x-request-id", id);
    response.set.set("x-request-id", id);
    return undefined;
  },
});

/** What stands for a value in the form of errors. */
export const ERROR_WORDS = ["{reason}", "{message}", "{requestId}", "{status}", "{retryAfter}"];

const RETRY_AFTER = "{retryAfter}";

const members = z
  .record(z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,63}$/), z.union([z.string().max(256), z.boolean()]))
  .refine((all) => isDeliverable(...Object.entries(all).flat().map(String)), TOO_LONG);

const hasRetryAfter = (all: object, alone: boolean): boolean =>
  Object.values(all).some((text) =>
    alone ? text === RETRY_AFTER : String(text).includes(RETRY_AFTER) && text !== RETRY_AFTER,
  );

const WHERE = "write {retryAfter} alone, and under byStatus 429: other answers have no such time";

/** What the gateway may refuse with. */
const ERROR_STATUSES = [
  "400",
  "401",
  "403",
  "404",
  "405",
  "408",
  "413",
  "414",
  "429",
  "431",
  "500",
  "502",
  "503",
  "504",
] as const;

/**
 * The JSON form of errors that the gateway makes. Members are texts, in which words in braces stand for values; `{retryAfter}` is
 * the number of seconds of `Retry-After`.
 */
export const errorBody = policyKind({
  kind: "errorBody",
  schema: z
    .strictObject({
      members: members.default({ error: "{reason}", message: "{message}", requestId: "{requestId}" }),
      /** Other members for answers of one status. */
      byStatus: z.partialRecord(z.enum(ERROR_STATUSES), members).optional(),
    })
    .refine(({ members: general, byStatus = {} }) => {
      const others = Object.entries(byStatus).filter(([status]) => status !== "429");
      const all = [general, ...others.map(([, own]) => own)];
      return (
        !all.some((own) => hasRetryAfter(own, true)) &&
        ![...all, byStatus[429] ?? {}].some((own) => hasRetryAfter(own, false))
      );
    }, WHERE),
  phase: "response",
  sees: "head",
  perHost: true,
  requires: () => ["ErrorBody"],
});

export type ErrorBodyConfig = z.output<(typeof errorBody)["schema"]>;

type Members = ErrorBodyConfig["members"];

/** The members of an error with this status. */
export const membersOf = ({ members, byStatus }: ErrorBodyConfig, status: number): Members =>
  (byStatus as Readonly<Record<number, Members>> | undefined)?.[status] ?? members;

/** RFC 9110 names that Node still spells the old way. */
const REASONS: Readonly<Record<number, string>> = { 413: "Content Too Large", 422: "Unprocessable Content" };

export function reasonPhrase(status: number): string {
  return REASONS[status] ?? STATUS_CODES[status] ?? "Error";
}

/** The body that a refusal gets. `{status}` alone in a member is written as a number, so is `{retryAfter}`. */
export function renderErrorBody(
  config: ErrorBodyConfig,
  values: {
    status: number;
    message: string;
    requestId: string;
    retryAfter?: string | undefined;
    details?: Refusal["details"];
  },
): string {
  const words: Record<string, string> = {
    reason: reasonPhrase(values.status),
    message: values.message,
    requestId: values.requestId,
    status: String(values.status),
  };
  const fill = (text: string | boolean): string | boolean | number => {
    if (typeof text === "boolean") return text;
    if (text === "{status}") return values.status;
    if (text === RETRY_AFTER) return Number(values.retryAfter ?? 1);
    return text.replace(/\{(reason|message|requestId|status)\}/g, (_, word: string) => words[word] ?? "");
  };
  const filled = Object.fromEntries(
    Object.entries(membersOf(config, values.status)).map(([key, text]) => [key, fill(text)]),
  );
  return JSON.stringify(values.details ? { ...filled, details: values.details } : filled);
}

/** One log line per request: who, what, the decision and why; never a query, a token or a key. */
export const audit = policyKind({
  kind: "audit",
  schema: z.strictObject({
    /** What a client says of itself and of the page that it comes from, told besides; the page without its query. */
    fields: z
      .array(z.enum(["userAgent", "referer"]))
      .refine(unique, "name each once")
      .default([]),
  }),
  phase: "response",
  sees: "head",
  perHost: true,
  requires: ({ fields }) => (fields.length > 0 ? ["AuditLine", "AuditFields"] : ["AuditLine"]),
});

/** What the model calls a route, told with each of its requests. */
export const auditLabels = policyKind({
  kind: "auditLabels",
  schema: z.strictObject({ labels: z.record(z.string(), z.string()) }),
  phase: "response",
  sees: "head",
  perHost: false,
  requires: () => ["AuditLabels"],
});

export type AuditConfig = z.output<(typeof audit)["schema"]>;
export type AuditLabelsConfig = z.output<(typeof auditLabels)["schema"]>;
