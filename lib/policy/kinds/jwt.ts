import { z } from "zod";
import type { Feature } from "../feature";
import {
  headerValues,
  notNow,
  policyKind,
  type Decision,
  type Exchange,
  type GatewayRequest,
  type Identity,
  type State,
} from "../kind";
import { ALGORITHM_NAMES, type IssuerRules, type Verified } from "../../identity/token";
import { claimAt, claimHeader, claimMembers, isPrintable, type ClaimPath } from "../../identity/claims";
import { isListed } from "../origins";
import { BAD, tokenOf } from "../token-places";
import { clockSkew as skew, hasUserinfo, claimPath, name, ownHeaderName, wholeName } from "../values";
import { asksForWebSocket } from "./web-socket";

/** Who issues tokens, and what they must be like. */
const issuerFields = z.strictObject({
  /** Exact `iss` of its tokens; leave it out only where they carry none. */
  issuer: z.string().min(1).max(1024).optional(),
  /** Where its keys are published (RFC 7517); only an issuer whose tokens are all signed by a secret has none. */
  jwks: z
    .strictObject({
      url: z
        .url({ protocol: /^https?$/ })
        .refine((url) => !hasUserinfo(url), "write it without user and password: it stands in logs and outputs"),
      /** Plain http must be allowed by name; use it inside a cluster only. */
      allowHttp: z.boolean().default(false),
    })
    .optional(),
  /** The secret of HS256 tokens, by its name in `secrets`: 32 bytes or more. */
  secret: name.optional(),
  /** Any one of these must be in `aud`; empty only where tokens carry none. */
  audiences: z.array(wholeName).default([]),
  algorithms: z.array(z.enum(ALGORITHM_NAMES)).min(1).default(["RS256"]),
  type: z.strictObject({ claim: claimPath, value: wholeName, optional: z.boolean().default(false) }).optional(),
  user: claimPath.default("sub"),
  /** The user claim is a whole number; texts are refused then, and numbers otherwise. */
  numericUser: z.boolean().default(false),
  roles: claimPath.optional(),
  /** Names of the codes in a packed text such as `[a][s]`; an array of names is taken as it is. */
  roleCodes: z.record(z.string().regex(/^[A-Za-z0-9_-]{1,32}$/), z.string().min(1).max(128)).optional(),
  scopes: claimPath.optional(),
  clockSkew: skew.prefault("30s"),
  /** Istio verifies what the filter has admitted a second time, with keys of its own. */
  requestAuthentication: z.boolean().default(false),
});

/** Clock skew of Envoy's own check of tokens (jwt_authn, `clock_skew_seconds`), which Istio leaves as it is. */
const ENVOY_SKEW_MS = 60_000;

export const issuerSchema = issuerFields
  .refine((i) => !i.requestAuthentication || (i.issuer !== undefined && i.jwks && i.secret === undefined), {
    message:
      "Istio verifies tokens that name their issuer, by published keys alone: say issuer and jwks, and no secret",
    path: ["requestAuthentication"],
  })
  .refine((i) => !i.requestAuthentication || (i.user === "sub" && !i.numericUser), {
    message: "Istio names who calls by iss and sub: leave user as it is",
    path: ["user"],
  })
  .refine((i) => !i.requestAuthentication || i.clockSkew <= ENVOY_SKEW_MS, {
    message: "Istio allows for a minute of clock skew: say no more",
    path: ["clockSkew"],
  });

export type Issuer = z.output<typeof issuerSchema>;

export function issuerRules(
  issuerName: string,
  { clockSkew, jwks: _jwks, secret: _secret, requestAuthentication: _again, ...issuer }: Issuer,
): IssuerRules {
  return { name: issuerName, clockSkewMs: clockSkew, ...issuer };
}

const revocation = z.strictObject({
  /** Key in the shared store whose presence revokes a token; `{jti}` stands for the token's id. */
  key: z
    .string()
    .regex(/^[\x21-\x7e]*\{jti\}[\x21-\x7e]*$/, "write a key with {jti} in it")
    .default("revoked:{jti}"),
  onFailure: z.enum(["deny", "allow"]).default("deny"),
});

/** Whether the token was revoked; a token without an id cannot be, and is not taken. */
async function revoked(
  config: z.output<typeof revocation>,
  claims: Identity["claims"],
  state: State,
  exchange: Exchange,
): Promise<Decision> {
  const { jti } = claims;
  if (typeof jti !== "string" || !isPrintable(jti) || jti.length > 256) {
    return { status: 401, reason: "jwt-no-id", message: "The token has no id." };
  }
  try {
    if (!(await state.shared.has(config.key.replace("{jti}", () => jti)))) return undefined;
    return { status: 401, reason: "jwt-revoked", message: "The token was revoked." };
  } catch {
    if (config.onFailure === "allow") {
      exchange.unchecked = "revocation";
      return undefined;
    }
    return notNow("revocation-away", "Tokens cannot be checked now.");
  }
}

/** The names of the token's roles, in the order of `roleCodes`. */
const roleNames = z.strictObject({ roles: z.literal("names") });

type ClaimSource = ClaimPath | z.output<typeof roleNames>;

const isRoleNames = (source: ClaimSource): source is z.output<typeof roleNames> =>
  typeof source === "object" && "roles" in source;

/** What a header says of a token. */
function headerOf(
  source: ClaimSource,
  { claims, roles }: Identity,
  rules: IssuerRules | undefined,
): string | undefined {
  if (!isRoleNames(source)) return claimHeader(claimAt(claims, source));
  const order = Object.values(rules?.roleCodes ?? {});
  const place = (role: string): number => (order.includes(role) ? order.indexOf(role) : order.length);
  return claimHeader([...new Set(roles)].sort((a, b) => place(a) - place(b)));
}

const schema = z
  .strictObject({
    /** `open` looks at no token; `optional` lets a request without one pass, not one with a bad one. */
    mode: z.enum(["required", "optional", "open"]).default("required"),
    issuers: z.array(name).min(1),
    /** Takes the token from this header, alone in it, and from `Authorization` no more. */
    header: ownHeaderName
      .refine((name) => !/^(authorization|cookie|origin|host)$/.test(name), "write a header of its own")
      .optional(),
    /** Takes the token of a WebSocket handshake from its sub-protocols, `bearer, <token>`, too; `bearer` is the answer's. */
    webSocketProtocol: z.boolean().default(false),
    /** Takes the token from this cookie, too; where it is in the header as well it must be the same. */
    cookie: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/)
      .optional(),
    /** Tokens that are revoked before they expire. */
    revocation: revocation.optional(),
    /** Headers to set for the upstream, each from a claim of the verified token. */
    claimHeaders: z.record(ownHeaderName, z.union([claimPath, roleNames])).default({}),
  })
  .refine(
    ({ header, claimHeaders }) => header === undefined || !(header in claimHeaders),
    "clients send the token in that header: give the claim another one",
  );

/** What the model puts into a `jwt` policy. */
export type JwtConfig = z.output<typeof schema> & {
  rules: readonly IssuerRules[];
  /** Some route of it is chosen by headers. */
  amongHeaderRoutes: boolean;
  /** Routes of the model differ in what they pass on of a token. */
  claimHeadersDiffer: boolean;
  /** The route takes WebSockets. */
  handshakes: boolean;
  /** Whose pages may open a WebSocket with a token from a cookie, beside those of the host that is asked for: those that CORS lists. */
  origins: readonly string[];
};

const KEYS_AWAY = notNow("keys-away", "Tokens cannot be checked now.");

type PlainConfig = z.output<typeof schema>;

/** A browser sends cookies with a handshake whoever's page asks for it, and CORS does not stop it (RFC 6455 section 10.2). */
function isOwnPage({ origins }: JwtConfig, request: GatewayRequest): boolean {
  if (!asksForWebSocket(request)) return true;
  const [origin, ...others] = headerValues(request, "origin");
  return (
    others.length === 0 && origin !== undefined && (origin === `https://${request.host}` || isListed(origins, origin))
  );
}

/** What follows from a token that was looked at: who calls, and what the upstream hears of him. */
function admit(
  config: PlainConfig,
  exchange: Exchange,
  state: State,
  verified: Verified,
): Decision | Promise<Decision> {
  const invalid = (reason: string, message: string): Decision => {
    const said = `error="invalid_token", error_description="${message}"`;
    const headers = { "www-authenticate": `Bearer realm="${exchange.system}", ${said}` };
    return { status: 401, reason, message, headers };
  };
  if ("reason" in verified) return invalid(verified.reason, verified.message);
  if (exchange.tokenFrom === "cookie" && !isOwnPage(config as JwtConfig, exchange.request)) {
    return { status: 403, reason: "cross-origin-handshake", message: "No WebSocket is opened from this origin." };
  }
  const { identity } = verified;
  const accept = (): undefined => {
    exchange.identity = identity;
    const rules = (config as JwtConfig).rules.find((r) => r.name === identity.issuer);
    exchange.validUntilMs = Number(identity.claims["exp"]) * 1000 + (rules?.clockSkewMs ?? 0);
    for (const header in config.claimHeaders) {
      const text = headerOf(config.claimHeaders[header] ?? "", identity, rules);
      if (text !== undefined) exchange.upstream.set.set(header, text);
    }
  };
  if (!config.revocation) {
    accept();
    return undefined;
  }
  const { revocation: revocable } = config;
  exchange.stillGood = async () => (await revoked(revocable, identity.claims, state, exchange)) === undefined;
  return revoked(config.revocation, identity.claims, state, exchange).then((refusal) => {
    if (!refusal) accept();
    return refusal?.status === 401 ? invalid(refusal.reason, refusal.message) : refusal;
  });
}

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
    if (config.webSocketProtocol) features.push("JwtFromWebSocketProtocol");
    if (config.header !== undefined) features.push("JwtFromHeader");
    const { handshakes, claimHeadersDiffer } = config as JwtConfig;
    if (config.cookie !== undefined) features.push(handshakes ? "JwtFromCookieOfHandshake" : "JwtFromCookie");
    if (claimHeadersDiffer) features.push("JwtClaimHeadersByRoute");
    if (config.revocation) features.push("JwtRevocation");
    if (rules.some((r) => r.roleCodes !== undefined)) features.push("JwtPackedRoles");
    if (rules.some((r) => r.algorithms.includes("HS256"))) features.push("JwtSharedSecret");
    if ((config as JwtConfig).amongHeaderRoutes) features.push("JwtAmongHeaderRoutes");
    const paths = [
      ...rules.flatMap((r) => [r.user, r.roles, r.scopes, r.type?.claim]),
      ...Object.values(config.claimHeaders).flatMap((source) => (isRoleNames(source) ? [] : [source])),
    ];
    if (Object.values(config.claimHeaders).some(isRoleNames)) features.push("JwtRoleHeader");
    const plain = paths
      .flatMap((path) => (path === undefined ? [] : claimMembers(path)))
      .every((m) => /^[\w-]+$/.test(m));
    if (!plain) features.push("JwtClaimAnyName");
    return features;
  },
  decide(config, exchange, state) {
    if (config.mode === "open") return undefined;
    const token = tokenOf(config, exchange);
    if (token === undefined || token === BAD) {
      if (token === undefined && config.mode === "optional") return undefined;
      const headers = { "www-authenticate": `Bearer realm="${exchange.system}"` };
      return { status: 401, reason: "jwt-missing", message: "A bearer token is needed.", headers };
    }
    let verified: Verified | Promise<Verified>;
    try {
      verified = state.tokens.verify(token, (config as JwtConfig).rules, state.keys, state.nowMs());
    } catch {
      return KEYS_AWAY;
    }
    const judged = (result: Verified): Decision | Promise<Decision> => {
      exchange.token = token;
      return admit(config, exchange, state, result);
    };
    return verified instanceof Promise ? verified.then(judged, () => KEYS_AWAY) : judged(verified);
  },
});
