import type { z } from "zod";
import type { Placement } from "../../plan";
import type { ClaimPath } from "../../identity/claims";
import type { cors } from "../../policy/kinds/cors";
import { needsMatching, type Host, type Route } from "../../decision/gateway";
import { errorBody as errorBodyKind, type AuditConfig, type ErrorBodyConfig, type ResponseHeadersConfig } from "../../policy/kinds/response";
import type { CompressionConfig } from "../../policy/kinds/compression";
import type { FallbackConfig } from "../../policy/kinds/fallback";
import type { BackendTls, RespondConfig, WeightsConfig } from "../../policy/kinds/route-shape";
import type { HeaderChangeConfig, RewriteConfig } from "../../policy/kinds/upstream";
import type { IssuerRules } from "../../identity/token";
import type { TargetInput } from "../target";
import { filterWays, handshakes, judgedBytes } from "../through";

/** Manifests in the making: enforcers note what is kept, the builders turn it into objects. */

export interface RouteDraft {
  route: Route;
  /** Its methods and headers decide, beside its path. */
  chosenByMatch: boolean;
  respond?: RespondConfig;
  fallback?: FallbackConfig;
  labels?: Readonly<Record<string, string>>;
  maxBodyBytes?: number;
  /** A body without a length is counted here. */
  countedBytes?: number;
  /** WebSockets are taken, and may be silent for so long. */
  webSocketIdleMs?: number;
  /** A service of it speaks gRPC. */
  grpc?: boolean;
  rewrite?: RewriteConfig;
  requestHeaders?: HeaderChangeConfig;
  responseHeaders?: ResponseHeadersConfig;
  firstByteMs?: number;
  totalMs?: number;
  retries?: { tries: number; perTryMs: number; statuses: readonly string[] };
  weights?: WeightsConfig["backends"];
  /** Its tries go on at another of them. */
  /** Services at several addresses are called at all of them. */
  takesTurns?: true;
  joint?: WeightsConfig["backends"];
  compression?: CompressionConfig;
  /** The filter is asked. */
  door: boolean;
  /** It is shown the body, up to this size. */
  judgedBytes?: number;
  /** The filter calls the service. */
  through: boolean;
  /** The issuers whose tokens it takes. */
  issuers: readonly string[];
  /** Claims that the native form passes on as headers. */
  claimHeaders?: Readonly<Record<string, ClaimPath>>;
  /** Envoy itself checks tokens, and demands one. */
  demandsToken: boolean;
  anyOf?: readonly { roles: string[]; scopes: string[] }[];
}

export interface HostDraft {
  host: Host;
  /** Labels in the place of the star: other names are no hosts. */
  tenants?: readonly string[];
  redirect: number | undefined;
  methods?: readonly string[];
  maxUri?: number;
  maxHead?: number;
  cleanPaths: boolean;
  exempt: readonly string[];
  dropMalformed: boolean;
  drop: readonly string[];
  single: readonly string[];
  pass: readonly string[];
  cors?: z.output<(typeof cors)["schema"]>;
  guard?: { requests: number; perMs: number; burst: number };
  securityHeaders: Readonly<Record<string, string>>;
  errorBody: ErrorBodyConfig;
  keepsRequestId: boolean;
  log: boolean;
  /** What is told besides in the log. */
  logFields: AuditConfig["fields"];
  routes: Map<string, RouteDraft>;
}

export interface IstioDraft {
  input: TargetInput;
  hosts: Map<string, HostDraft>;
  issuers: Map<string, IssuerRules>;
  /** Services that are called by TLS. */
  backendTls: Map<string, BackendTls>;
  /** Services that speak gRPC. */
  backendGrpc: Set<string>;
}

export function beginDraft(input: TargetInput): IstioDraft {
  const ways = filterWays(input.plan);
  const routeDraft = (host: Host, route: Route): RouteDraft => ({
    route,
    chosenByMatch: !needsMatching(route),
    door: ways.asksDoor(host.name, route.name),
    through: ways.isThrough(host.name, route.name),
    ...(ways.isThrough(host.name, route.name) && handshakes(route)),
    ...judgedBytes(input.plan, host, route),
    issuers: [],
    demandsToken: false,
  });
  const hosts = input.gateway.hosts.map((host): [string, HostDraft] => [
    host.name,
    {
      host,
      redirect: undefined,
      cleanPaths: false,
      exempt: [],
      dropMalformed: false,
      drop: [],
      single: [],
      pass: [],
      securityHeaders: {},
      keepsRequestId: false,
      errorBody: errorBodyKind.schema.parse({}),
      log: false,
      logFields: [],
      routes: new Map(host.routes.map((route) => [route.name, routeDraft(host, route)])),
    },
  ]);
  return { input, hosts: new Map(hosts), issuers: new Map(), backendTls: new Map(), backendGrpc: new Set() };
}

export function hasDoor(draft: IstioDraft): boolean {
  return [...draft.hosts.values()].some((host) => [...host.routes.values()].some((route) => route.door));
}

export function hostOf(draft: IstioDraft, placement: Placement): HostDraft {
  return draft.hosts.get(placement.host) as HostDraft;
}

export function routeOf(draft: IstioDraft, placement: Placement): RouteDraft {
  return hostOf(draft, placement).routes.get(placement.route ?? "") as RouteDraft;
}
