import { defineGateway } from "../lib/model";

/**
 * Serhafen: a customs and freight portal, several back ends behind one gateway.
 *
 * Versions live side by side: `/v0/...` is the un-versioned path by another name, `/v1` has its own users and roles, and
 * any other version is 404 until it is named here. The portal's host offers the same routes under `/api`.
 */
const unversioned = (...paths: string[]): string[] => paths.flatMap((path) => [path, `/v0${path}`]);

const NAME = { type: "string", minLength: 1, maxLength: 100 };
const NEW_USER = {
  type: "object",
  properties: {
    email: { type: "string", format: "email", maxLength: 320 },
    firstName: NAME,
    lastName: NAME,
    roles: { type: "array", maxItems: 10, items: { type: "string" } },
  },
  required: ["email", "firstName", "lastName"],
  additionalProperties: false,
};
const AIRPORT = { type: "string", pattern: "^[A-Z]{3}$" };
const NEW_MAWB = {
  type: "object",
  properties: {
    number: { type: "string", pattern: "^\\d{3}-\\d{8}$" },
    origin: AIRPORT,
    destination: AIRPORT,
    pieces: { type: "integer", minimum: 1, maximum: 99_999 },
    weightKg: { type: "number", exclusiveMinimum: 0 },
    hawbs: { type: "array", maxItems: 500, items: { type: "string" } },
  },
  required: ["number", "origin", "destination", "pieces", "weightKg"],
  additionalProperties: false,
};

/** Users and roles change seldom and are read often; a write drops what its tenant has read. */
const cached = (group: string) => ({ cache: { ttl: "300s", by: "tenant" as const, group } });

const superadmin = { authorization: { anyOf: [{ roles: ["SUPERADMIN"] }] } };
/** Tokens live five minutes: with the store away they are taken as they are. */
const signedIn = {
  issuers: ["keycloak"],
  claimHeaders: { "x-user-id": "sub" },
  revocation: { onFailure: "allow" as const },
};
const open = { jwt: { mode: "open" as const, issuers: ["keycloak"] } };
const uploads = { bodySize: { max: "10MiB" } };
const WRITES: ("POST" | "PUT" | "PATCH" | "DELETE")[] = ["POST", "PUT", "PATCH", "DELETE"];

export default defineGateway({
  name: "serhafen",
  targets: ["node-gateway", "nginx", "istio", "ingress-nginx", "kong"],
  slo: { availability: 99.9, latency: { p95: "200ms" } },
  nginx: { modules: ["brotli"] },
  front: { kind: "alb", trustedHops: 1, tls: "gateway", networks: ["10.0.0.0/22"] },
  hosts: {
    "api.serhafen.com": {},
    "portal.serhafen.com": { basePath: "/api" },
  },
  issuers: {
    keycloak: {
      issuer: "http://keycloak:8082/realms/NewCustomsRealm",
      jwks: {
        url: "http://keycloak:8082/realms/NewCustomsRealm/protocol/openid-connect/certs",
        allowHttp: true,
      },
      audiences: ["serhafen-api"],
      algorithms: ["RS256"],
      type: { claim: "typ", value: "Bearer" },
      requestAuthentication: true,
      roles: "realm_access.roles",
    },
  },
  services: {
    iam: { address: "iam-service.default.svc.cluster.local:3000" },
    "iam-v1": { address: "iam-service-v1.default.svc.cluster.local:3000" },
    customs: { address: "customs-service.default.svc.cluster.local:8081" },
    // Stands beside the other one: "gatewright rollout next customs" begins to send it requests.
    "customs-green": { address: "customs-service-green.default.svc.cluster.local:8081" },
    mawb: { address: "mawb-service.default.svc.cluster.local:8082" },
    mock: { address: "mock-service.default.svc.cluster.local:8083", environments: ["development"] },
  },
  rollouts: {
    customs: { from: "customs", to: "customs-green", sticky: "tenant", gate: { errorRatio: 0.01, p95: "500ms" } },
  },
  policies: {
    cors: {
      origins: ["https://portal.serhafen.com"],
      credentials: true,
      requestHeaders: [
        "authorization",
        "content-type",
        "x-business-unit",
        "x-country-code",
        "x-request-id",
        "traceparent",
      ],
    },
    bodySize: { max: "1MiB" },
    jwt: signedIn,
    tenant: { headers: { "x-business-unit": "business_unit", "x-country-code": "country_code" } },
    rateLimit: { limits: [{ name: "calls", requests: 100, per: "1m" }] },
    timeouts: { firstByte: "10s", total: "10s" },
    retries: { tries: 3, perTry: "2s" },
    // Its page counts every 5xx, whoever has called.
    circuitBreaker: {
      errorPercent: 50,
      minimumCalls: 20,
      minimumCallers: 1,
      window: "10s",
      openFor: "30s",
      counts: ["5xx", "noAnswer"],
    },
    compression: { encodings: ["br", "gzip"], above: "1KiB" },
  },
  accept: [
    { difference: "nginx-brotli", reason: "Browsers take brotli, and services answer what is large with 200." },
    {
      difference: "nginx-total-time",
      reason: "Services answer at once, or not at all: the first byte is what takes long.",
    },
    // The clusters that still run ingress-nginx, until they have moved to Istio.
    { difference: "ingress-nginx-flood-guard", reason: "The guard is a shield; the exact limit is the filter's." },
  ],
  routes: [
    {
      name: "auth-sign-in",
      match: { exact: unversioned("/auth/login", "/auth/refresh"), methods: ["POST"] },
      service: "iam",
      policies: open,
    },
    {
      name: "auth-google",
      match: { exact: unversioned("/auth/google", "/auth/google/callback"), methods: ["GET"] },
      service: "iam",
      policies: open,
    },
    {
      name: "auth",
      match: { prefix: unversioned("/auth") },
      service: "iam",
      policies: {
        // A token without a tenant may sign out and read its own session, nothing else.
        tenant: {
          headers: { "x-business-unit": "business_unit", "x-country-code": "country_code" },
          required: false,
        },
      },
    },
    { name: "users", match: { prefix: unversioned("/users") }, service: "iam", policies: cached("users") },
    {
      name: "users-write",
      match: { prefix: unversioned("/users"), methods: WRITES },
      service: "iam",
      policies: { ...superadmin, ...cached("users") },
    },
    {
      name: "users-create",
      match: { exact: unversioned("/users", "/users/"), methods: ["POST"] },
      service: "iam",
      policies: { ...superadmin, ...cached("users"), bodySchema: { schema: NEW_USER } },
    },
    {
      name: "roles",
      match: { prefix: unversioned("/roles") },
      service: "iam",
      policies: { ...superadmin, ...cached("roles") },
    },
    { name: "users-v1", match: { prefix: ["/v1/users"] }, service: "iam-v1", policies: cached("users-v1") },
    {
      name: "users-v1-write",
      match: { prefix: ["/v1/users"], methods: WRITES },
      service: "iam-v1",
      policies: { ...superadmin, ...cached("users-v1") },
    },
    {
      name: "users-v1-create",
      match: { exact: ["/v1/users", "/v1/users/"], methods: ["POST"] },
      service: "iam-v1",
      policies: { ...superadmin, ...cached("users-v1"), bodySchema: { schema: NEW_USER } },
    },
    {
      name: "roles-v1",
      match: { prefix: ["/v1/roles"] },
      service: "iam-v1",
      policies: { ...superadmin, ...cached("roles-v1") },
    },
    { name: "customs", match: { prefix: unversioned("/customs") }, service: "customs", policies: uploads },
    { name: "mawbs", match: { prefix: unversioned("/mawbs") }, service: "mawb", policies: uploads },
    {
      name: "mawbs-create",
      match: { exact: unversioned("/mawbs", "/mawbs/"), methods: ["POST"] },
      service: "mawb",
      policies: { ...uploads, bodySchema: { schema: NEW_MAWB, maxBody: "10MiB" } },
    },
    { name: "hawbs", match: { prefix: unversioned("/hawbs") }, service: "mawb" },
    {
      name: "notifications",
      match: { exact: unversioned("/ws/notifications") },
      service: "customs",
      policies: {
        webSocket: { allowed: true, idle: "1h" },
        // A browser sends its token as a sub-protocol, since it can set no header.
        jwt: { ...signedIn, webSocketProtocol: true },
      },
    },
    { name: "mock", match: { prefix: unversioned("/mock") }, service: "mock" },
  ],
  infrastructure: {
    production: {
      cluster: { admins: ["PlatformAdmin"], nodes: { min: 5 } },
      // For a million requests a day: cost-report.md says when each is outgrown.
      database: { engine: "postgres", class: "t4g.medium" },
      cache: { nodeType: "cache.t4g.small" },
      search: { instanceType: "t3.medium.search", masterType: "t3.small.search", storageGiB: 20 },
      edge: {
        target: "istio",
        hostedZone: "serhafen.com",
        website: { host: "portal.serhafen.com" },
        firewall: ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet"],
      },
      topics: ["iam-events"],
      access: {
        "default/iam-service": { database: true, publish: ["iam-events"], consume: ["iam-events"] },
        "default/customs-service": { database: true },
        "default/customs-service-green": { database: true },
        "default/mawb-service": { database: true },
        "logging/fluent-bit": { search: true },
      },
    },
  },
});
