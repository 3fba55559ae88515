import { defineGateway } from "../lib/model";

/**
 * Equb: savings groups and their payments. Every path has a short form (`/group`, `/payment`) with the same promises; what must
 * hold of money (who contributes, who draws, what a payment looks like) stands in routes of its own.
 */
const roles = (...names: string[]) => ({ authorization: { anyOf: [{ roles: names }] } });
const may = (role: string, ...scopes: string[]) => ({ authorization: { anyOf: [{ roles: [role], scopes }] } });

const CALLS = { name: "calls", requests: 60, per: "1m", burst: 10 };
/** By address: whoever guesses passwords has no name yet. */
const SIGN_IN = { name: "sign-in", requests: 20, per: "1m", key: ["clientAddress" as const] };
const PAYMENTS = { name: "payments", requests: 12, per: "1m", burst: 2 };

const UNWANTED = ["203.0.113.66"];
/** Administrators work from here. */
const OFFICE = { allow: ["198.51.100.0/24"], deny: UNWANTED };

const open = { mode: "open" as const, issuers: ["auth"] };

const GROUPS = ["/group", "/api/v1/groups"];
const MONEY = ["/payment", "/api/v1/payments"];
const below = (paths: string[], rest: string): string[] => paths.map((path) => path + rest);

/** A slash at the end is the same path to most services. */
const bothForms = (rest: string): string[] => [...below(GROUPS, rest), ...below(GROUPS, `${rest}/`)];

export default defineGateway({
  name: "equb",
  targets: ["nginx", "istio", "node-gateway", "kong"],
  accept: [{ difference: "nginx-total-time", reason: "Answers are small: what takes long is their first byte." }],
  front: { kind: "alb", networks: ["10.30.0.0/22"] },
  hosts: { "api.equb.app": {} },
  secrets: { "internal-keys": { awsSecretsManager: "equb/{environment}/internal-keys" } },
  issuers: {
    auth: {
      jwks: { url: "http://auth.default.svc.cluster.local:3000/auth/.well-known/jwks.json", allowHttp: true },
      algorithms: ["RS256", "ES256"],
      user: "user_id",
      roles: "role",
      scopes: "scope",
    },
  },
  services: {
    auth: { address: "auth.default.svc.cluster.local:3000" },
    users: { address: "users.default.svc.cluster.local:3000" },
    "users-admin": { address: "users-admin.default.svc.cluster.local:3000" },
    groups: { address: "groups.default.svc.cluster.local:3000" },
    payments: { address: "payments.default.svc.cluster.local:3000" },
  },
  policies: {
    addresses: { deny: UNWANTED },
    jwt: { issuers: ["auth"], claimHeaders: { "x-user-id": "user_id", "x-user-role": "role" } },
    rateLimit: { limits: [CALLS] },
    timeouts: { firstByte: "15s", total: "15s" },
    retries: { tries: 3, perTry: "4s" },
    circuitBreaker: {
      errorPercent: 50,
      minimumCalls: 20,
      // The limits keep one caller below that by himself.
      minimumCallers: 1,
      counts: ["5xx", "noAnswer"],
      window: "10s",
      openFor: "30s",
    },
    fallback: { status: 503, retryAfter: "30s", body: '{"error":"maintenance","retryAfter":30}' },
    securityHeaders: { contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'" },
    cors: {
      origins: ["https://app.equb.app", "https://admin.equb.app"],
      requestHeaders: ["authorization", "content-type", "x-service-type", "x-request-id"],
    },
    // Tokens alone: a cookie of a service would be nobody's to send back.
    responseHeaders: { remove: ["set-cookie"] },
  },
  routes: [
    {
      name: "auth-open",
      match: { exact: ["/auth/login", "/auth/register", "/auth/refresh"], methods: ["POST"] },
      service: "auth",
      policies: { jwt: open, rateLimit: { limits: [SIGN_IN] } },
    },
    {
      name: "auth-keys",
      match: { exact: ["/auth/.well-known/jwks.json"], methods: ["GET"] },
      service: "auth",
      policies: { jwt: open, rateLimit: { limits: [SIGN_IN] } },
    },
    {
      name: "auth",
      match: { prefix: ["/auth"] },
      service: "auth",
      policies: { rateLimit: { limits: [CALLS, SIGN_IN] } },
    },
    {
      name: "groups",
      match: { prefix: GROUPS },
      service: "groups",
      policies: roles("user", "admin", "scheduler"),
    },
    {
      name: "groups-write",
      match: { prefix: GROUPS, methods: ["POST", "PUT", "PATCH", "DELETE"] },
      service: "groups",
      policies: roles("user", "admin"),
    },
    {
      name: "contribute",
      match: { template: bothForms("/{group}/contributions"), methods: ["POST"] },
      service: "groups",
      policies: may("user", "user:contribute"),
    },
    {
      name: "draw",
      match: { template: bothForms("/{group}/draw"), methods: ["POST"] },
      service: "groups",
      policies: may("scheduler", "scheduler:run"),
    },
    {
      name: "payments",
      match: { prefix: MONEY },
      service: "payments",
      policies: {
        authorization: { anyOf: [{ roles: ["user"] }, { roles: ["admin"], scopes: ["admin:read"] }] },
      },
    },
    {
      name: "payments-change",
      match: { prefix: MONEY, methods: ["PUT", "PATCH", "DELETE"] },
      service: "payments",
      policies: { ...may("user", "user:pay"), bodySize: { max: "16KiB" } },
    },
    {
      name: "payments-post",
      match: { prefix: MONEY, methods: ["POST"] },
      service: "payments",
      policies: { ...may("user", "user:pay"), bodySize: { max: "16KiB" }, rateLimit: { limits: [CALLS, PAYMENTS] } },
    },
    {
      name: "pay",
      match: { exact: [...MONEY, ...below(MONEY, "/")], methods: ["POST"] },
      service: "payments",
      policies: {
        ...may("user", "user:pay"),
        bodySize: { max: "16KiB" },
        rateLimit: { limits: [CALLS, PAYMENTS] },
        bodySchema: {
          schema: {
            type: "object",
            properties: {
              groupId: { type: "string", format: "uuid" },
              amount: { type: "number", exclusiveMinimum: 0, multipleOf: 0.01 },
              currency: { type: "string", pattern: "^[A-Z]{3}$", maxLength: 3 },
              idempotencyKey: { type: "string", format: "uuid" },
            },
            required: ["groupId", "amount", "currency", "idempotencyKey"],
            additionalProperties: false,
          },
          maxBody: "16KiB",
        },
      },
    },
    { name: "users", match: { prefix: ["/api/v1/users"] }, service: "users", policies: roles("user", "admin") },
    {
      name: "users-of-user",
      match: { prefix: ["/api/v1/users"], headers: { "x-service-type": "user" } },
      service: "users",
      policies: roles("user", "admin"),
    },
    {
      name: "users-admin",
      match: { prefix: ["/api/v1/users"], headers: { "x-service-type": "admin" } },
      service: "users-admin",
      policies: { ...roles("admin"), addresses: OFFICE },
    },
    {
      name: "users-admin-read",
      match: { prefix: ["/api/v1/users"], methods: ["GET", "HEAD"], headers: { "x-service-type": "admin" } },
      service: "users-admin",
      policies: { ...may("admin", "admin:read"), addresses: OFFICE },
    },
    {
      name: "users-of-nobody",
      match: { prefix: ["/api/v1/users"], headers: { "x-service-type": { type: "Present" } } },
      respond: { status: 400, body: '{"error":"Bad Request","message":"X-Service-Type is admin or user."}' },
    },
    {
      name: "internal",
      match: { prefix: ["/internal"] },
      service: "groups",
      // Limits are of users, and nobody's here.
      policies: { jwt: open, signature: { secret: "internal-keys", clockSkew: "60s" }, rateLimit: null },
    },
  ],
  infrastructure: {
    // Payments: what a rule of AWS's is sure of is refused, and what is used to attack is known for long.
    production: {
      network: { cidr: "10.30.0.0/16" },
      cluster: { admins: ["PlatformAdmin"] },
      database: { engine: "postgres" },
      cache: { nodeType: "cache.t4g.medium" },
      edge: {
        hostedZone: "equb.app",
        firewall: [
          "AWSManagedRulesAmazonIpReputationList",
          "AWSManagedRulesKnownBadInputsRuleSet",
          "AWSManagedRulesSQLiRuleSet",
        ],
      },
      topics: ["payment-events"],
      access: {
        "default/payments": { database: true, publish: ["payment-events"] },
        "default/groups": { database: true, consume: ["payment-events"] },
      },
    },
  },
});
