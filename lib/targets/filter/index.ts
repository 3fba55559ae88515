import type { Capabilities } from "../../plan";
import { configOf, type ConfiguredPolicy, type Host } from "../../policy/gateway";
import type { FilterPlan } from "../../policy/filter-plan";
import type { ErrorBodyConfig } from "../../policy/response";
import type { OutputFile, TargetInput } from "../target";
import { identityHeaders } from "../identity-headers";

/** What the filter keeps at a door, where it sees the head of a request. */
export const FILTER_CLAIMS: Capabilities["door"] = {
  requestLine: { supports: ["RequestMethods", "RequestUriSize", "RequestHeadSize"], stage: "beforeDoor" },
  addresses: { supports: ["AddressAllowList", "AddressDenyList"], stage: "beforeDoor" },
  jwt: {
    supports: [
      "JwtRequired",
      "JwtOptional",
      "JwtAlgorithmBinding",
      "JwtAudience",
      "JwtTokenType",
      "JwtSeveralIssuers",
      "JwtClaimHeaders",
      "JwtNumericUser",
      "JwtWithoutIssuer",
    ],
    stage: "beforeDoor",
  },
  tenant: { supports: ["TenantFromClaims"], stage: "beforeDoor" },
  authorization: { supports: ["AuthorizationByRole", "AuthorizationByScope"], stage: "beforeDoor" },
  rateLimit: {
    supports: ["RateLimitByUser", "RateLimitByClientAddress", "RateLimitCluster", "RateLimitReplica"],
    stage: "beforeDoor",
  },
};

/** The plan of the filter behind one proxy: the policies that the proxy leaves to its door. */
export function filterPlan({ model, gateway, plan }: TargetInput): FilterPlan {
  const doors = new Set(
    plan.placements.filter((p) => p.place === "door").map((p) => `${p.host} ${p.route ?? ""} ${p.kind}`),
  );
  const kept = (host: string, route: string, policies: readonly ConfiguredPolicy[]): ConfiguredPolicy[] =>
    policies.filter((p) => doors.has(`${host} ${route} ${p.kind}`));
  const issuers = Object.entries(model.issuers).map(([name, i]) => [
    name,
    { jwksUrl: i.jwks.url, algorithms: i.algorithms },
  ]);
  return {
    formatVersion: 1,
    system: gateway.system,
    environment: gateway.environment,
    proxy: plan.target,
    issuers: Object.fromEntries(issuers) as FilterPlan["issuers"],
    redis: model.filter.redis,
    hosts: gateway.hosts.map((host: Host) => {
      const errorBody = configOf(host.policies, "errorBody") as ErrorBodyConfig | undefined;
      return {
        name: host.name,
        ...(errorBody && { errorBody }),
        identityHeaders: identityHeaders(host),
        policies: kept(host.name, "", host.policies),
        routes: host.routes.map((r) => ({ ...r, policies: kept(host.name, r.name, r.policies) })),
      };
    }),
  };
}

/** The filter's plan as a file beside the proxy's own. */
export function filterFile(input: TargetInput, path: string): OutputFile[] {
  if (!input.plan.placements.some((p) => p.place === "door")) return [];
  return [{ path, content: `${JSON.stringify(filterPlan(input), null, 2)}\n` }];
}
