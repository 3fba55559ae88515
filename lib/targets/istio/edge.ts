import type { cors as corsKind } from "../../policy/kinds/cors";
import type { RequestLineConfig } from "../../policy/kinds/request-line";
import type { z } from "zod";
import type { Enforcer } from "../target";
import { hostOf, routeOf, type IstioDraft } from "./draft";

/** What is kept before the door: by the Gateway, the guard script, the CORS filter and the local rate limit. */

export const httpsRedirect: Enforcer<IstioDraft> = {
  supports: ["HttpsRedirect"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    hostOf(draft, placement).redirect = (placement.config as { status: number }).status;
  },
};

export const hostTenants: Enforcer<IstioDraft> = {
  supports: ["HostTenants"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const host = hostOf(draft, placement);
    host.tenants = Object.keys(host.host.tenants ?? {});
  },
};

export const requestLine: Enforcer<IstioDraft> = {
  supports: ["RequestMethods", "RequestUriSize", "RequestHeadSize"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const { methods, maxUri, maxHead } = placement.config as RequestLineConfig;
    Object.assign(hostOf(draft, placement), { methods, maxUri, maxHead });
  },
};

export const pathHygiene: Enforcer<IstioDraft> = {
  supports: ["PathHygiene", "PathHygieneException"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const host = hostOf(draft, placement);
    host.cleanPaths = true;
    host.exempt = (placement.config as { except: string[] }).except;
  },
};

export const headerHygiene: Enforcer<IstioDraft> = {
  supports: ["HeaderMalformedNames", "HeaderNamedRemoval", "HeaderForwardedPass", "HeaderSingleValue"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const host = hostOf(draft, placement);
    host.dropMalformed = true;
    Object.assign(host, placement.config as { drop: string[]; single: string[] });
  },
};

export const cors: Enforcer<IstioDraft> = {
  supports: ["CorsPreflight", "CorsOnRefusals", "CorsCredentials", "CorsOriginPatterns"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    hostOf(draft, placement).cors = placement.config as z.output<(typeof corsKind)["schema"]>;
  },
};

export const bodySize: Enforcer<IstioDraft> = {
  supports: ["BodySizeDeclared"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).maxBodyBytes = (placement.config as { max: number }).max;
  },
};

export const bodyCount: Enforcer<IstioDraft> = {
  supports: ["BodySizeCounted"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    routeOf(draft, placement).countedBytes = (placement.config as { max: number }).max;
  },
};

export const webSocket: Enforcer<IstioDraft> = {
  supports: ["WebSocketUpgrade"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const { allowed, idle } = placement.config as { allowed: boolean; idle: number };
    if (allowed) routeOf(draft, placement).webSocketIdleMs = idle;
  },
};

export const floodGuard: Enforcer<IstioDraft> = {
  supports: ["FloodGuardByClientAddress"],
  stage: "beforeExtAuth",
  apply(placement, draft) {
    const { requests, per, burst } = placement.config as { requests: number; per: number; burst?: number };
    hostOf(draft, placement).guard = { requests, perMs: per, burst: burst ?? requests - 1 };
  },
};
