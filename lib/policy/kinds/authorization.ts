import { z } from "zod";
import type { Feature } from "../feature";
import { policyKind } from "../kind";
import { wholeName } from "../values";

const alternative = z
  .strictObject({
    roles: z.array(wholeName).default([]),
    scopes: z.array(wholeName).default([]),
  })
  .refine((a) => a.roles.length + a.scopes.length > 0, "name a role or a scope");

const NOBODY: { roles: readonly string[]; scopes: readonly string[] } = { roles: [], scopes: [] };

/** Any one of the alternatives: any of its roles (where it names some) and all of its scopes. */
export const authorization = policyKind({
  kind: "authorization",
  schema: z.strictObject({ anyOf: z.array(alternative).min(1) }),
  phase: "authorization",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (config.anyOf.some((a) => a.roles.length > 0)) features.push("AuthorizationByRole");
    if (config.anyOf.some((a) => a.scopes.length > 0)) features.push("AuthorizationByScope");
    return features;
  },
  decide(config, { identity }) {
    const { roles, scopes } = identity ?? NOBODY;
    const holds = config.anyOf.some(
      (a) =>
        (a.roles.length === 0 || a.roles.some((r) => roles.includes(r))) && a.scopes.every((s) => scopes.includes(s)),
    );
    if (holds) return undefined;
    return { status: 403, reason: "not-authorized", message: "The token does not grant this." };
  },
});
