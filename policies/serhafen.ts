import { defineGateway } from "../lib/model";

/**
 * Serhafen: a customs and freight portal, several back ends behind one gateway.
 *
 * Versions live side by side: `/v0/...` is the un-versioned path by another name, `/v1` has its own users and roles, and
 * any other version is 404 until it is named here. The portal's host offers the same routes under `/api`.
 */
const unversioned = (...paths: string[]): string[] => paths.flatMap((path) => [path, `/v0${path}`]);

const superadmin = { authorization: { anyOf: [{ roles: ["SUPERADMIN"] }] } };
const open = { jwt: { mode: "open" as const, issuers: ["keycloak"] } };
const uploads = { bodySize: { max: "10MiB" } };
const WRITES: ("POST" | "PUT" | "PATCH" | "DELETE")[] = ["POST", "PUT", "PATCH", "DELETE"];

export default defineGateway({
  name: "serhafen",
  targets: ["nginx", "istio", "ingress-nginx"],
  front: { kind: "alb", trustedHops: 1, tls: "gateway", networks: ["10.0.0.0/16"] },
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
      user: "sub",
      roles: "realm_access.roles",
    },
  },
  services: {
    iam: { address: "iam-service.default.svc.cluster.local:3000" },
    "iam-v1": { address: "iam-service-v1.default.svc.cluster.local:3000" },
    customs: { address: "customs-service.default.svc.cluster.local:8081" },
    mawb: { address: "mawb-service.default.svc.cluster.local:8082" },
    mock: { address: "mock-service.default.svc.cluster.local:8083", environments: ["development"] },
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
    jwt: { issuers: ["keycloak"], claimHeaders: { "x-user-id": "sub" } },
    tenant: { headers: { "x-business-unit": "business_unit", "x-country-code": "country_code" } },
    rateLimit: { limits: [{ name: "calls", requests: 100, per: "1m" }] },
    timeouts: { firstByte: "10s" },
    retries: { tries: 3, perTry: "2s" },
  },
  // The clusters that still run ingress-nginx, until they have moved to Istio.
  accept: [
    { difference: "ingress-nginx-cors", reason: "The portal sends no OPTIONS of its own." },
    { difference: "ingress-nginx-error-body", reason: "The portal reads the status of an error, not its body." },
    { difference: "ingress-nginx-flood-guard", reason: "The guard is a shield; the exact limit is the filter's." },
    { difference: "ingress-nginx-rewrite", reason: "Paths of the portal hold plain identifiers only." },
    { difference: "ingress-nginx-tries", reason: "A POST whose connection failed has not been taken by anybody." },
    { difference: "ingress-nginx-upgrades", reason: "Only customs speaks WebSocket; other services refuse it." },
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
    { name: "users", match: { prefix: unversioned("/users") }, service: "iam" },
    {
      name: "users-write",
      match: { prefix: unversioned("/users"), methods: WRITES },
      service: "iam",
      policies: superadmin,
    },
    { name: "roles", match: { prefix: unversioned("/roles") }, service: "iam", policies: superadmin },
    { name: "users-v1", match: { prefix: ["/v1/users"] }, service: "iam-v1" },
    {
      name: "users-v1-write",
      match: { prefix: ["/v1/users"], methods: WRITES },
      service: "iam-v1",
      policies: superadmin,
    },
    { name: "roles-v1", match: { prefix: ["/v1/roles"] }, service: "iam-v1", policies: superadmin },
    { name: "customs", match: { prefix: unversioned("/customs") }, service: "customs", policies: uploads },
    { name: "mawbs", match: { prefix: unversioned("/mawbs") }, service: "mawb", policies: uploads },
    { name: "hawbs", match: { prefix: unversioned("/hawbs") }, service: "mawb" },
    {
      name: "notifications",
      match: { exact: unversioned("/ws/notifications") },
      service: "customs",
      policies: { webSocket: { allowed: true, idle: "1h" } },
    },
    { name: "mock", match: { prefix: unversioned("/mock") }, service: "mock" },
  ],
});
