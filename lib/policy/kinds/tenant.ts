import { z } from "zod";
import { claimAt } from "../../identity/claims";
import { headerValues, policyKind } from "../kind";
import { claimPath, ownHeaderName } from "../values";

/** Words that some programs take for no tenant, or for all of them. */
const NO_TENANT = ["*", "null", "undefined"];

/**
 * A claim as a tenant's name: visible ASCII with spaces inside at most, and no list, which every reader takes for this one
 * tenant; a whole number above 0 in its one spelling. Nothing for anything else.
 */
export function tenantName(value: unknown): string | undefined {
  if (Number.isSafeInteger(value) && (value as number) > 0) return String(value);
  const good =
    typeof value === "string" &&
    /^[!-~]([ -~]*[!-~])?$/.test(value) &&
    !value.includes(",") &&
    !NO_TENANT.includes(value);
  return good ? value : undefined;
}

/**
 * The claims are the truth about the tenant: a header that disagrees is refused, an absent one is filled in, and where
 * no identity was asked the headers are dropped. `required: false` lets tokens without a tenant pass.
 */
export const tenant = policyKind({
  kind: "tenant",
  schema: z.strictObject({
    headers: z.record(ownHeaderName, claimPath).refine((h) => Object.keys(h).length > 0, "name at least one header"),
    required: z.boolean().default(true),
  }),
  phase: "tenant",
  sees: "head",
  perHost: false,
  requires: () => ["TenantFromClaims"],
  decide(config, exchange) {
    const { request, identity, upstream } = exchange;
    const values: string[] = [];
    for (const [header, claim] of Object.entries(config.headers)) {
      const value = identity && tenantName(claimAt(identity.claims, claim));
      const said = headerValues(request, header);
      if (identity && said.some((s) => s !== value)) {
        return { status: 403, reason: "tenant-mismatch", message: `${header} does not agree with the token.` };
      }
      if (identity && said.length > 1) {
        return { status: 403, reason: "tenant-repeated", message: `${header} was sent more than once.` };
      }
      if (identity && config.required && value === undefined) {
        return { status: 403, reason: "tenant-missing", message: "The token names no tenant." };
      }
      if (value !== undefined) {
        upstream.set.set(header, value);
        values.push(value);
      } else {
        upstream.remove.add(header);
      }
    }
    // Half a tenant is none: nothing may be kept for it.
    if (values.length === Object.keys(config.headers).length) exchange.tenant = values;
    return undefined;
  },
});
