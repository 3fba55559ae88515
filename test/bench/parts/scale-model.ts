/** Models of any size, plain data that every version reads: ten routes to a service, as hosts have that many teams publish on. */

export const LEVELS = ["admin", "editor", "reader"];

/** One of ten routes: what differs between neighbours differs here. */
function route(n: number, services: number, templates: boolean): object {
  const service = Math.floor(n / 10);
  const base = `/api/v1/team-${String(service)}/things-${String(n)}`;
  const name = `things-${String(n)}`;
  const common = { name, service: `team-${String(service % services)}` };
  switch (n % 10) {
    case 0:
      return { ...common, match: { exact: [base] }, policies: { jwt: null, authorization: null } };
    case 1:
      return { ...common, match: { prefix: [base], methods: ["GET"] } };
    case 2:
      return {
        ...common,
        match: { prefix: [base], methods: ["POST", "PUT"] },
        policies: {
          authorization: { anyOf: [{ roles: [LEVELS[service % LEVELS.length]] }] },
          bodySize: { max: "1MiB" },
        },
      };
    case 3:
      return {
        ...common,
        match: templates ? { template: [`${base}/{id}/draw`] } : { prefix: [`${base}/draw`] },
      };
    case 4:
      return { ...common, match: { prefix: [base] }, policies: { timeouts: { firstByte: "5s" } } };
    case 5:
      return { ...common, match: { prefix: [base] }, policies: { rewrite: { prefix: "/" } } };
    default:
      return { ...common, match: { prefix: [base] } };
  }
}

interface ScaleOptions {
  targets?: readonly string[];
  /** With what came after 1667a6c. */
  templates?: boolean;
  /** One for ten routes where nothing is said. */
  services?: number;
}

/** As a value of a model's file. */
export function scaleModel(
  routes: number,
  { targets = ["nginx", "istio"], templates = true, services: most = Math.ceil(routes / 10) }: ScaleOptions = {},
): Record<string, unknown> {
  const services = Array.from({ length: most }, (_, n) => [
    `team-${String(n)}`,
    { address: `team-${String(n)}.apps.svc.cluster.local:8080` },
  ]);
  return {
    name: "scale",
    environments: ["production"],
    targets,
    front: { kind: "alb", trustedHops: 1, networks: ["10.0.0.0/16"] },
    hosts: { "api.scale.test": {} },
    issuers: {
      main: {
        issuer: "https://identity.scale.test/realms/scale",
        jwks: { url: "https://identity.scale.test/keys" },
        audiences: ["scale-api"],
        algorithms: ["RS256"],
        type: { claim: "typ", value: "Bearer" },
        roles: "realm_access.roles",
      },
    },
    services: Object.fromEntries(services),
    policies: {
      // The guard would be the first thing that many requests meet.
      floodGuard: null,
      jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
      authorization: { anyOf: [{ roles: LEVELS }] },
      rateLimit: { limits: [{ name: "calls", requests: 100, per: "1s", burst: 100, key: ["user"] }] },
    },
    routes: Array.from({ length: routes }, (_, n) => route(n, most, templates)),
  };
}
