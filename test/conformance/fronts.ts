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
  cloudflare: { kind: "cloudflare", networks: ["10.0.0.0/16"] },
};

function behind(name: string, front: NonNullable<GatewayInput["front"]>): GatewayInput {
  return {
    name: `fronts-${name}`,
    targets: ["nginx", "istio"],
    environments: ["production"],
    front,
    hosts: { "api.front.test": {}, "plain.front.test": { policies: { httpsRedirect: null } } },
    issuers: { main: { issuer: "https://issuer.front.test", jwks: { url: "https://issuer.front.test/keys" } } },
    services: { one: { address: "one.front.svc.cluster.local:8080" } },
    policies: {
      jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
      cors: { origins: ["https://app.front.test"] },
    },
    routes: [
      { name: "door", match: { prefix: ["/door"] }, service: "one" },
      { name: "open", match: { prefix: ["/open"] }, service: "one", policies: { jwt: null } },
      { name: "through", match: { prefix: ["/through"] }, service: "one", policies: { compression: {} } },
      { name: "answer", match: { exact: ["/answer"] }, respond: { status: 200, body: "{}" } },
    ],
  };
}

export const FRONT_MODELS: Readonly<Record<string, GatewayInput>> = Object.fromEntries(
  Object.entries(FRONTS).map(([name, front]) => [`fronts/${name}`, behind(name, front)]),
);
