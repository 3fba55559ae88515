import type { IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";
import { decideRequest, type Verdict } from "../policy/decide";
import type { FilterPlan } from "../policy/filter-plan";
import { refusalContent } from "../policy/answer";
import type { GatewayRequest, HeaderLine, Refusal, State } from "../policy";
import { identityOf, recordOf, type ExchangeRecord } from "./audit";
import { headBytes, headerLines, hostName, onlyValue } from "./incoming";

/** How a proxy asks at the door, and in what form it wants the answer. */
export type DoorForm = "nginx" | "envoy" | "ingress-nginx";

export interface DoorAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const ENVOY_PREFIX = "/door/envoy";

/** Where each form of door finds what the proxy says of a request; the client can set none of it. */
const FORMS: Readonly<Record<DoorForm, (message: IncomingMessage, lines: readonly HeaderLine[]) => Partial<Question>>> =
  {
    nginx: (_message, lines) => ({
      method: onlyValue(lines, "x-gateway-method"),
      target: onlyValue(lines, "x-gateway-target"),
      client: onlyValue(lines, "x-gateway-client"),
      route: onlyValue(lines, "x-gateway-route"),
      host: onlyValue(lines, "host"),
    }),
    envoy: (message, lines) => ({
      method: message.method,
      target: message.url?.slice(ENVOY_PREFIX.length),
      client: onlyValue(lines, "x-gateway-client"),
      route: onlyValue(lines, "x-gateway-route"),
      host: onlyValue(lines, "host"),
    }),
    // The controller sends the whole address in one header, and knows no routes.
    "ingress-nginx": (_message, lines) => {
      const [, host, target] = /^https?:\/\/([^/?#]+)(\/.*)$/.exec(onlyValue(lines, "x-original-url") ?? "") ?? [];
      return { method: onlyValue(lines, "x-original-method"), target, client: onlyValue(lines, "x-real-ip"), host };
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
  if (!/^[A-Z]+$/.test(method)) return undefined;
  const headers = lines.filter(([name]) => !PROXY_HEADERS.test(name));
  const request = {
    scheme: "https" as const,
    method,
    host: hostName(host),
    target,
    headers,
    client,
    headBytes: headBytes(method, target, headers),
  };
  return { form, request, route };
}

function refuse(plan: FilterPlan, form: DoorForm, verdict: Verdict, answer: Refusal): DoorAnswer {
  const headers: Record<string, string> = { ...answer.headers, "x-gateway-reason": answer.reason };
  if (form !== "envoy") {
    headers["x-gateway-message"] = answer.message;
    if (answer.status === 401) return { status: 401, headers, body: "" };
    return { status: 403, headers: { ...headers, "x-gateway-status": String(answer.status) }, body: "" };
  }
  const host = plan.hosts.find((h) => h.name === verdict.exchange.request.host);
  const content = refusalContent(host?.errorBody, verdict.exchange.requestId, answer);
  return { status: answer.status, headers: { ...headers, ...Object.fromEntries(content.headers) }, body: content.body };
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

const UNREADABLE = { status: 403, reason: "unreadable" };

/** Somebody asks who is no proxy of ours, or a client has found a way to confuse one. */
function unreadable(message: IncomingMessage): { answer: DoorAnswer; record: ExchangeRecord } {
  const { method = "", url = "" } = message;
  const client = (message.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const request = { scheme: "https" as const, method, host: "", target: url, headers: [], client, headBytes: 0 };
  const record = { ...recordOf(request, undefined, 0), status: UNREADABLE.status, reason: UNREADABLE.reason };
  return {
    answer: { status: UNREADABLE.status, headers: { "x-gateway-reason": UNREADABLE.reason }, body: "" },
    record,
  };
}

/** Decides one question of a proxy; whoever calls it refuses where it rejects. */
export async function answerDoor(
  plan: FilterPlan,
  state: State,
  message: IncomingMessage,
): Promise<{ answer: DoorAnswer; record?: ExchangeRecord }> {
  const start = performance.now();
  const door = readDoor(message);
  if (!door) return unreadable(message);
  const { form, request, route } = door;
  const verdict = await decideRequest(plan, request, state, randomUUID, { chosen: route });
  const refusal = verdict.answer;
  const answer = refusal ? refuse(plan, form, verdict, refusal) : allow(plan, form, verdict);
  const identity = identityOf(verdict);
  if (identity.user !== undefined) answer.headers["x-gateway-user"] = encodeURIComponent(identity.user);
  if (identity.tenant !== undefined) answer.headers["x-gateway-tenant"] = encodeURIComponent(identity.tenant);
  const outcome = refusal
    ? { by: "gateway" as const, refusal }
    : { by: "service" as const, status: 200, headers: [], body: Buffer.alloc(0) };
  return { answer, record: recordOf(request, { verdict, answer: outcome }, performance.now() - start) };
}

/** Too much to do: never a 5xx, which a proxy that is told to may take for a yes. */
export function shedAtDoor(message: IncomingMessage): DoorAnswer {
  const headers = { "retry-after": "1", "x-gateway-reason": "overload" };
  if (formOf(message.url ?? "") === "envoy") return { status: 429, headers, body: "" };
  return {
    status: 403,
    headers: { ...headers, "x-gateway-status": "429", "x-gateway-message": "Too much to do now." },
    body: "",
  };
}
