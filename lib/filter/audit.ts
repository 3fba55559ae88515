import { claimAt } from "../identity/claims";
import type { AuditConfig, AuditLabelsConfig } from "../policy/kinds/response";
import { tenantName } from "../policy/kinds/tenant";
import type { Verdict } from "../decision/decide";
import { configOf } from "../decision/gateway";
import { headerValues, pathOf, type Answer, type GatewayRequest } from "../policy";

/** What is told of one exchange: in the log, and in the metrics. */
export interface ExchangeRecord {
  requestId: string;
  method: string;
  host: string;
  /** Without the query, where clients may have put tokens. */
  path: string;
  route: string;
  service: string;
  /** 0 where the client has left before it was answered. */
  status: number;
  decision: "allow" | "refuse";
  reason: string;
  user: string | undefined;
  tenant: string | undefined;
  /** Id of the API key. */
  apiKey: string | undefined;
  /** What nobody could check, and was let pass. */
  unchecked: string | undefined;
  /** Reasons for which policies in shadow would have refused it. */
  wouldRefuse?: readonly string[];
  client: string;
  ms: number;
  /** What the host's `audit` has told besides. */
  userAgent?: string;
  referer?: string;
  labels?: Readonly<Record<string, string>>;
}

/** Who it was, as the log tells it. */
export interface Caller {
  user: string | undefined;
  tenant: string | undefined;
}

const NOBODY: Caller = { user: undefined, tenant: undefined };

export function callerOf({ exchange: { identity }, route }: Verdict): Caller {
  if (!identity) return NOBODY;
  const tenant = route && (configOf(route.policies, "tenant") as { headers: Record<string, string> } | undefined);
  if (!tenant) return { user: identity.user, tenant: undefined };
  const claims = Object.values(tenant.headers).map((claim) => tenantName(claimAt(identity.claims, claim)));
  return { user: identity.user, tenant: claims.filter((c) => typeof c === "string").join("/") || undefined };
}

const PAGE = /^[^?#]*/;

/** Of the gateway's own log alone: behind a proxy, it is the proxy that keeps `audit`. */
function besides({
  host,
  route,
  exchange: { request },
}: Verdict): Pick<ExchangeRecord, "userAgent" | "referer" | "labels"> {
  const config = host && (configOf(host.policies, "audit") as AuditConfig | undefined);
  if (!config) return {};
  const said = (name: string): string => headerValues(request, name).join(", ");
  const labels = route && (configOf(route.policies, "auditLabels") as AuditLabelsConfig | undefined)?.labels;
  return {
    ...(config.fields.includes("userAgent") && { userAgent: said("user-agent") }),
    ...(config.fields.includes("referer") && { referer: PAGE.exec(said("referer"))?.[0] ?? "" }),
    ...(labels && { labels }),
  };
}

/** How an answer came to its end. */
export type Ended = "complete" | "client-gone" | "answer-broken";

/** What is known of an exchange at its end. */
export interface Told {
  verdict?: Verdict;
  /** Missing where the client left before there was one. */
  answer?: Answer;
  ended?: Ended;
}

/** What has happened to a request. */
export function recordOf(
  request: GatewayRequest,
  { verdict, answer, ended = "complete" }: Told,
  ms: number,
  caller: Caller = verdict ? callerOf(verdict) : NOBODY,
): ExchangeRecord {
  const { method, host, target, client } = request;
  const exchange = verdict?.exchange;
  const route = verdict?.route;
  const refusal = answer?.by === "gateway" ? answer.refusal : undefined;
  const status = answer?.by === "service" ? answer.status : (refusal?.status ?? 0);
  const good = ended === "complete" ? "allowed" : ended;
  // One literal: it is made for every request.
  return {
    requestId: exchange?.requestId ?? headerValues(request, "x-request-id").join(", "),
    method,
    host,
    path: pathOf(target),
    route: route?.name ?? "",
    service: exchange?.service ?? route?.backends[0]?.service ?? "",
    status,
    decision: answer && (!refusal || refusal.answer === true) ? "allow" : "refuse",
    reason: refusal?.reason ?? (answer ? good : "not-answered"),
    user: caller.user,
    tenant: caller.tenant,
    apiKey: exchange?.apiKey,
    unchecked: exchange?.unchecked,
    client,
    ms: Math.round(ms * 1000) / 1000,
    ...(exchange?.wouldRefuse && { wouldRefuse: exchange.wouldRefuse }),
    ...(verdict && besides(verdict)),
  };
}
