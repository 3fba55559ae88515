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
  user?: string;
  tenant?: string;
  /** Id of the API key. */
  apiKey?: string;
  client: string;
  ms: number;
}

/** Who it was, as the log tells it. */
export function identityOf(verdict: Verdict): { user?: string; tenant?: string } {
  const { identity } = verdict.exchange;
  if (!identity) return {};
  const tenant = configOf(verdict.route?.policies ?? [], "tenant") as { headers: Record<string, string> } | undefined;
  const claims = Object.values(tenant?.headers ?? {}).map((claim) => claimAt(identity.claims, claim));
  const words = claims.filter((c): c is string => typeof c === "string");
  return { user: identity.user, ...(words.length > 0 && { tenant: words.join("/") }) };
}

/** What has happened to a request whose verdict may be missing: the client left, or something broke. */
export function recordOf(
  request: GatewayRequest,
  judged: { verdict: Verdict; answer: Answer } | undefined,
  ms: number,
): ExchangeRecord {
  const { method, host, target, client } = request;
  const base = { method, host, path: pathOf(target), client, ms: Math.round(ms * 1000) / 1000 };
  if (!judged) {
    const requestId = headerValues(request, "x-request-id").join(", ");
    return { ...base, requestId, route: "", service: "", status: 0, decision: "refuse", reason: "not-answered" };
  }
  const { verdict, answer } = judged;
  const { exchange, route } = verdict;
  const refused = answer.by === "gateway" && answer.refusal.answer !== true;
  return {
    ...base,
    requestId: exchange.requestId,
    route: route?.name ?? "",
    service: exchange.service ?? route?.backends[0]?.service ?? "",
    status: answer.by === "service" ? answer.status : answer.refusal.status,
    decision: refused ? "refuse" : "allow",
    reason: answer.by === "service" ? "allowed" : answer.refusal.reason,
    ...identityOf(verdict),
    ...(exchange.apiKey !== undefined && { apiKey: exchange.apiKey }),
  };
}
