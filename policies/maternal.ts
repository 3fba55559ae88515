import { defineGateway } from "../lib/model";

/**
 * Maternal: a web application and mobile applications in front of one back end. Hosts, routes and who may use them; the
 * internal key, GraphQL's and sockets' limits and the web's proxy paths come later.
 */
const WEB = ["maternal.noru1.ro", "maternal-web.noru1.ro"];
const MOBILE = ["api.maternal.noru1.ro", "maternal-api.noru1.ro"];

export default defineGateway({
  name: "maternal",
  targets: ["node-gateway"],
  front: { kind: "alb", networks: ["10.10.0.0/22"] },
  hosts: Object.fromEntries([...WEB, ...MOBILE].map((host) => [host, {}])),
  secrets: { "mobile-keys": { awsSecretsManager: "maternal/{environment}/mobile-keys" } },
  issuers: {
    backend: {
      issuer: "https://api.maternal.noru1.ro",
      jwks: { url: "http://backend.default.svc.cluster.local:3020/.well-known/jwks.json", allowHttp: true },
      audiences: ["maternal-api"],
    },
  },
  services: {
    backend: { address: "backend.default.svc.cluster.local:3020" },
    web: { address: "web.default.svc.cluster.local:3030" },
  },
  policies: {
    cors: {
      origins: [
        "https://maternal.noru1.ro",
        "https://maternal-web.noru1.ro",
        "capacitor://localhost",
        "ionic://localhost",
        "http://localhost",
      ],
      credentials: true,
    },
    jwt: { issuers: ["backend"], claimHeaders: { "x-user-id": "sub" } },
    // The internal key is the gateway's to set.
    headerHygiene: { drop: ["x-internal-api-key"] },
    securityHeaders: { frameOptions: "SAMEORIGIN", referrerPolicy: "strict-origin-when-cross-origin" },
  },
  routes: [
    {
      name: "pages",
      match: { prefix: ["/"] },
      hosts: WEB,
      service: "web",
      policies: {
        jwt: { mode: "open", issuers: ["backend"] },
        rateLimit: {
          limits: [{ name: "web", requests: 100, per: "1m", burst: 20, key: ["clientAddress"] }],
        },
      },
    },
    // Until the gateway calls the back end for the web itself, nobody does: whoever could would borrow its internal key.
    {
      name: "web-calls",
      match: { prefix: ["/api/proxy", "/api/graphql"] },
      hosts: WEB,
      respond: { status: 404 },
    },
    {
      name: "playground",
      match: { exact: ["/graphql"], methods: ["GET"] },
      hosts: MOBILE,
      respond: { status: 403, body: '{"error":"GraphQL Playground disabled in production"}' },
    },
    {
      name: "mobile",
      match: { prefix: ["/api/v1", "/graphql"] },
      hosts: MOBILE,
      service: "backend",
      policies: {
        apiKey: { secret: "mobile-keys" },
        rateLimit: { limits: [{ name: "mobile", requests: 60, per: "1m", burst: 10, key: ["apiKey"] }] },
      },
    },
  ],
  infrastructure: {
    // Small: one way out, nodes that fit, and a store that speaks MongoDB's protocol.
    production: {
      network: { cidr: "10.10.0.0/16", natGateways: 1 },
      cluster: { admins: ["PlatformAdmin"], nodes: { instanceType: "t4g.large", min: 2, max: 4 } },
      database: { engine: "postgres", class: "t4g.small", storageGiB: 20 },
      documents: { class: "t4g.medium" },
      cache: { nodeType: "cache.t4g.micro" },
      edge: { hostedZone: "noru1.ro" },
      access: { "default/backend": { database: true, documents: true } },
    },
  },
});
