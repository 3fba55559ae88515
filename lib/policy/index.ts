import { addresses } from "./addresses";
import { apiKey } from "./api-key";
import { authorization } from "./authorization";
import { bodyCount, bodySchema } from "./body";
import { bodySize } from "./body-size";
import { circuitBreaker } from "./circuit-breaker";
import { compression } from "./compression";
import { connections } from "./connections";
import { cors } from "./cors";
import { csrf } from "./csrf";
import { fallback } from "./fallback";
import { floodGuard } from "./flood-guard";
import { graphql } from "./graphql";
import { headerHygiene } from "./header-hygiene";
import { httpsRedirect } from "./https-redirect";
import { jwt } from "./jwt";
import { lockout } from "./lockout";
import { pathHygiene } from "./path-hygiene";
import { PHASES } from "./phase";
import { rateLimit } from "./rate-limit";
import { requestLine } from "./request-line";
import { cache } from "./response-cache";
import { audit, errorBody, requestId, responseHeaders, securityHeaders } from "./response";
import { signature } from "./signature";
import { tenant } from "./tenant";
import { matching, respond, weights } from "./route-shape";
import { requestHeaders, retries, rewrite, timeouts } from "./upstream";
import { webSocket } from "./web-socket";

/** Every kind of promise, in the order in which a request meets them. */
export const KINDS = [
  httpsRedirect,
  requestLine,
  pathHygiene,
  matching,
  respond,
  headerHygiene,
  cors,
  bodySize,
  webSocket,
  addresses,
  floodGuard,
  apiKey,
  signature,
  jwt,
  csrf,
  tenant,
  authorization,
  rateLimit,
  connections,
  lockout,
  bodyCount,
  bodySchema,
  graphql,
  rewrite,
  requestHeaders,
  timeouts,
  retries,
  weights,
  fallback,
  cache,
  circuitBreaker,
  requestId,
  securityHeaders,
  responseHeaders,
  compression,
  errorBody,
  audit,
] as const;

export type Kind = (typeof KINDS)[number];
export type KindName = Kind["kind"];

const byName = new Map<string, Kind>(KINDS.map((kind) => [kind.kind, kind]));

export function kindNamed(name: KindName): Kind {
  return byName.get(name) as Kind;
}

export function phaseNumber(name: KindName): number {
  return PHASES[kindNamed(name).phase];
}

export * from "./feature";
export * from "./kind";
export * from "./phase";
