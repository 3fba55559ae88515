import { defineGateway } from "../../lib/model";

/** A small model: one route for each thing that a drill looks at. */
const open = { mode: "open" as const, issuers: ["main"] };
const tenPerHour = { requests: 10, per: "1h" as const, key: ["clientAddress" as const] };

export default defineGateway({
  name: "drill",
  environments: ["production"],
  targets: ["nginx"],
  front: { kind: "alb", tls: "front", trustedHops: 1, networks: ["127.0.0.0/8"] },
  hosts: { "api.drill.test": {} },
  issuers: {
    main: {
      issuer: "https://issuer.drill.test",
      jwks: { url: "http://127.0.0.1:1/keys", allowHttp: true },
      audiences: ["drill-api"],
      algorithms: ["RS256", "ES256"],
      requestAuthentication: true,
      roles: "roles",
    },
  },
  services: { one: { address: "127.0.0.1:1" } },
  policies: { jwt: open, floodGuard: null },
  accept: [{ difference: "nginx-idle-time", reason: "The drills look at what nginx keeps by itself." }],
  routes: [
    { name: "open", match: { prefix: ["/open"] }, service: "one" },
    { name: "upload", match: { prefix: ["/upload"] }, service: "one", policies: { bodySize: { max: "1GiB" } } },
    { name: "events", match: { prefix: ["/events"] }, service: "one", policies: { streaming: true } },
    {
      name: "silent",
      match: { prefix: ["/silent"] },
      service: "one",
      policies: { streaming: true, timeouts: { idle: null } },
    },
    { name: "read", match: { prefix: ["/read"] }, service: "one", policies: { jwt: { issuers: ["main"] } } },
    {
      name: "tenant",
      match: { prefix: ["/tenant"] },
      service: "one",
      policies: { jwt: { issuers: ["main"] }, tenant: { headers: { "x-tenant": "tenant" } } },
    },
    {
      name: "local",
      match: { prefix: ["/local"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "local", ...tenPerHour }], onFailure: "local" } },
    },
    {
      name: "breaker",
      match: { prefix: ["/breaker"] },
      service: "one",
      policies: { circuitBreaker: { minimumCalls: 6, minimumCallers: 2, window: "20s", openFor: "5s" } },
    },
    {
      name: "strict",
      match: { prefix: ["/strict"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "strict", ...tenPerHour }], onFailure: "deny" } },
    },
    {
      name: "lenient",
      match: { prefix: ["/lenient"] },
      service: "one",
      policies: { rateLimit: { limits: [{ name: "lenient", ...tenPerHour }], onFailure: "allow" } },
    },
  ],
});
