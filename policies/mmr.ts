import { defineGateway } from "../lib/model";

/**
 * MMR: many organisations, each on a sub-domain of its own. Who a request is of is said by its token, and by the host where no
 * token is looked at; what one organisation has never opens another's.
 */
/** Those that are not the CDN's alone. */
const PAGES = ["mmr.com", "www.mmr.com", "api.mmr.com", "app.mmr.com", "*.mmr.com"];

const roles = (...names: string[]) => ({ authorization: { anyOf: [{ roles: names }] } });
const below = (...paths: string[]) => ({ match: { prefix: paths.map((path) => `/api/${path}`) }, hosts: PAGES });

const open = { mode: "open" as const, issuers: ["auth"] };

/** Either instance: what one does not answer the other is asked. */
const both = [
  { service: "backend-1", weight: 50 },
  { service: "backend-2", weight: 50 },
];

export default defineGateway({
  name: "mmr",
  targets: ["nginx", "istio", "node-gateway", "gateway-api"],
  nginx: { modules: ["brotli"] },
  accept: [{ difference: "nginx-brotli", reason: "Browsers take brotli, and services answer what is large with 200." }],
  front: { kind: "alb", networks: ["10.20.0.0/22"] },
  hosts: {
    "mmr.com": {},
    "www.mmr.com": {},
    "api.mmr.com": {},
    "app.mmr.com": {},
    "static.mmr.com": {},
    "*.mmr.com": { tenants: { acme: 1, globex: 2, initech: { id: 3, disabled: true } } },
  },
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
      cookie: "access_token",
      claimHeaders: { "x-user-id": "sub", "x-user-roles": { roles: "names" } },
      revocation: { key: "system:auth:blacklist:{jti}" },
    },
    csrf: { cookie: "csrf-token", header: "x-csrf-token" },
    tenant: { headers: { "x-tenant-id": "organizationId" }, fromHost: true, clientHeader: "drop" },
    rateLimit: { limits: [{ name: "calls", requests: 100, per: "1m" }] },
    retries: { tries: 2, perTry: "15s" },
    compression: { encodings: ["br", "gzip"] },
    securityHeaders: {
      hsts: { maxAge: "365d", includeSubDomains: true },
      frameOptions: "SAMEORIGIN",
      contentSecurityPolicy:
        "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self' data: https:",
      crossOriginOpenerPolicy: "same-origin",
    },
    errorBody: {
      members: { success: false, error: "{reason}", message: "{message}", statusCode: "{status}" },
    },
  },
  routes: [
    {
      name: "login",
      match: { exact: ["/api/auth/login"], methods: ["POST"] },
      hosts: PAGES,
      backends: both,
      policies: {
        jwt: open,
        csrf: null,
        lockout: { field: "email", attempts: 5, per: "15m", blockFor: "15m", key: "system:auth:failed:{name}" },
      },
    },
    {
      name: "sign-in",
      match: { exact: ["/api/auth/refresh", "/api/auth/signup"], methods: ["POST"] },
      hosts: PAGES,
      backends: both,
      policies: { jwt: open, csrf: null },
    },
    {
      name: "open",
      match: { exact: ["/api/auth/csrf-token", "/api/health"], methods: ["GET", "HEAD"] },
      hosts: PAGES,
      backends: both,
      policies: { jwt: open, csrf: null },
    },
    { name: "own", match: { exact: ["/api/auth/me", "/api/auth/logout"] }, hosts: PAGES, backends: both },
    { name: "work", ...below("products", "dashboard"), backends: both },
    { name: "users", ...below("users"), backends: both, policies: roles("admin", "staff") },
    {
      name: "platform",
      ...below("organizations", "tenants", "system-metrics", "cache", "monitoring"),
      backends: both,
      policies: roles("superuser"),
    },
    {
      name: "activity-logs",
      ...below("activity-logs"),
      backends: both,
      policies: roles("admin", "coordinator"),
    },
    {
      name: "rest",
      match: { prefix: ["/api"] },
      hosts: PAGES,
      respond: {
        status: 404,
        body: '{"success":false,"error":"Not Found","message":"There is nothing here.","statusCode":404}',
      },
    },
    { name: "web", match: { prefix: ["/"] }, hosts: PAGES, service: "web", policies: { jwt: open, csrf: null } },
    {
      name: "static",
      match: { prefix: ["/_next/static", "/images"] },
      hosts: PAGES,
      service: "web",
      policies: {
        jwt: open,
        csrf: null,
        responseHeaders: { set: { "cache-control": "public, max-age=31536000, immutable" } },
      },
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
