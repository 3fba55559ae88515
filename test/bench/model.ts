import { checkModel, defineGateway, type GatewayInput, type GatewayModel } from "../../lib/model";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { compile } from "../../lib/targets";
import { placedModel, type Addresses } from "../../lib/conformance/system";

/** A small order. */
const SCHEMA = {
  type: "object",
  properties: { item: { type: "string", maxLength: 40 }, count: { type: "integer", minimum: 1, maximum: 99 } },
  required: ["item", "count"],
  additionalProperties: false,
};

/** No proxy knows ranges of types; the service's answers are of none of them. */
const CARRIED = { compression: { types: ["font/*"] } };

/** Whose tokens the benchmarks bring. */
export const ISSUERS = {
  main: {
    issuer: "https://identity.bench.test/realms/bench",
    jwks: { url: "https://identity.bench.test/keys" },
    audiences: ["bench-api"],
    algorithms: ["RS256", "ES256"],
    type: { claim: "typ", value: "Bearer" },
    roles: "realm_access.roles",
    scopes: "scope",
  },
} satisfies GatewayInput["issuers"];

/** The one system that is measured: a token, a role, and on one route a limit that is never reached. */
const input = defineGateway({
  name: "bench",
  environments: ["production"],
  targets: ["nginx", "istio"],
  hosts: { "api.bench.test": {} },
  issuers: ISSUERS,
  services: { orders: { address: "orders.bench.svc.cluster.local:8080" } },
  policies: {
    // The guard would be the first thing that a load test meets.
    floodGuard: null,
    jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
    authorization: { anyOf: [{ roles: ["clerk"] }] },
  },
  routes: [
    { name: "orders", match: { prefix: ["/orders"] }, service: "orders" },
    { name: "open", match: { prefix: ["/open"] }, service: "orders", policies: { jwt: null, authorization: null } },
    { name: "watched", match: { prefix: ["/watched"] }, service: "orders", policies: { circuitBreaker: {} } },
    {
      name: "carried",
      match: { prefix: ["/carried"] },
      service: "orders",
      policies: { circuitBreaker: {}, ...CARRIED },
    },
    {
      name: "judged",
      match: { prefix: ["/judged"] },
      service: "orders",
      policies: { circuitBreaker: {}, bodySchema: { schema: SCHEMA } },
    },
    {
      name: "judged-carried",
      match: { prefix: ["/judged-carried"] },
      service: "orders",
      policies: { circuitBreaker: {}, bodySchema: { schema: SCHEMA }, ...CARRIED },
    },
    {
      name: "limited",
      match: { prefix: ["/limited"] },
      service: "orders",
      policies: {
        rateLimit: { limits: [{ name: "calls", requests: 1_000_000, per: "1s", burst: 1_000_000 }] },
      },
    },
  ],
});

/** The rendered files of one target with the parts' addresses in them. */
export function benchFiles(
  target: "nginx" | "istio" | "node-gateway",
  at: Addresses,
): { path: string; content: string }[] {
  const checked = checkModel({ file: __filename, value: input, locate: () => ({ file: __filename }) });
  if (!checked.value || hasErrors(checked.diagnostics)) {
    throw new Error(checked.diagnostics.map(formatDiagnostic).join("\n"));
  }
  const model: GatewayModel = { ...placedModel(checked.value, at), targets: [target] };
  const { value, diagnostics } = compile(model, "production");
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return value.files;
}

/** The file of that name among them. */
export function contentOf(files: readonly { path: string; content: string }[], name: string): string {
  const file = files.find((f) => f.path.endsWith(`/${name}`));
  if (!file) throw new Error(`No ${name} was rendered.`);
  return file.content;
}
