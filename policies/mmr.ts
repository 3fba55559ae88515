import { defineGateway } from "../lib/model";

/**
 * MMR: many organisations, each on a sub-domain of its own. Routes and who may use them; tenants by sub-domain, cookies,
 * lockout and the platform's error body come later.
 */
const roles = (...names: string[]) => ({ authorization: { anyOf: [{ roles: names }] } });
const below = (...paths: string[]) => ({ match: { prefix: paths.map((path) => `/api/${path}`) } });

export default defineGateway({
  name: "mmr",
  targets: ["node-gateway"],
  front: { kind: "alb", networks: ["10.20.0.0/22"] },
  hosts: { "api.mmr.com": {}, "app.mmr.com": {}, "static.mmr.com": {}, "acme.mmr.com": {}, "globex.mmr.com": {} },
  secrets: { "jwt-secret": { awsSecretsManager: "mmr/{environment}/jwt-secret" } },
  issuers: {
    auth: {
      jwks: { url: "http://backend-1.default.svc.cluster.local:3001/api/auth/jwks", allowHttp: true },
      secret: "jwt-secret",
      algorithms: ["HS256", "RS256"],
      type: { claim: "type", value: "access", optional: true },
      numericUser: true,
      roles: "roles",
      roleCodes: { a: "admin", s: "staff", c: "client", su: "superuser", co: "coordinator" },
    },
  },
  services: {
    "backend-1": { address: "backend-1.default.svc.cluster.local:3001" },
    "backend-2": { address: "backend-2.default.svc.cluster.local:3001" },
    web: { address: "web.default.svc.cluster.local:3000" },
  },
  policies: {
    jwt: {
      issuers: ["auth"],
      claimHeaders: { "x-user-id": "sub" },
      revocation: { key: "system:auth:blacklist:{jti}" },
    },
    // A token without an organisation is nobody's here; by sub-domain comes later.
    tenant: { headers: { "x-tenant-id": "organizationId" } },
    headerHygiene: { drop: ["x-user-roles"] },
    rateLimit: { limits: [{ name: "calls", requests: 100, per: "1m" }] },
    retries: { tries: 2, perTry: "5s" },
    compression: { encodings: ["br", "gzip"] },
    securityHeaders: {
      hsts: { maxAge: "365d", includeSubDomains: true },
      frameOptions: "SAMEORIGIN",
      contentSecurityPolicy:
        "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:",
      crossOriginOpenerPolicy: "same-origin",
    },
  },
  routes: [
    {
      name: "sign-in",
      match: { exact: ["/api/auth/login", "/api/auth/refresh", "/api/auth/signup"], methods: ["POST"] },
      backends: both(),
      policies: { jwt: { mode: "open", issuers: ["auth"] } },
    },
    {
      name: "open",
      match: { exact: ["/api/auth/csrf-token", "/api/health"], methods: ["GET"] },
      backends: both(),
      policies: { jwt: { mode: "open", issuers: ["auth"] } },
    },
    { name: "own", match: { exact: ["/api/auth/me", "/api/auth/logout"] }, backends: both() },
    { name: "work", ...below("products", "dashboard"), backends: both() },
    { name: "users", ...below("users"), backends: both(), policies: roles("admin", "staff") },
    {
      name: "platform",
      ...below("organizations", "tenants", "system-metrics", "cache", "monitoring"),
      backends: both(),
      policies: roles("superuser"),
    },
    {
      name: "activity-logs",
      ...below("activity-logs"),
      backends: both(),
      policies: roles("admin", "coordinator"),
    },
    { name: "rest", match: { prefix: ["/api"] }, respond: { status: 404 } },
    {
      name: "web",
      match: { prefix: ["/"] },
      hosts: ["app.mmr.com", "acme.mmr.com", "globex.mmr.com"],
      service: "web",
      policies: { jwt: { mode: "open", issuers: ["auth"] } },
    },
  ],
  infrastructure: {
    // MySQL, and the static files of the web application from the CDN.
    production: {
      network: { cidr: "10.20.0.0/16" },
      cluster: { admins: ["PlatformAdmin"] },
      database: { engine: "mysql" },
      cache: { nodeType: "cache.t4g.medium" },
      edge: { hostedZone: "mmr.com", website: { host: "static.mmr.com" } },
      access: { "default/backend-1": { database: true }, "default/backend-2": { database: true } },
    },
  },
});

function both(): { service: string; weight: number }[] {
  return [
    { service: "backend-1", weight: 50 },
    { service: "backend-2", weight: 50 },
  ];
}
