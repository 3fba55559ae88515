import {
  type HeaderChangeConfig,
  type RetriesConfig,
  type RewriteConfig,
  type TimeoutsConfig,
} from "../../policy/kinds/upstream";
import { securityHeaderLines, type AuditConfig, type AuditLabelsConfig, type ErrorBodyConfig, type ResponseHeadersConfig, type SecurityHeadersConfig } from "../../policy/kinds/response";
import type { FallbackConfig } from "../../policy/kinds/fallback";
import type { BackendGrpcConfig, BackendTlsConfig, RespondConfig, WeightsConfig } from "../../policy/kinds/route-shape";
import type { Enforcer } from "../target";
import { hostOf, routeOf, type IstioDraft } from "./draft";

/** What is kept behind the door, by the VirtualService, and on every answer, by the connection manager. */

export const rewrite: Enforcer<IstioDraft> = {
  supports: ["RewritePrefix", "RewriteHost"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).rewrite = placement.config as RewriteConfig;
  },
};

export const requestHeaders: Enforcer<IstioDraft> = {
  supports: ["RequestHeaderSet", "RequestHeaderRemove"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).requestHeaders = placement.config as HeaderChangeConfig;
  },
};

export const timeouts: Enforcer<IstioDraft> = {
  supports: ["TimeoutFirstByte", "TimeoutTotal", "TimeoutIdle"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { firstByte, total } = placement.config as TimeoutsConfig;
    const route = routeOf(draft, placement);
    route.firstByteMs = firstByte;
    // Envoy counts it from the end of the request, over all tries, to the end of the answer.
    if (total !== undefined) route.totalMs = total;
  },
};

export const retries: Enforcer<IstioDraft> = {
  supports: ["RetryIdempotent"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { tries, perTry, statuses } = placement.config as RetriesConfig;
    routeOf(draft, placement).retries = { tries, perTryMs: perTry, statuses };
  },
};

export const weights: Enforcer<IstioDraft> = {
  supports: ["BackendWeights", "BackendWeightsSeveral", "RetryOtherBackend"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { backends, triesOthers } = placement.config as WeightsConfig;
    Object.assign(routeOf(draft, placement), triesOthers ? { joint: backends } : { weights: backends });
  },
};

/** As endpoints of one host. */
export const backendAddresses: Enforcer<IstioDraft> = {
  supports: ["BackendAddresses"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).takesTurns = true;
  },
};

/** Told to the gateway alone, by the DestinationRule of the service's host. */
export const backendTls: Enforcer<IstioDraft> = {
  supports: ["BackendTls", "BackendTlsSeveral"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { backends } = placement.config as BackendTlsConfig;
    for (const [service, tls] of Object.entries(backends)) draft.backendTls.set(service, tls);
  },
};

/** Told by the DestinationRule of the service's host, whatever its port is called; Envoy carries trailers over HTTP/2. */
export const backendGrpc: Enforcer<IstioDraft> = {
  supports: ["BackendGrpc", "BackendGrpcSeveral", "BackendGrpcTries", "BackendGrpcLongNames"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).grpc = true;
    for (const service of (placement.config as BackendGrpcConfig).services) draft.backendGrpc.add(service);
  },
};

/** By local replies, which answers of services never are; 200 is no refusal that the door could tell. */
export const fallback: Enforcer<IstioDraft> = {
  supports: ["FallbackAnswer"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).fallback = placement.config as FallbackConfig;
  },
};

/** Envoy gathers no answer. */
export const streaming: Enforcer<IstioDraft> = {
  supports: ["AnswerStreaming"],
  stage: "afterExtAuth",
  inherent: true,
  apply: () => undefined,
};

export const requestId: Enforcer<IstioDraft> = {
  supports: ["RequestIdKept"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    hostOf(draft, placement).keepsRequestId = true;
  },
};

export const securityHeaders: Enforcer<IstioDraft> = {
  supports: ["ResponseHeaderSet"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const config = placement.config as SecurityHeadersConfig;
    hostOf(draft, placement).securityHeaders = securityHeaderLines(config);
  },
};

export const responseHeaders: Enforcer<IstioDraft> = {
  supports: ["ResponseHeaderSet", "ResponseHeaderRemove"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).responseHeaders = placement.config as ResponseHeadersConfig;
  },
};

export const errorBody: Enforcer<IstioDraft> = {
  supports: ["ErrorBody"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    hostOf(draft, placement).errorBody = placement.config as ErrorBodyConfig;
  },
};

export const audit: Enforcer<IstioDraft> = {
  supports: ["AuditLine", "AuditFields"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    const { fields } = placement.config as AuditConfig;
    Object.assign(hostOf(draft, placement), { log: true, logFields: fields });
  },
};

export const auditLabels: Enforcer<IstioDraft> = {
  supports: ["AuditLabels"],
  stage: "afterExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).labels = (placement.config as AuditLabelsConfig).labels;
  },
};

export const matching: Enforcer<IstioDraft> = {
  supports: ["RouteByMethod", "RouteByHeader", "RouteByHeaderSet", "RouteByQuery", "RouteByTemplate", "RouteByUpgrade"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).chosenByMatch = true;
  },
};

export const respond: Enforcer<IstioDraft> = {
  supports: ["RouteRespond", "RouteRedirect"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).respond = placement.config as RespondConfig;
  },
};
