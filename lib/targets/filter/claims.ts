import { SHADOW_KINDS, type Feature } from "../../policy";

type Claims = Readonly<Record<string, readonly Feature[]>>;

/** What may be judged without refusing, the filter can. */
const withShadow = (claims: Claims): Claims =>
  Object.fromEntries(
    Object.entries(claims).map(([kind, features]) => [
      kind,
      (SHADOW_KINDS as readonly string[]).includes(kind) ? [...features, "Shadow" as const] : features,
    ]),
  );

/** What the filter keeps at a door, where it sees the head of a request. */
export const DOOR: Claims = withShadow({
  requestLine: ["RequestMethods", "RequestUriSize", "RequestHeadSize"],
  addresses: ["AddressAllowList", "AddressDenyList"],
  jwt: [
    "JwtRequired",
    "JwtAmongHeaderRoutes",
    "JwtOptional",
    "JwtAlgorithmBinding",
    "JwtAudience",
    "JwtTokenType",
    "JwtSeveralIssuers",
    "JwtClaimHeaders",
    "JwtClaimHeadersByRoute",
    "JwtClaimAnyName",
    "JwtNumericUser",
    "JwtWithoutIssuer",
    "JwtFromCookie",
    "JwtFromHeader",
    "JwtPackedRoles",
    "JwtRevocation",
    "JwtRoleHeader",
    "JwtSharedSecret",
  ],
  apiKey: ["ApiKey", "ApiKeyAsPassword"],
  secretHeaders: ["RequestHeaderFromSecret"],
  csrf: ["CsrfDoubleSubmit"],
  tenant: ["TenantFromClaims", "TenantFromHost"],
  authorization: [
    "AuthorizationByRole",
    "AuthorizationByScope",
    "AuthorizationByClaim",
    "AuthorizationByOwner",
    "AuthorizationNoneOf",
  ],
  rateLimit: [
    "RateLimitByApiKey",
    "RateLimitByClaim",
    "RateLimitByTenant",
    "RateLimitByUser",
    "RateLimitByClientAddress",
    "RateLimitCluster",
    "RateLimitReplica",
  ],
});

/** What it keeps where the proxy shows it the body as well. */
export const DOOR_WITH_BODY: Claims = {
  signature: ["HmacSignature"],
  graphql: ["GraphqlLimits"],
  bodySchema: ["BodySchema"],
};

/** What it keeps where the proxy calls the service and reports how that has ended. */
export const REPORTED: Claims = { circuitBreaker: ["CircuitBreakerByErrorShare"], lockout: ["LoginLockout"] };

/** What it keeps at the door of a proxy that lets a client hear what the door says of what it lets pass. */
export const DOOR_HEARD: Claims = { ...DOOR, rateLimit: [...(DOOR["rateLimit"] ?? []), "RateLimitHeaders"] };

/** What it keeps besides where the whole exchange goes through it: the body, the answer, the call of the service. */
export const THROUGH: Claims = {
  jwt: [...(DOOR["jwt"] ?? []), "JwtFromCookieOfHandshake", "JwtFromWebSocketProtocol"],
  ...DOOR_WITH_BODY,
  rateLimit: DOOR_HEARD["rateLimit"] ?? [],
  connections: ["ConnectionLimit", "ConnectionLimitByUser"],
  webSocket: ["WebSocketUpgrade", "WebSocketCloseAtExpiry"],
  lockout: ["LoginLockout"],
  bodyCount: ["BodySizeCounted", "BodySizeAbove4GiB"],
  rewrite: ["RewritePrefix", "RewriteHost"],
  requestHeaders: ["RequestHeaderSet", "RequestHeaderRemove", "RequestHeaderOnly"],
  timeouts: ["TimeoutFirstByte", "TimeoutTotal", "TimeoutIdle", "TimeoutIdleBelowFirstByte", "TimeoutIdleBelowMinute"],
  retries: ["RetryIdempotent"],
  streaming: ["AnswerStreaming"],
  backendAddresses: ["BackendAddresses", "BackendAddressesByTls", "BackendAddressesOfSeveral"],
  backendTls: ["BackendTls", "BackendTlsOwnAuthority", "BackendTlsSeveral"],
  weights: ["BackendRollout", "BackendWeights", "BackendWeightsSeveral", "RetryOtherBackend", "RetryOtherBackendByTls"],
  fallback: ["FallbackAnswer", "FallbackAnswerOk"],
  cache: ["ResponseCache"],
  circuitBreaker: ["CircuitBreakerByErrorShare", "CircuitBreakerAmongBackends", "CircuitBreakerOfLongExchanges"],
  compression: [
    "Compression",
    "CompressionBesideLargeFallback",
    "CompressionByRange",
    "CompressionWithoutGzip",
    "CompressionOfSmallAnswers",
  ],
};

/** What a proxy keeps in front of it, and the filter where it is the gateway itself. */
export const EDGE: Claims = {
  httpsRedirect: ["HttpsRedirect"],
  hostTenants: ["HostTenants"],
  pathHygiene: ["PathHygiene", "PathHygieneException"],
  matching: ["RouteByMethod", "RouteByHeader", "RouteByHeaderSet", "RouteByQuery", "RouteByTemplate", "RouteByUpgrade"],
  respond: ["RouteRespond", "RouteRedirect"],
  headerHygiene: ["HeaderMalformedNames", "HeaderNamedRemoval", "HeaderForwardedPass", "HeaderSingleValue"],
  cors: ["CorsPreflight", "CorsOnRefusals", "CorsCredentials", "CorsOriginPatterns"],
  bodySize: ["BodySizeDeclared"],
  floodGuard: ["FloodGuardByClientAddress"],
  requestId: ["RequestIdKept"],
  securityHeaders: ["ResponseHeaderSet"],
  responseHeaders: ["ResponseHeaderSet", "ResponseHeaderRemove"],
  errorBody: ["ErrorBody"],
  audit: ["AuditLine", "AuditFields"],
  auditLabels: ["AuditLabels"],
};

/** The same behind a proxy that says these headers itself, whatever a client has said, and carries everything on. */
export const EDGE_BEHIND_A_PROXY: Claims = {
  ...EDGE,
  headerHygiene: (EDGE["headerHygiene"] ?? []).filter((feature) => feature !== "HeaderForwardedPass"),
};
