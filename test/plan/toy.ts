import { planTarget, type Capabilities, type Claim, type TargetPlan } from "../../lib/plan";
import type { ConfiguredPolicy, Gateway } from "../../lib/decision/gateway";
import { expectDiagnostics } from "../support";

/** A gateway of one host and one route, and a proxy that claims what a test wants. */

export const byAddress: ConfiguredPolicy = {
  kind: "rateLimit",
  config: {
    limits: [{ name: "a", requests: 1, per: 1000, key: ["clientAddress"], scope: "replica" }],
    onFailure: "local",
  },
};
export const jwt: ConfiguredPolicy = {
  kind: "jwt",
  config: {
    mode: "required",
    issuers: ["a"],
    claimHeaders: {},
    webSocketProtocol: false,
    rules: [{ name: "a", issuer: "i", audiences: [], algorithms: ["RS256"], numericUser: false }],
  },
};
export const bodySize: ConfiguredPolicy = { kind: "bodySize", config: { max: 1 } };
export const compression: ConfiguredPolicy = {
  kind: "compression",
  config: { types: [], encodings: ["gzip"], above: 1024 },
};

export const LIMIT = ["RateLimitByClientAddress", "RateLimitReplica"] as const;
export const JWT = ["JwtRequired", "JwtAlgorithmBinding"] as const;

export const gatewayOf = (...policies: ConfiguredPolicy[]): Gateway => ({
  system: "toy",
  environment: "production",
  hosts: [
    {
      name: "toy.test",
      policies: [],
      routes: [
        {
          name: "one",
          match: { paths: [{ type: "PathPrefix", value: "/" }] },
          backends: [{ service: "s", weight: 100 }],
          policies,
        },
      ],
    },
  ],
});

export const capabilities = (
  native: Capabilities["native"],
  extAuth: Capabilities["extAuth"] = {},
  change: Partial<Capabilities> = {},
): Capabilities => ({
  target: "toy-proxy",
  native,
  extAuth,
  extAuthBody: {},
  reported: {},
  proxied: {},
  proven: true,
  ...change,
});

export const before = (supports: Claim["supports"], more: Partial<Claim> = {}): Claim => ({
  supports,
  stage: "beforeExtAuth",
  ...more,
});
export const after = (supports: Claim["supports"], more: Partial<Claim> = {}): Claim => ({
  supports,
  stage: "afterExtAuth",
  ...more,
});

export function planned(gateway: Gateway, claims: Capabilities, accepted: string[] = []): TargetPlan {
  const { value, diagnostics } = planTarget(gateway, claims, accepted);
  expectDiagnostics(diagnostics, []);
  if (!value) throw new Error("no plan");
  return value;
}

export const places = (plan: TargetPlan): string[] =>
  plan.placements.map((p) => `${p.kind} ${p.place} ${String(p.claim)}${p.difference ? ` ${p.difference}` : ""}`);
