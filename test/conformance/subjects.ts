import type { KindName } from "../../lib/policy";

/** The case files that prove a kind of promise, where its own name is not the file's. */
const SUBJECTS: Readonly<Partial<Record<KindName, readonly string[]>>> = {
  matching: ["matching", "query", "dav", "routing"],
  hostTenants: ["tenant"],
  tenant: ["tenant", "tenancy"],
  rewrite: ["rewrite", "bff"],
  requestHeaders: ["headers", "bff", "graphql"],
  responseHeaders: ["headers"],
  securityHeaders: ["headers"],
  bodyCount: ["body-counted"],
  circuitBreaker: ["breaker"],
  cache: ["cache", "response-cache"],
  timeouts: ["timeouts", "total-time", "upstream"],
  jwt: ["jwt", "revocation", "web-socket-token"],
  backendGrpc: ["grpc"],
  weights: ["weights", "weighted-through", "rollout"],
  retries: ["retries", "upstream"],
  requestId: ["response"],
  errorBody: ["headers", "response", "error-body"],
  audit: ["response", "audit"],
  auditLabels: ["audit"],
};

export function subjectsOf(kind: KindName): readonly string[] {
  return SUBJECTS[kind] ?? [kind.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)];
}
