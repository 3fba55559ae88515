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
