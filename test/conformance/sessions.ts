import { defineGateway } from "../../lib/model";

/** A model of the test suite: browsers with sessions, whose tokens come in cookies and are signed by a shared secret. */
const WRITES: ("POST" | "PUT" | "PATCH" | "DELETE")[] = ["POST", "PUT", "PATCH", "DELETE"];

export default defineGateway({
  name: "sessions",
  targets: ["nginx", "istio", "node-gateway"],
  front: { kind: "alb", networks: ["10.0.0.0/16"] },
  hosts: {
    "sessions.test": {},
    // Each of its tenants has pages of his own.
    "*.rooms.sessions.test": { tenants: { red: 1, blue: 2 } },
  },
  secrets: { "jwt-secret": { env: "SESSIONS_JWT_SECRET" } },
  issuers: {
    own: {
      jwks: { url: "https://sessions.test/keys" },
      secret: "jwt-secret",
      algorithms: ["HS256", "RS256"],
      type: { claim: "type", value: "access", optional: true },
      user: "sub",
      numericUser: true,
      roles: "roles",
      roleCodes: { a: "admin", s: "staff", c: "client", su: "superuser", co: "coordinator" },
    },
  },
  services: { app: { address: "app.sessions.svc.cluster.local:3001" } },
  policies: {
    cors: { origins: ["https://app.sessions.test", "https://*.pages.sessions.test"], credentials: true },
    jwt: {
      issuers: ["own"],
      cookie: "access_token",
      claimHeaders: { "x-user-id": "sub" },
      revocation: { key: "system:auth:blacklist:{jti}" },
    },
    csrf: {},
  },
  routes: [
    {
      name: "sign-in",
      match: { exact: ["/auth/login"], methods: ["POST"] },
      service: "app",
      policies: {
        jwt: { mode: "open", issuers: ["own"] },
        csrf: null,
        lockout: { field: "email", attempts: 5, per: "15m", blockFor: "15m" },
      },
    },
    {
      name: "sign-in-by-address",
      match: { exact: ["/auth/partner"], methods: ["POST"] },
      service: "app",
      policies: {
        jwt: { mode: "open", issuers: ["own"] },
        csrf: null,
        lockout: {
          field: "user.name",
          attempts: 2,
          per: "1m",
          blockFor: "2s",
          status: 403,
          by: "fieldAndClientAddress",
        },
      },
    },
    {
      name: "sign-in-strict",
      match: { exact: ["/auth/strict"], methods: ["POST"] },
      service: "app",
      policies: { jwt: { mode: "open", issuers: ["own"] }, csrf: null, lockout: { onFailure: "deny" } },
    },
    { name: "live", match: { prefix: ["/live"] }, service: "app", policies: { webSocket: { allowed: true } } },
    {
      name: "live-for-long",
      match: { prefix: ["/live/for-long"] },
      service: "app",
      policies: { webSocket: { allowed: true, closeAtExpiry: false }, connections: null },
    },
    { name: "me", match: { prefix: ["/me"] }, service: "app" },
    {
      name: "users",
      match: { prefix: ["/users"] },
      service: "app",
      policies: { authorization: { anyOf: [{ roles: ["admin", "staff"] }] } },
    },
    {
      name: "users-write",
      match: { prefix: ["/users"], methods: WRITES },
      service: "app",
      policies: { authorization: { anyOf: [{ roles: ["superuser"] }] } },
    },
  ],
});
