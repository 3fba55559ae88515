import { z } from "zod";
import type { Feature } from "./feature";
import { headerValues, policyKind } from "./kind";
import { ALGORITHM_NAMES, verifyToken, type IssuerRules } from "./token";
import { claimAt, isPrintable } from "./claims";
import { claimPath, duration, headerName, name } from "./values";

/** Who issues tokens, and what they must be like. */
export const issuerSchema = z.strictObject({
  /** Exact `iss` of its tokens; leave it out only where they carry none. */
  issuer: z.string().min(1).max(1024).optional(),
  /** Where its keys are published (RFC 7517). */
  jwks: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    /** Plain http must be allowed by name; use it inside a cluster only. */
    allowHttp: z.boolean().default(false),
  }),
  /** Any one of these must be in `aud`; empty only where tokens carry none. */
  audiences: z.array(z.string().min(1)).default([]),
  algorithms: z
    .array(z.enum(ALGORITHM_NAMES).exclude(["HS256"]))
    .min(1)
    .default(["RS256"]),
  type: z.strictObject({ claim: claimPath, value: z.string().min(1), optional: z.boolean().default(false) }).optional(),
  user: claimPath.default("sub"),
  /** The user claim is a whole number; texts are refused then, and numbers otherwise. */
  numericUser: z.boolean().default(false),
  roles: claimPath.optional(),
  scopes: claimPath.optional(),
  clockSkew: duration.prefault("30s"),
});

export type Issuer = z.output<typeof issuerSchema>;

export function issuerRules(issuerName: string, { clockSkew, ...issuer }: Issuer): IssuerRules {
  return { name: issuerName, clockSkewMs: clockSkew, ...issuer };
}

/** `Authorization: Bearer …` (RFC 6750 section 2.1), the scheme in any case; nothing else is a token. */
const BEARER = /^bearer ([\x21-\x7e]+)$/i;

const schema = z.strictObject({
  /** `open` looks at no token; `optional` lets a request without one pass, not one with a bad one. */
  mode: z.enum(["required", "optional", "open"]).default("required"),
  issuers: z.array(name).min(1),
  /** Headers to set for the upstream, each from a claim of the verified token. */
  claimHeaders: z.record(headerName, claimPath).default({}),
});

/** A `jwt` policy with its issuers put in by the model. */
export type JwtConfig = z.output<typeof schema> & { rules: readonly IssuerRules[] };

export const jwt = policyKind({
  kind: "jwt",
  schema,
  phase: "identity",
  sees: "head",
  perHost: false,
  requires(config) {
    if (config.mode === "open") return [];
    const features: Feature[] = [config.mode === "required" ? "JwtRequired" : "JwtOptional", "JwtAlgorithmBinding"];
    const { rules } = config as JwtConfig;
    if (config.issuers.length > 1) features.push("JwtSeveralIssuers");
    if (rules.some((r) => r.audiences.length > 0)) features.push("JwtAudience");
    if (rules.some((r) => r.type !== undefined)) features.push("JwtTokenType");
    if (rules.some((r) => r.numericUser)) features.push("JwtNumericUser");
    if (rules.some((r) => r.issuer === undefined)) features.push("JwtWithoutIssuer");
    if (Object.keys(config.claimHeaders).length > 0) features.push("JwtClaimHeaders");
    return features;
  },
  async decide(config, exchange, state) {
    if (config.mode === "open") return undefined;
    const realm = `Bearer realm="${exchange.system}"`;
    const lines = headerValues(exchange.request, "authorization");
    const token = lines.length === 1 ? BEARER.exec(lines[0] ?? "")?.[1] : undefined;
    if (token === undefined) {
      if (lines.length === 0 && config.mode === "optional") return undefined;
      const headers = { "www-authenticate": realm };
      return { status: 401, reason: "jwt-missing", message: "A bearer token is needed.", headers };
    }
    let verified;
    try {
      verified = await verifyToken(token, (config as JwtConfig).rules, state.keys, state.nowMs());
    } catch {
      const headers = { "retry-after": "1" };
      return { status: 503, reason: "keys-away", message: "Tokens cannot be checked now.", headers };
    }
    if ("reason" in verified) {
      const headers = {
        "www-authenticate": `${realm}, error="invalid_token", error_description="${verified.message}"`,
      };
      return { status: 401, ...verified, headers };
    }
    exchange.identity = verified.identity;
    for (const [header, claim] of Object.entries(config.claimHeaders)) {
      const value = claimAt(verified.identity.claims, claim);
      const text = typeof value === "number" ? String(value) : value;
      if (typeof text === "string" && isPrintable(text)) exchange.upstream.set.set(header, text);
    }
    return undefined;
  },
});
