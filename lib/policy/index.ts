import { addresses } from "./kinds/addresses";
import { apiKey } from "./kinds/api-key";
import { authorization } from "./kinds/authorization";
import { bodyCount, bodySchema } from "./kinds/body";
import { bodySize } from "./kinds/body-size";
import { circuitBreaker } from "./kinds/circuit-breaker";
import { compression } from "./kinds/compression";
import { connections } from "./kinds/connections";
import { cors } from "./kinds/cors";
import { csrf } from "./kinds/csrf";
import { fallback } from "./kinds/fallback";
import { floodGuard } from "./kinds/flood-guard";
import { graphql } from "./kinds/graphql";
import { headerHygiene } from "./kinds/header-hygiene";
import { httpsRedirect } from "./kinds/https-redirect";
import { jwt } from "./kinds/jwt";
import { lockout } from "./kinds/lockout";
import { pathHygiene } from "./kinds/path-hygiene";
import { PHASES } from "./phase";
import { rateLimit } from "./kinds/rate-limit";
import { requestLine } from "./kinds/request-line";
import { cache } from "./kinds/response-cache";
import { secretHeaders } from "./kinds/secret-headers";
import { audit, auditLabels, errorBody, requestId, responseHeaders, securityHeaders } from "./kinds/response";
import { signature } from "./kinds/signature";
import { streaming } from "./kinds/streaming";
import { tenant } from "./kinds/tenant";
import {
  backendAddresses,
  backendGrpc,
  backendTls,
  hostTenants,
  matching,
  respond,
  weights,
} from "./kinds/route-shape";
import { requestHeaders, retries, rewrite, timeouts } from "./kinds/upstream";
import { webSocket } from "./kinds/web-socket";

/** Every kind of promise, in the order in which a request meets them. */
export const KINDS = [
  httpsRedirect,
  hostTenants,
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
  secretHeaders,
  timeouts,
  retries,
  streaming,
  weights,
  backendAddresses,
  backendTls,
  backendGrpc,
  fallback,
  cache,
  circuitBreaker,
  requestId,
  securityHeaders,
  responseHeaders,
  compression,
  errorBody,
  audit,
  auditLabels,
] as const;

export type Kind = (typeof KINDS)[number];
/** Kinds that may judge without refusing: they see heads alone, and services hear no word of theirs. */
export const SHADOW_KINDS = [
  "addresses",
  "apiKey",
  "csrf",
  "authorization",
  "rateLimit",
] as const satisfies readonly KindName[];

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
