import type { HeaderLine, State } from "../policy";
import type { Verdict } from "./decide";
import type { FilterPlan } from "./filter-plan";

/**
 * Envoy takes a 5xx of whom it asks for a failure of his, and drops his words (ext_authz, `status_on_error`). So the filter tells
 * such refusals by statuses that nobody else has, and a local reply of Envoy's gives them their own.
 */
export const TOLD_AS = { 503: 490, other: 491 } as const;

/** The status by which a refusal is told at Envoy's door. */
export function toldStatus(status: number): number {
  if (status === 503) return TOLD_AS[503];
  return status >= 500 || status === TOLD_AS[503] || status === TOLD_AS.other ? TOLD_AS.other : status;
}

const isText = (value: unknown): boolean => typeof value === "string";

/** Claims in the forms that Envoy takes (RFC 7519 section 4.1), where we take others as well. */
function isTakenByEnvoy({ sub, jti, aud, exp, nbf = 0, iat = 0 }: Readonly<Record<string, unknown>>): boolean {
  const texts = [jti ?? "", ...(Array.isArray(aud) ? (aud as unknown[]) : [aud ?? ""])];
  return (
    isText(sub) &&
    /^[\x20-\x7e]+$/.test(sub as string) &&
    jti !== null &&
    texts.every(isText) &&
    [exp, nbf, iat].every(Number.isSafeInteger)
  );
}

/** What the proxy is to verify a second time: a token, unless it may not have the keys that are good now, or would not take it. */
export function againOf(plan: FilterPlan, { exchange }: Verdict, state: State): HeaderLine[] {
  const issuer = exchange.identity?.issuer;
  if (issuer === undefined || exchange.token === undefined || !plan.issuers[issuer]?.again) return [];
  const taken = isTakenByEnvoy(exchange.identity?.claims ?? {}) && state.keys.settled?.(issuer);
  return taken ? [["x-gateway-token", exchange.token]] : [["x-gateway-verified", "once"]];
}
