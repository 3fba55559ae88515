import type { IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";
import { decideRequest, type Verdict } from "../policy/decide";
import type { FilterPlan } from "../policy/filter-plan";
import { headerValues, type GatewayRequest, type HeaderLine, type State } from "../policy";
import { claimAt } from "../policy/claims";
import { configOf } from "../policy/gateway";
import { errorBody, renderErrorBody } from "../policy/response";

/** How a proxy asks at the door, and in what form it wants the answer. */
export type DoorForm = "nginx" | "envoy" | "ingress-nginx";

export interface DoorAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** What the door did, for log and metrics. */
export interface DoorRecord {
  request: GatewayRequest;
  requestId: string;
  route: string;
  status: number;
  reason: string;
  user?: string;
  tenant?: string;
}

const ENVOY_PREFIX = "/door/envoy";

function headerLines(raw: readonly string[]): HeaderLine[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] as string, raw[2 * i + 1] as string] as const);
}

const one = (lines: readonly HeaderLine[], name: string): string | undefined => {
  const values = lines.filter(([n]) => n.toLowerCase() === name);
  return values.length === 1 ? values[0]?.[1] : undefined;
};

const stripPort = (host: string): string => host.replace(/:\d+$/, "").toLowerCase();

/** Bytes of the head as the client sent it, less what the proxies have added. */
function headBytes(method: string, target: string, headers: readonly HeaderLine[]): number {
  const lines = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
  return method.length + target.length + " HTTP/1.1".length + 5 + lines;
}

/** Where each form of door finds what the proxy says of a request; the client can set none of it. */
const FORMS: Readonly<Record<DoorForm, (message: IncomingMessage, lines: readonly HeaderLine[]) => Partial<Question>>> =
  {
    nginx: (_message, lines) => ({
      method: one(lines, "x-gateway-method"),
      target: one(lines, "x-gateway-target"),
      client: one(lines, "x-gateway-client"),
      route: one(lines, "x-gateway-route"),
      host: one(lines, "host"),
    }),
    envoy: (message, lines) => ({
      method: message.method,
      target: message.url?.slice(ENVOY_PREFIX.length),
      client: one(lines, "x-gateway-client"),
      route: one(lines, "x-gateway-route"),
      host: one(lines, "host"),
    }),
    // The controller sends the whole address in one header, and knows no routes.
    "ingress-nginx": (_message, lines) => {
      const [, host, target] = /^https?:\/\/([^/?#]+)(\/.*)$/.exec(one(lines, "x-original-url") ?? "") ?? [];
      return { method: one(lines, "x-original-method"), target, client: one(lines, "x-real-ip"), host };
    },
  };

interface Question {
  method: string | undefined;
  target: string | undefined;
  client: string | undefined;
  route: string | undefined;
  host: string | undefined;
}

const PROXY_HEADERS =
  /^(x-gateway-|x-original-|x-real-ip$|x-sent-from$|x-auth-request-redirect$|x-scheme$|x-forwarded-)/i;

function formOf(url: string): DoorForm | undefined {
  if (url.startsWith(`${ENVOY_PREFIX}/`)) return "envoy";
  if (url === "/door/nginx") return "nginx";
  return url === "/door/ingress-nginx" ? "ingress-nginx" : undefined;
}

/**
 * The request that a proxy asks about. Everything of it comes from headers that the proxy sets itself, whatever the
 * client sent; with one of them missing there is nothing to decide.
 */
export function readDoor(
  message: IncomingMessage,
): { form: DoorForm; request: GatewayRequest; route: string | undefined } | undefined {
  const form = formOf(message.url ?? "");
  if (!form) return undefined;
  const lines = headerLines(message.rawHeaders);
  const { method, target, client, route, host } = FORMS[form](message, lines);
  if (!method || !target || !host || !client || (!route && form !== "ingress-nginx")) return undefined;
  const headers = lines.filter(([name]) => !PROXY_HEADERS.test(name));
  const request = {
    scheme: "https" as const,
    method,
    host: stripPort(host),
    target,
    headers,
    client,
    headBytes: headBytes(method, target, headers),
  };
  return { form, request, route };
}

type Refusal = NonNullable<Verdict["answer"]>;

function refuse(plan: FilterPlan, form: DoorForm, verdict: Verdict, answer: Refusal): DoorAnswer {
  const headers: Record<string, string> = { ...answer.headers, "x-gateway-reason": answer.reason };
  if (form !== "envoy") {
    headers["x-gateway-message"] = answer.message;
    if (answer.status === 401) return { status: 401, headers, body: "" };
    return { status: 403, headers: { ...headers, "x-gateway-status": String(answer.status) }, body: "" };
  }
  const host = plan.hosts.find((h) => h.name === verdict.exchange.request.host);
  const config = host?.errorBody ?? errorBody.schema.parse({});
  const { requestId } = verdict.exchange;
  const body = renderErrorBody(config, { status: answer.status, message: answer.message, requestId });
  return { status: answer.status, headers: { ...headers, "content-type": "application/json" }, body };
}

function allow(plan: FilterPlan, form: DoorForm, verdict: Verdict): DoorAnswer {
  const { upstream } = verdict.exchange;
  const headers: Record<string, string> = Object.fromEntries(upstream.set);
  if (form === "envoy") {
    const host = plan.hosts.find((h) => h.name === verdict.exchange.request.host);
    const drop = [...(host?.identityHeaders ?? []), ...upstream.remove].filter((name) => !upstream.set.has(name));
    if (drop.length > 0) headers["x-envoy-auth-headers-to-remove"] = [...new Set(drop)].join(",");
  }
  return { status: 200, headers, body: "" };
}

/** Who it was, as the log tells it. */
function identityOf(verdict: Verdict): { user?: string; tenant?: string } {
  const { identity } = verdict.exchange;
  if (!identity) return {};
  const tenant = configOf(verdict.route?.policies ?? [], "tenant") as { headers: Record<string, string> } | undefined;
  const claims = Object.values(tenant?.headers ?? {}).map((claim) => claimAt(identity.claims, claim));
  const words = claims.filter((c): c is string => typeof c === "string");
  return { user: identity.user, ...(words.length > 0 && { tenant: words.join("/") }) };
}

const MISMATCH = { status: 403, reason: "route-mismatch", message: "The gateway's parts disagree on this request." };
const UNREADABLE = { status: 403, reason: "unreadable", message: "The request cannot be read." };

/** Decides one question of a proxy. It never rejects: whatever goes wrong inside is a refusal. */
export async function answerDoor(
  plan: FilterPlan,
  state: State,
  message: IncomingMessage,
): Promise<{ answer: DoorAnswer; record?: DoorRecord }> {
  const door = readDoor(message);
  if (!door) return { answer: { status: 403, headers: { "x-gateway-reason": UNREADABLE.reason }, body: "" } };
  const { form, request, route } = door;
  const verdict = await decideRequest(plan, request, state, randomUUID);
  // What the proxy has matched must be what the model says, or a policy of another route would be asked.
  const refusal = verdict.answer ?? (route === undefined || verdict.route?.name === route ? undefined : MISMATCH);
  const answer = refusal ? refuse(plan, form, verdict, refusal) : allow(plan, form, verdict);
  const identity = identityOf(verdict);
  if (identity.user !== undefined) answer.headers["x-gateway-user"] = encodeURIComponent(identity.user);
  if (identity.tenant !== undefined) answer.headers["x-gateway-tenant"] = encodeURIComponent(identity.tenant);
  const record: DoorRecord = {
    request,
    requestId: headerValues(request, "x-request-id").join(", "),
    route: verdict.route?.name ?? "",
    status: refusal?.status ?? 200,
    reason: refusal?.reason ?? "allowed",
    ...identity,
  };
  return { answer, record };
}
