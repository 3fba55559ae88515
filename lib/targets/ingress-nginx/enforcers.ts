import type { z } from "zod";
import type { cors as corsKind } from "../../policy/kinds/cors";
import { securityHeaderLines, type securityHeaders as securityKind } from "../../policy/kinds/response";
import type { RetriesConfig, RewriteConfig, TimeoutsConfig } from "../../policy/kinds/upstream";
import type { Claim } from "../../plan";
import type { Placement } from "../../plan";
import type { KindName } from "../../policy";
import type { Enforcer } from "../target";
import { hostOf, routeOf, type IngressDraft } from "./draft";

/** What the controller keeps by annotations and by its ConfigMap. Unproven: the controller has not been run with it. */

type Apply = (placement: Placement, draft: IngressDraft) => void;

const claim = (
  supports: Claim["supports"],
  stage: Claim["stage"],
  apply: Apply,
  difference?: Claim["difference"],
): Enforcer<IngressDraft> => ({ supports, stage, apply, ...(difference && { difference }) });

/** What the controller keeps of hosts that go through the filter as well. */
const atEdge = (enforcer: Enforcer<IngressDraft>): Enforcer<IngressDraft> => ({ ...enforcer, edge: true });

const seconds = (ms: number): string => String(Math.ceil(ms / 1000));

const httpsRedirect: Apply = (placement, draft) => {
  hostOf(draft, placement).annotations["ssl-redirect"] = "true";
  draft.settings["http-redirect-code"] = "301";
};

/** The controller has no annotation for it, but a place for maps and checks of all servers. */
const pathHygiene: Apply = (placement, draft) => {
  const { except } = placement.config as { except: string[] };
  draft.cleanHosts.push({ name: placement.host, except });
};

const headerHygiene: Apply = (placement, draft) => {
  draft.settings["enable-underscores-in-headers"] = "false";
  draft.settings["ignore-invalid-headers"] = "true";
  for (const name of (placement.config as { drop: string[] }).drop) hostOf(draft, placement).doorHeaders.add(name);
};

const cors: Apply = (placement, draft) => {
  const config = placement.config as z.output<(typeof corsKind)["schema"]>;
  Object.assign(hostOf(draft, placement).annotations, {
    "enable-cors": "true",
    "cors-allow-origin": config.origins.join(", "),
    "cors-allow-methods": config.methods.join(", "),
    ...(config.requestHeaders.length > 0 && { "cors-allow-headers": config.requestHeaders.join(", ") }),
    ...(config.exposeHeaders.length > 0 && { "cors-expose-headers": config.exposeHeaders.join(", ") }),
    "cors-allow-credentials": String(config.credentials),
    "cors-max-age": seconds(config.maxAge),
  });
};

const bodySize: Apply = (placement, draft) => {
  routeOf(draft, placement).annotations["proxy-body-size"] = String((placement.config as { max: number }).max);
};

const floodGuard: Apply = (placement, draft) => {
  const { requests, per, burst = requests - 1 } = placement.config as { requests: number; per: number; burst?: number };
  const { annotations } = hostOf(draft, placement);
  annotations[per === 1000 ? "limit-rps" : "limit-rpm"] = String(requests);
  annotations["limit-burst-multiplier"] = String(Math.max(1, Math.ceil(burst / requests)));
  draft.settings["limit-req-status-code"] = "429";
};

const rewrite: Apply = (placement, draft) => {
  routeOf(draft, placement).rewrite = placement.config as RewriteConfig;
};

const timeouts: Apply = (placement, draft) => {
  const { firstByte } = placement.config as TimeoutsConfig;
  const { annotations } = routeOf(draft, placement);
  annotations["proxy-connect-timeout"] ??= seconds(firstByte);
  annotations["proxy-read-timeout"] ??= seconds(firstByte);
  annotations["proxy-next-upstream"] ??= "off";
};

const retries: Apply = (placement, draft) => {
  const { tries, perTry, statuses } = placement.config as RetriesConfig;
  Object.assign(routeOf(draft, placement).annotations, {
    "proxy-connect-timeout": seconds(perTry),
    "proxy-read-timeout": seconds(perTry),
    "proxy-next-upstream": ["error", "timeout", ...statuses.map((s) => `http_${s}`)].join(" "),
    "proxy-next-upstream-tries": String(tries),
  });
};

const webSocket: Apply = (placement, draft) => {
  const { allowed, idle } = placement.config as { allowed: boolean; idle: number };
  if (!allowed) return;
  const { annotations } = routeOf(draft, placement);
  annotations["proxy-read-timeout"] = seconds(idle);
  annotations["proxy-send-timeout"] = seconds(idle);
};

const streaming: Apply = (placement, draft) => {
  routeOf(draft, placement).annotations["proxy-buffering"] = "off";
};

const requestId: Apply = (_placement, draft) => {
  draft.settings["generate-request-id"] = "true";
  draft.answerHeaders["X-Request-Id"] = "$req_id";
};

const securityHeaders: Apply = (placement, draft) => {
  const config = placement.config as z.output<(typeof securityKind)["schema"]>;
  Object.assign(draft.answerHeaders, securityHeaderLines(config));
};

/** The controller's log, which is there whatever a model says, is the audit. */
const audit: Apply = () => undefined;

const DIFFERENCES = {
  cors: {
    name: "ingress-nginx-cors",
    text:
      "every OPTIONS of a listed origin is answered as a preflight, and a preflight of another origin goes to the door; " +
      "refusals other than 401 carry no CORS headers, no answer says Vary: Origin, and a service's own " +
      "Access-Control-Allow-Origin passes",
  },
  floodGuard: {
    name: "ingress-nginx-flood-guard",
    text: "each Ingress of a host counts for itself, and the burst is a whole multiple of the rate",
  },
  rewrite: {
    name: "ingress-nginx-rewrite",
    text: "the rest of the path is decoded and escaped anew, and letters match in any case",
  },
  retries: {
    name: "ingress-nginx-tries",
    text: "the time-out of a try holds for every method, and a POST whose connection failed is tried again",
  },
  errorBody: { name: "ingress-nginx-error-body", text: "errors that the controller makes have its own HTML body" },
  webSocket: { name: "ingress-nginx-upgrades", text: "every route takes a WebSocket handshake" },
} as const;

export const ENFORCERS: Partial<Record<KindName, Enforcer<IngressDraft>>> = {
  httpsRedirect: atEdge(claim(["HttpsRedirect"], "beforeExtAuth", httpsRedirect)),
  pathHygiene: claim(["PathHygiene", "PathHygieneException"], "beforeExtAuth", pathHygiene),
  headerHygiene: claim(["HeaderMalformedNames", "HeaderNamedRemoval"], "beforeExtAuth", headerHygiene),
  cors: claim(["CorsPreflight", "CorsOnRefusals", "CorsCredentials"], "beforeExtAuth", cors, DIFFERENCES.cors),
  bodySize: claim(["BodySizeDeclared"], "beforeExtAuth", bodySize),
  bodyCount: claim(["BodySizeCounted"], "afterExtAuth", bodySize),
  webSocket: claim(["WebSocketUpgrade"], "beforeExtAuth", webSocket, DIFFERENCES.webSocket),
  floodGuard: atEdge(claim(["FloodGuardByClientAddress"], "beforeExtAuth", floodGuard, DIFFERENCES.floodGuard)),
  rewrite: claim(["RewritePrefix"], "afterExtAuth", rewrite, DIFFERENCES.rewrite),
  timeouts: claim(["TimeoutFirstByte"], "afterExtAuth", timeouts),
  retries: claim(["RetryIdempotent"], "afterExtAuth", retries, DIFFERENCES.retries),
  streaming: claim(["AnswerStreaming"], "afterExtAuth", streaming),
  requestId: claim(["RequestIdKept"], "afterExtAuth", requestId),
  securityHeaders: claim(["ResponseHeaderSet"], "afterExtAuth", securityHeaders),
  errorBody: claim(["ErrorBody"], "afterExtAuth", () => undefined, DIFFERENCES.errorBody),
  audit: claim(["AuditLine"], "afterExtAuth", audit),
};
