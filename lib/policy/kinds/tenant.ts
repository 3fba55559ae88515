import { z } from "zod";
import { claimAt } from "../../identity/claims";
import { headerValues, policyKind, type Refusal } from "../kind";
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

/** What the model adds: tenants that it says are disabled. */
interface Resolved {
  disabled?: readonly string[];
}

const refuse = (reason: string, message: string): Refusal => ({ status: 403, reason, message });

/**
 * The claims are the truth about the tenant: a header that disagrees is refused (`clientHeader: drop` passes it over), an absent
 * one is filled in, and where no identity was asked the headers are dropped. `required: false` lets tokens without a tenant pass.
 * `fromHost`: a host of a tenant takes tokens of that tenant alone, and says who it is where no token is looked at.
 */
export const tenant = policyKind({
  kind: "tenant",
  schema: z
    .strictObject({
      headers: z.record(ownHeaderName, claimPath).refine((h) => Object.keys(h).length > 0, "name at least one header"),
      required: z.boolean().default(true),
      fromHost: z.boolean().default(false),
      clientHeader: z.enum(["agree", "drop"]).default("agree"),
    })
    .refine(
      ({ fromHost, headers }) => !fromHost || Object.keys(headers).length === 1,
      "name one header: a host has one tenant",
    ),
  phase: "tenant",
  sees: "head",
  perHost: false,
  requires: ({ fromHost }) => (fromHost ? ["TenantFromClaims", "TenantFromHost"] : ["TenantFromClaims"]),
  decide(config, exchange) {
    const { request, identity, upstream } = exchange;
    const { disabled = [] } = config as Resolved;
    const host = config.fromHost ? exchange.hostTenant : undefined;
    const values: string[] = [];
    for (const [header, claim] of Object.entries(config.headers)) {
      const claimed = identity && tenantName(claimAt(identity.claims, claim));
      const said = config.clientHeader === "agree" ? headerValues(request, header) : [];
      if (identity && said.some((s) => s !== claimed))
        return refuse("tenant-mismatch", `${header} does not agree with the token.`);
      if (identity && said.length > 1) return refuse("tenant-repeated", `${header} was sent more than once.`);
      if (identity && config.required && claimed === undefined)
        return refuse("tenant-missing", "The token names no tenant.");
      if (host && claimed !== undefined && claimed !== host.id) {
        return refuse("tenant-mismatch", "The token is of another tenant than this host.");
      }
      const value = claimed ?? host?.id;
      if (disabled.some((name) => name === value)) {
        return refuse("tenant-disabled", "The tenant is disabled.");
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
