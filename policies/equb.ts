import { defineGateway } from "../lib/model";

/**
 * Equb: savings groups. Routes and who may use them; schemas, the internal routes and what is sent to administrators
 * apart come later.
 */
const roles = (...names: string[]) => ({ authorization: { anyOf: [{ roles: names }] } });
const may = (role: string, scope: string) => ({ roles: [role], scopes: [scope] });
const WRITES: ("POST" | "PUT" | "PATCH" | "DELETE")[] = ["POST", "PUT", "PATCH", "DELETE"];
const CHANGES = WRITES.filter((method) => method !== "POST");

export default defineGateway({
  name: "equb",
  targets: ["node-gateway"],
  front: { kind: "alb", networks: ["10.30.0.0/22"] },
  hosts: { "api.equb.app": {} },
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
    groups: { address: "groups.default.svc.cluster.local:3000" },
    payments: { address: "payments.default.svc.cluster.local:3000" },
  },
  policies: {
    addresses: { deny: ["203.0.113.66"] },
    jwt: { issuers: ["auth"], claimHeaders: { "x-user-id": "user_id", "x-user-role": "role" } },
    rateLimit: { limits: [{ name: "calls", requests: 60, per: "1m", burst: 10 }] },
    timeouts: { firstByte: "15s", total: "15s" },
    retries: { tries: 3, perTry: "4s" },
    circuitBreaker: { errorPercent: 50, minimumCalls: 20, window: "10s", openFor: "30s" },
    securityHeaders: { contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'" },
    cors: { origins: ["https://app.equb.app", "https://admin.equb.app"], credentials: true },
  },
  routes: [
    {
      name: "auth-open",
      match: { exact: ["/auth/login", "/auth/register", "/auth/refresh"], methods: ["POST"] },
      service: "auth",
      policies: { jwt: { mode: "open", issuers: ["auth"] } },
    },
    {
      name: "auth-keys",
      match: { exact: ["/auth/.well-known/jwks.json"], methods: ["GET"] },
      service: "auth",
      policies: { jwt: { mode: "open", issuers: ["auth"] } },
    },
    { name: "auth", match: { prefix: ["/auth"] }, service: "auth" },
    {
      name: "groups",
      match: { prefix: ["/group", "/api/v1/groups"] },
      service: "groups",
      policies: roles("user", "admin", "scheduler"),
    },
    {
      name: "groups-write",
      match: { prefix: ["/group", "/api/v1/groups"], methods: CHANGES },
      service: "groups",
      policies: roles("user", "admin"),
    },
    {
      name: "groups-create",
      match: { exact: ["/group", "/api/v1/groups"], methods: ["POST"] },
      service: "groups",
      policies: roles("user", "admin"),
    },
    // Who draws and who contributes is said by the end of a path, which no route can name yet: nobody may, by this gateway.
    {
      name: "groups-write-closed",
      match: { prefix: ["/group", "/api/v1/groups"], methods: ["POST"] },
      respond: { status: 403 },
    },
    {
      name: "payments",
      match: { prefix: ["/payment", "/api/v1/payments"] },
      service: "payments",
      policies: { authorization: { anyOf: [{ roles: ["user"] }, may("admin", "admin:read")] } },
    },
    {
      name: "payments-write",
      match: { prefix: ["/payment", "/api/v1/payments"], methods: WRITES },
      service: "payments",
      policies: { authorization: { anyOf: [may("user", "user:pay")] }, bodySize: { max: "16KiB" } },
    },
    { name: "users", match: { prefix: ["/api/v1/users"] }, service: "users", policies: roles("user", "admin") },
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
