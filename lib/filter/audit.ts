import { claimAt } from "../policy/claims";
import type { Verdict } from "../policy/decide";
import { configOf } from "../policy/gateway";
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
  client: string;
  ms: number;
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
  const claims = Object.values(tenant.headers).map((claim) => claimAt(identity.claims, claim));
  return { user: identity.user, tenant: claims.filter((c) => typeof c === "string").join("/") || undefined };
}

/** What has happened to a request whose verdict may be missing: the client left, or something broke. */
export function recordOf(
  request: GatewayRequest,
  judged: { verdict: Verdict; answer: Answer } | undefined,
  ms: number,
  caller: Caller = judged ? callerOf(judged.verdict) : NOBODY,
): ExchangeRecord {
  const { method, host, target, client } = request;
  const exchange = judged?.verdict.exchange;
  const route = judged?.verdict.route;
  const refusal = judged?.answer.by === "gateway" ? judged.answer.refusal : undefined;
  const status = judged?.answer.by === "service" ? judged.answer.status : (refusal?.status ?? 0);
  // One literal: it is made for every request.
  return {
    requestId: exchange?.requestId ?? headerValues(request, "x-request-id").join(", "),
    method,
    host,
    path: pathOf(target),
    route: route?.name ?? "",
    service: exchange?.service ?? route?.backends[0]?.service ?? "",
    status,
    decision: judged && (!refusal || refusal.answer === true) ? "allow" : "refuse",
    reason: refusal?.reason ?? (judged ? "allowed" : "not-answered"),
    user: caller.user,
    tenant: caller.tenant,
    apiKey: exchange?.apiKey,
    client,
    ms: Math.round(ms * 1000) / 1000,
  };
}
