/**
 * Every code the product can print, with its constant first line. A slug is never reused: retired ones stay here.
 * The first line carries no user value, so that people learn it; `why` and `fix` of a diagnostic carry the values.
 */
export const CATALOGUE = {
  "model/unparsable-file": { severity: "error", message: "The file cannot be parsed." },
  "model/unknown-key": { severity: "error", message: "The key is not part of the model." },
  "model/invalid-value": { severity: "error", message: "The value does not fit the model." },
  "model/missing-value": { severity: "error", message: "A required value is missing." },
  "model/unknown-service": { severity: "error", message: "The route names a service that does not exist." },
  "model/unknown-issuer": { severity: "error", message: "The policy names an issuer that does not exist." },
  "model/unknown-secret": { severity: "error", message: "The model names a secret that does not exist." },
  "model/issuer-without-keys": { severity: "error", message: "The issuer's tokens cannot be verified." },
  "model/cache-not-private": { severity: "error", message: "The answer is somebody's own, and everyone would get it." },
  "model/unknown-host": { severity: "error", message: "The route names a host that does not exist." },
  "model/host-outside-zone": { severity: "error", message: "The host is not in the hosted zone." },
  "model/front-disagrees": { severity: "error", message: "What is deployed in front is not what the gateway expects." },
  "model/unknown-environment": { severity: "error", message: "The environment does not exist in this model." },
  "model/overlapping-routes": { severity: "error", message: "Two routes match the same requests." },
  "model/duplicate-name": { severity: "error", message: "The name is used twice." },
  "model/key-server-not-https": { severity: "error", message: "The key server is not reached by https." },
  "model/no-model": { severity: "error", message: "There is no model to work on." },
  "model/authorization-needs-identity": { severity: "error", message: "Roles or scopes are asked where no token is." },
  "plan/unenforceable-policy": { severity: "error", message: "Policy cannot be enforced." },
  "plan/unknown-target": { severity: "error", message: "The target does not exist." },
  "plan/unsupported-front": { severity: "error", message: "The target cannot stand behind this front." },
  "plan/retired-target": { severity: "warning", message: "The target's project is retired." },
  "plan/unused-acceptance": { severity: "warning", message: "The accepted difference is not needed." },
  "cost/no-usage": { severity: "warning", message: "Nobody says how much the system is used." },
  "cost/invalid-usage": { severity: "error", message: "The usage file does not say what it should." },
  "cost/unpriced": { severity: "error", message: "A resource has no price." },
  "cost/stale-price": { severity: "warning", message: "A price has not been looked at for two years." },
  "diff/unknown-revision": { severity: "error", message: "There is nothing to compare with." },
  "internal/bug": { severity: "error", message: "This is a bug in Gatewright." },
} as const satisfies Record<string, { severity: "error" | "warning"; message: string }>;

export type DiagnosticCode = keyof typeof CATALOGUE;
