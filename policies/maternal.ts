import { defineGateway } from "../lib/model";

/**
 * Maternal: a web application and mobile applications in front of one back end. The gateway is the web's BFF as well: it calls the
 * back end for `/api/proxy` and `/api/graphql`, with the internal key that no client has.
 */
const WEB = ["maternal.noru1.ro", "maternal-web.noru1.ro"];
const MOBILE = ["api.maternal.noru1.ro", "maternal-api.noru1.ro"];

const ORIGINS = [
  "https://maternal.noru1.ro",
  "https://maternal-web.noru1.ro",
  "capacitor://localhost",
  "ionic://localhost",
  "http://localhost",
];
const DEVELOPERS = [...ORIGINS, "http://localhost:3030"];

const open = { mode: "open" as const, issuers: ["backend"] };

/** The back end takes requests with this key alone. */
const INTERNAL = { "x-internal-api-key": { secret: "internal-key" } };

/** Both web hosts together. */
/** What the access log calls requests: by the web's own calls, its pages, and applications on phones. */
const OF_BFF = { source: "internal", client: "web" };
const OF_PAGES = { source: "external", client: "web" };
const OF_MOBILE = { source: "external", client: "mobile" };
const WEB_LIMIT = { name: "web", requests: 100, per: "1m", burst: 20, key: ["clientAddress" as const] };
const MOBILE_LIMIT = {
  name: "mobile",
  requests: 60,
  per: "1m",
  burst: 10,
  key: ["apiKey" as const],
  storeKey: "rate_limit:api_key:{owner}",
};
const QUERIES = {
  name: "graphql",
  requests: 30,
  per: "1m",
  key: ["user" as const, "apiKey" as const, "clientAddress" as const],
};

const BACKEND = "backend.default.svc.cluster.local";

/** Of one child: no cache that others use may keep it, whatever the back end says. */
const PRIVATE = {
  set: { "cache-control": "private, max-age=300, stale-while-revalidate=600" },
  remove: ["x-xss-protection"],
};

const rest = {
  rateLimit: { limits: [WEB_LIMIT] },
  requestHeaders: { set: INTERNAL },
  rewrite: { prefix: "/api/proxy", replacement: "/api/v1", host: BACKEND },
  fallback: { status: 502, body: '{"error":"Internal proxy error"}' },
};

const graphqlOfWeb = {
  rateLimit: { limits: [WEB_LIMIT, QUERIES] },
  requestHeaders: { set: INTERNAL, only: ["content-type", "authorization", "accept"] },
  rewrite: { prefix: "/api/graphql", replacement: "/graphql", host: BACKEND },
  fallback: { status: 502, body: '{"errors":[{"message":"GraphQL proxy error"}]}' },
};

const PLAYGROUND = { status: 403, body: '{"error":"GraphQL Playground disabled in production"}' };

const SOCKETS = { prefix: ["/ws", "/socket.io"], exact: ["/graphql"], upgrade: "websocket" as const };

/** A browser's socket: from a listed origin, with a good token if any. */
const ofBrowsers = (origins: string[], environments: string[]) => ({
  labels: OF_PAGES,
  match: { ...SOCKETS, headers: { origin: { type: "In" as const, values: origins } } },
  environments,
  service: "backend",
  policies: {
    jwt: {
      mode: "optional" as const,
      issuers: ["backend"],
      webSocketProtocol: true,
      claimHeaders: { "x-user-id": "sub" },
    },
    connections: { max: 10, key: ["user" as const, "clientAddress" as const] },
    requestHeaders: { set: INTERNAL },
  },
});

export default defineGateway({
  name: "maternal",
  targets: ["nginx", "istio", "node-gateway", "kong"],
  slo: { availability: 99.9, latency: { p95: "200ms" } },
  front: { kind: "alb", networks: ["10.10.0.0/22"] },
  hosts: Object.fromEntries([...WEB, ...MOBILE].map((host) => [host, {}])),
  secrets: {
    "mobile-keys": { awsSecretsManager: "maternal/{environment}/mobile-keys" },
    "internal-key": { awsSecretsManager: "maternal/{environment}/internal-key" },
  },
  issuers: {
    backend: {
      issuer: "https://api.maternal.noru1.ro",
      jwks: { url: "http://backend.default.svc.cluster.local:3020/.well-known/jwks.json", allowHttp: true },
      audiences: ["maternal-api"],
    },
  },
  services: {
    backend: { address: `${BACKEND}:3020` },
    web: { address: "web.default.svc.cluster.local:3030" },
  },
  policies: {
    cors: {
      origins: ORIGINS,
      methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
      // The internal key is no browser's.
      requestHeaders: ["content-type", "authorization", "x-api-key"],
      credentials: true,
    },
    jwt: { issuers: ["backend"], claimHeaders: { "x-user-id": "sub" } },
    securityHeaders: { frameOptions: "SAMEORIGIN", referrerPolicy: "strict-origin-when-cross-origin" },
    responseHeaders: { remove: ["x-xss-protection"] },
    audit: { fields: ["userAgent", "referer"] },
    errorBody: { byStatus: { 429: { error: "Rate limit exceeded", retryAfter: "{retryAfter}" } } },
  },
  overlays: {
    development: {
      policies: {
        cors: {
          origins: DEVELOPERS,
          methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
          requestHeaders: ["content-type", "authorization", "x-api-key"],
          credentials: true,
        },
      },
      // The playground asks for the schema.
      routes: {
        "web-graphql": { policies: { graphql: { introspection: true } } },
        "mobile-graphql": { policies: { graphql: { introspection: true } } },
      },
    },
  },
  routes: [
    {
      name: "pages",
      labels: OF_PAGES,
      match: { prefix: ["/"] },
      hosts: WEB,
      service: "web",
      policies: { jwt: open, rateLimit: { limits: [WEB_LIMIT] } },
    },
    {
      name: "web-sign-in",
      labels: OF_BFF,
      match: { prefix: ["/api/proxy/auth"] },
      hosts: WEB,
      service: "backend",
      policies: { ...rest, jwt: open },
    },
    // Whoever could call without a token would borrow the internal key.
    {
      name: "web-calls",
      labels: OF_BFF,
      match: { prefix: ["/api/proxy"] },
      hosts: WEB,
      service: "backend",
      policies: rest,
    },
    {
      name: "web-children",
      labels: OF_BFF,
      match: { prefix: ["/api/proxy/children"] },
      hosts: WEB,
      service: "backend",
      policies: { ...rest, responseHeaders: PRIVATE },
    },
    {
      name: "web-graphql",
      labels: OF_BFF,
      match: { exact: ["/api/graphql"] },
      hosts: WEB,
      service: "backend",
      policies: { ...graphqlOfWeb, graphql: {} },
    },
    {
      name: "web-playground",
      labels: OF_BFF,
      match: { exact: ["/api/graphql"], methods: ["GET", "HEAD"] },
      hosts: WEB,
      environments: ["production"],
      respond: PLAYGROUND,
    },
    {
      name: "web-playground-of-developers",
      labels: OF_BFF,
      match: { exact: ["/api/graphql"], methods: ["GET"] },
      hosts: WEB,
      environments: ["development"],
      service: "backend",
      policies: graphqlOfWeb,
    },
    {
      name: "mobile",
      labels: OF_MOBILE,
      match: { prefix: ["/api/v1"] },
      hosts: MOBILE,
      service: "backend",
      policies: {
        apiKey: { secret: "mobile-keys" },
        rateLimit: { limits: [MOBILE_LIMIT] },
        requestHeaders: { set: INTERNAL },
      },
    },
    {
      name: "mobile-children",
      labels: OF_MOBILE,
      match: { prefix: ["/api/v1/children"] },
      hosts: MOBILE,
      service: "backend",
      policies: {
        apiKey: { secret: "mobile-keys" },
        rateLimit: { limits: [MOBILE_LIMIT] },
        requestHeaders: { set: INTERNAL },
        responseHeaders: PRIVATE,
      },
    },
    {
      name: "mobile-graphql",
      labels: OF_MOBILE,
      match: { exact: ["/graphql"] },
      hosts: MOBILE,
      service: "backend",
      policies: {
        apiKey: { secret: "mobile-keys" },
        rateLimit: { limits: [MOBILE_LIMIT, QUERIES] },
        requestHeaders: { set: INTERNAL },
        graphql: {},
      },
    },
    {
      name: "playground",
      labels: OF_MOBILE,
      match: { exact: ["/graphql"], methods: ["GET", "HEAD"] },
      hosts: MOBILE,
      environments: ["production"],
      respond: PLAYGROUND,
    },
    {
      name: "playground-of-developers",
      labels: OF_MOBILE,
      match: { exact: ["/graphql"], methods: ["GET"] },
      hosts: MOBILE,
      environments: ["development"],
      service: "backend",
      policies: {
        apiKey: { secret: "mobile-keys" },
        rateLimit: { limits: [MOBILE_LIMIT, QUERIES] },
        requestHeaders: { set: INTERNAL },
      },
    },
    // Sockets, on all hosts: from pages that are listed; from no others; without an origin as mobile applications.
    { name: "sockets-of-browsers", ...ofBrowsers(ORIGINS, ["production"]) },
    { name: "sockets-of-developers", ...ofBrowsers(DEVELOPERS, ["development"]) },
    {
      name: "sockets-of-strangers",
      match: { ...SOCKETS, headers: { origin: { type: "Present" } } },
      respond: { status: 403, body: '{"error":"Forbidden","message":"This origin opens no sockets here."}' },
    },
    {
      name: "sockets",
      labels: OF_MOBILE,
      match: SOCKETS,
      service: "backend",
      policies: {
        apiKey: { secret: "mobile-keys" },
        connections: { max: 10, key: ["user"] },
        requestHeaders: { set: INTERNAL },
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
