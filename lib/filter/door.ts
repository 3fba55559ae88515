import { IncomingMessage } from "node:http";
import { randomUUID } from "node:crypto";
import { canonicalAddress } from "../policy/client-address";
import { decideRequest, type Verdict } from "../decision/decide";
import type { FilterPlan, PlannedHost } from "../decision/filter-plan";
import { refusalContent } from "../decision/answer";
import { admitReported, ticketText, type Ticket } from "../decision/report";
import type { Answer, GatewayRequest, HeaderLine, Refusal, State } from "../policy";
import { callerOf, recordOf, type ExchangeRecord } from "./audit";
import { againOf, toldStatus } from "../decision/envoy-door";
import { hostName } from "../decision/request-target";
import { RATE_LIMIT_HEADERS } from "../policy/kinds/rate-limit";
import { headBytes, peerOf } from "./incoming";
import { IncomingBody } from "./incoming-body";
import { SHED, type PlainAnswer } from "./plain-answer";

/** How a proxy asks at the door, and in what form it wants the answer. */
type DoorForm = "nginx" | "nginx-with-body" | "envoy";

const ENVOY_PREFIX = "/door/envoy";

interface Question {
  method: string | undefined;
  target: string | undefined;
  client: string | undefined;
  route: string | undefined;
  host: string | undefined;
}

/** What the proxy says of a request, by header; the client can set none of it. */
type Told = Readonly<Record<string, string>>;

const NO_HEADERS: NodeJS.Dict<string> = {};

/**
 * A question whose headers are read once, as lines: to sort them into an object, as Node does for every request to see
 * whether there is an `Expect`, is a tenth of what a decision costs. No proxy sends one to the door.
 */
export class DoorMessage extends IncomingMessage {
  // @ts-expect-error: Node has accessors here (since version 15), its types a property.
  override get headers(): NodeJS.Dict<string> {
    return NO_HEADERS;
  }
  override set headers(_: NodeJS.Dict<string>) {
    // Set by nobody.
  }
}

const ofNginx = (_message: IncomingMessage, told: Told): Question => ({
  method: told["x-gateway-method"],
  target: told["x-gateway-target"],
  client: told["x-gateway-client"],
  route: told["x-gateway-route"],
  host: told["host"],
});

/** Where each form of door finds it. */
const FORMS: Readonly<Record<DoorForm, (message: IncomingMessage, told: Told) => Question>> = {
  nginx: ofNginx,
  "nginx-with-body": ofNginx,
  envoy: (message, told) => ({
    method: message.method,
    target: message.url?.slice(ENVOY_PREFIX.length),
    client: told["x-gateway-client"],
    route: told["x-gateway-route"],
    host: told["host"],
  }),
};

const PROXY_HEADERS = /^x-(gateway-|forwarded-)/;

/** The proxy's word on what is the client's as well. */
const OF_BOTH: readonly string[] = ["host", "content-length"];

function formOf(url: string): DoorForm | undefined {
  if (url === "/door/nginx") return "nginx";
  if (url === "/door/nginx-with-body") return "nginx-with-body";
  return url.startsWith(`${ENVOY_PREFIX}/`) ? "envoy" : undefined;
}

/** Names as they were seen, since proxies send the same few: in lower case where they are the proxy's word, else nothing. */
const MOST_NAMES = 1_000;
const words = new Map<string, string>();

function wordOf(name: string): string {
  const known = words.get(name);
  if (known !== undefined) return known;
  const key = name.toLowerCase();
  const word = OF_BOTH.includes(key) || PROXY_HEADERS.test(key) ? key : "";
  if (words.size < MOST_NAMES) words.set(name, word);
  return word;
}

/** The client's lines, and apart from them the proxy's; a word of the proxy that comes twice is nobody's. */
function sorted(raw: readonly string[]): { headers: HeaderLine[]; told: Told } {
  const headers: HeaderLine[] = [];
  const told: Record<string, string> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const word = wordOf(name);
    if (word !== "") told[word] = word in told ? "" : value;
    if (word === "" || OF_BOTH.includes(word)) headers.push([name, value]);
  }
  return { headers, told };
}

/**
 * The request that a proxy asks about. Everything of it comes from headers that the proxy sets itself, whatever the
 * client sent; with one of them missing there is nothing to decide.
 */
function readDoor(message: IncomingMessage): { form: DoorForm; request: GatewayRequest; route: string } | undefined {
  const form = formOf(message.url ?? "");
  if (!form) return undefined;
  const { headers, told } = sorted(message.rawHeaders);
  const { method, target, client: said, route, host } = FORMS[form](message, told);
  const client = canonicalAddress(said ?? "");
  if (!method || !target || !host || !client || !route) return undefined;
  if (!/^[A-Z]+$/.test(method)) return undefined;
  // No proxy passes on the words of a connection.
  if (told["x-gateway-upgrade"]) headers.push(["connection", "upgrade"], ["upgrade", "websocket"]);
  const request = {
    scheme: "https" as const,
    method,
    host: hostName(host),
    target,
    headers,
    client,
    headBytes: headBytes(method, target, headers),
    // Where the proxy shows it, it has a length; a handshake has none.
    body: new IncomingBody(message, { framing: { length: told["content-length"], chunked: false } }),
  };
  return { form, request, route };
}

/** What the client hears of limits, whatever becomes of the request. */
function limitLines({ exchange: { response } }: Verdict): HeaderLine[] {
  if (response.set.size === 0) return [];
  return RATE_LIMIT_HEADERS.flatMap((name): HeaderLine[] => {
    const value = response.set.get(name);
    return value === undefined ? [] : [[name, value]];
  });
}

/** Whoever asks passes the whole answer of a refusal on. */
const inOwnWords = (form: DoorForm | undefined): boolean => form === "envoy" || form === "nginx-with-body";

function refuse(form: DoorForm, verdict: Verdict, refusal: Refusal): DoorAnswer {
  const { status, reason, message } = refusal;
  if (inOwnWords(form)) {
    const host = verdict.host as PlannedHost | undefined;
    const { headers, body } = refusalContent(host?.errorBody, verdict.exchange.requestId, refusal);
    return {
      status: form === "envoy" ? toldStatus(status) : status,
      headers: [...headers, ["x-gateway-reason", reason], ...limitLines(verdict)],
      body,
    };
  }
  const headers: HeaderLine[] = limitLines(verdict);
  for (const name in refusal.headers) headers.push([name, refusal.headers[name] as string]);
  headers.push(["x-gateway-reason", reason], ["x-gateway-message", message]);
  if (status === 401 && !refusal.content) return { status, headers, body: "" };
  headers.push(["x-gateway-status", String(status)]);
  return { status: 403, headers, body: "" };
}

function allow(form: DoorForm, verdict: Verdict, ticket: Ticket | undefined, again: readonly HeaderLine[]): DoorAnswer {
  const { upstream } = verdict.exchange;
  const headers: HeaderLine[] = [...upstream.set, ...limitLines(verdict)];
  if (ticket) headers.push(["x-gateway-ticket", ticketText(ticket)]);
  if (form === "envoy") {
    const host = verdict.host as PlannedHost | undefined;
    const drop = [...(host?.identityHeaders ?? []), ...upstream.remove].filter((name) => !upstream.set.has(name));
    headers.push(...again);
    if (drop.length > 0) headers.push(["x-envoy-auth-headers-to-remove", [...new Set(drop)].join(",")]);
  }
  // nginx calls the service with what it has kept of the request.
  if (form === "nginx-with-body") headers.push(["x-accel-redirect", "@admitted"]);
  return { status: 200, headers, body: "" };
}

/** A question that nobody has judged: refused, and told in the log as far as it can be read. */
function unjudged(message: IncomingMessage, reason: string): DoorJudgement {
  const door = readDoor(message);
  const { method = "", url = "" } = message;
  const asked = { scheme: "https" as const, method, host: "", target: url, headers: [], client: peerOf(message) };
  const record = recordOf(door?.request ?? { ...asked, headBytes: 0 }, {}, 0);
  const refusal = { status: 403, reason, message: "The request is not allowed here." };
  const { headers, body } = inOwnWords(formOf(url))
    ? refusalContent(undefined, "", refusal)
    : { headers: [], body: "" };
  return {
    answer: { status: 403, headers: [...headers, ["x-gateway-reason", reason]], body },
    record: { ...record, route: door?.route ?? "", status: 403, reason },
  };
}

/** An answer that who it was is added to. */
type DoorAnswer = PlainAnswer & { headers: HeaderLine[] };

/** Something is broken inside, or takes too long. */
export const failedAtDoor = (message: IncomingMessage): DoorJudgement => unjudged(message, "internal");

export interface DoorJudgement {
  answer: PlainAnswer;
  record: ExchangeRecord;
  /** The proxy tells how it ends: it is counted then. */
  reported?: boolean;
}

const ADMITTED: Answer = { by: "service", status: 200, headers: [], body: Buffer.alloc(0) };

/** Decides one question of a proxy, at once where it can; whoever calls it refuses where it throws or rejects. */
export function answerDoor(
  plan: FilterPlan,
  state: State,
  message: IncomingMessage,
): DoorJudgement | Promise<DoorJudgement> {
  const start = performance.now();
  const door = readDoor(message);
  // Somebody asks who is no proxy of ours, or a client has found a way to confuse one.
  if (!door) return unjudged(message, "unreadable");
  const { form, request, route } = door;
  const conclude = (verdict: Verdict, leave?: Refusal | Ticket): DoorJudgement => {
    const refusal = verdict.answer ?? (leave && "status" in leave ? leave : undefined);
    const ticket = leave && !("status" in leave) ? leave : undefined;
    const answer = refusal
      ? refuse(form, verdict, refusal)
      : allow(form, verdict, ticket, againOf(plan, verdict, state));
    const caller = callerOf(verdict);
    if (caller.user !== undefined) answer.headers.push(["x-gateway-user", encodeURIComponent(caller.user)]);
    if (caller.tenant !== undefined) answer.headers.push(["x-gateway-tenant", encodeURIComponent(caller.tenant)]);
    const outcome: Answer = refusal ? { by: "gateway", refusal } : ADMITTED;
    const record = recordOf(request, { verdict, answer: outcome }, performance.now() - start, caller);
    return { answer, record, ...(ticket && { reported: true }) };
  };
  const admit = (verdict: Verdict): DoorJudgement | Promise<DoorJudgement> => {
    if (verdict.answer || !plan.reports) return conclude(verdict);
    const leave = admitReported(verdict, state);
    return leave instanceof Promise ? leave.then((word) => conclude(verdict, word)) : conclude(verdict, leave);
  };
  const verdict = decideRequest(plan, request, state, randomUUID, { chosen: route });
  return verdict instanceof Promise ? verdict.then(admit) : admit(verdict);
}

/** Too much to do: never a 5xx, which a proxy that is told to may take for a yes. */
export function shedAtDoor(message: IncomingMessage): PlainAnswer {
  const refusal = { status: 429, reason: "overload", message: "Too much to do now." };
  if (inOwnWords(formOf(message.url ?? ""))) {
    const { headers, body } = refusalContent(undefined, "", refusal);
    return { status: 429, headers: [...SHED, ...headers], body };
  }
  const told: HeaderLine[] = [
    ["x-gateway-status", "429"],
    ["x-gateway-message", refusal.message],
  ];
  return { status: 403, headers: [...SHED, ...told], body: "" };
}
