import type { GatewayInput } from "../../lib/model";

/**
 * Models of the test suite: the same small gateway behind everything that can stand in front of one. Each has a host that
 * redirects plain http and one that serves it, and a route of every kind: asked about at the door, open, through, and
 * answered by the gateway itself.
 */
const FRONTS: Readonly<Record<string, NonNullable<GatewayInput["front"]>>> = {
  none: { kind: "none" },
  alb: { kind: "alb", networks: ["10.0.0.0/16"] },
  "alb-ends-tls": { kind: "alb", tls: "front", networks: ["10.0.0.0/16"] },
  nlb: { kind: "nlb" },
  "cloudfront-alb": { kind: "cloudfront-alb", networks: ["10.0.0.0/16"] },
  /** The runner is not of these networks. */
  stranger: { kind: "alb", networks: ["192.0.2.0/24"] },
  cloudflare: { kind: "cloudflare", networks: ["10.0.0.0/16"] },
};

function behind(name: string, front: NonNullable<GatewayInput["front"]>): GatewayInput {
  return {
    name: `fronts-${name}`,
    targets: ["nginx", "istio", "node-gateway"],
    environments: ["production"],
    front,
    hosts: { "api.front.test": {}, "plain.front.test": { policies: { httpsRedirect: null } } },
    issuers: { main: { issuer: "https://issuer.front.test", jwks: { url: "https://issuer.front.test/keys" } } },
    services: { one: { address: "one.front.svc.cluster.local:8080" } },
    policies: {
      jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
      cors: { origins: ["https://app.front.test"] },
      securityHeaders: { frameOptions: "DENY" },
      errorBody: { members: { code: "{status}", said: "{message}" } },
    },
    routes: [
      { name: "door", match: { prefix: ["/door"] }, service: "one" },
      {
        name: "inside",
        match: { prefix: ["/inside"] },
        service: "one",
        policies: { jwt: null, addresses: { allow: ["203.0.113.0/24"] } },
      },
      {
        name: "outside",
        match: { prefix: ["/outside"] },
        service: "one",
        policies: { jwt: null, addresses: { deny: ["203.0.113.0/24", "2001:db8:66::/48"] } },
      },
      {
        name: "limited",
        match: { prefix: ["/limited"] },
        service: "one",
        policies: {
          jwt: null,
          rateLimit: { limits: [{ name: "few", requests: 2, per: "1h", key: ["clientAddress"] }] },
        },
      },
      { name: "open", match: { prefix: ["/open"] }, service: "one", policies: { jwt: null } },
      {
        name: "through",
        match: { prefix: ["/through"] },
        service: "one",
        policies: { compression: { types: ["text/*"] } },
      },
      { name: "answer", match: { exact: ["/answer"] }, respond: { status: 200, body: "{}" } },
    ],
  };
}

export const FRONT_MODELS: Readonly<Record<string, GatewayInput>> = Object.fromEntries(
  Object.entries(FRONTS).map(([name, front]) => [`fronts/${name}`, behind(name, front)]),
);
