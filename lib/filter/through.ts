import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { callService } from "../decision/call";
import { decideRequest, endExchange, policiesInOrder, type Verdict } from "../decision/decide";
import type { FilterPlan, PlannedHost } from "../decision/filter-plan";
import { configOf, type Host, type Route } from "../decision/gateway";
import { asksForWebSocket } from "../policy/kinds/web-socket";
import { notNow, type Answer, type GatewayRequest, type Refusal, type State } from "../policy";
import { refusalContent, routeAnswer } from "../decision/answer";
import type { ExchangeRecord } from "./audit";
import { ClientGone, type IncomingBody } from "./incoming-body";
import { recordOf, type Told } from "./audit";
import { within } from "./deadline";
import { Departure } from "./departure";
import { join, replyTo, write, writeRaw, type Reply } from "./reply";
import type { Trace } from "./tracing";
import type { Balancer } from "../decision/balancer";
import type { Connections } from "./upstream/connections";
import { HttpTransport, type UpgradedAnswer } from "./upstream/transport";

/** Whole exchanges: from the request to the end of the answer. */

const FAILED: Refusal = notNow("internal", "The request cannot be decided now.");

export interface Running {
  plan: FilterPlan;
  state: State;
  connections: Connections;
  balancer: Balancer;
  /** How long a decision and the service's answer may take together, in milliseconds. */
  patienceMs: number;
  /** Begins the span of an exchange, where spans are collected. */
  trace(request: GatewayRequest): Trace | undefined;
  note(record: ExchangeRecord): void;
  fault(error: unknown): void;
}

export interface Arrived {
  request: GatewayRequest;
  /** The route that the proxy has chosen. */
  route?: string;
}

interface Judged {
  verdict: Verdict;
  host: PlannedHost | undefined;
  answer: Answer;
}

const UNREAD_HANDSHAKE: Refusal = {
  status: 400,
  reason: "handshake-unread",
  message: "The handshake has a form that is not accepted.",
};

/** Decides and, where nothing refuses, calls the service. Whatever goes wrong inside is a refusal. */
async function judge(
  running: Running,
  { request, route }: Arrived,
  client: Departure,
  websocket: boolean,
  trace: Trace | undefined,
  told: Told,
): Promise<Judged> {
  const { plan, state, connections, balancer } = running;
  const verdict = await decideRequest(plan, request, state, randomUUID, { chosen: route });
  told.verdict = verdict;
  const host = verdict.host as PlannedHost | undefined;
  if (verdict.answer) return { verdict, host, answer: { by: "gateway", refusal: verdict.answer } };
  const { exchange } = verdict;
  // Judged as a handshake, it must not be carried as anything else: Node reads some forms of one as none.
  if (!websocket && asksForWebSocket(request)) {
    endExchange(exchange);
    return { verdict, host, answer: { by: "gateway", refusal: UNREAD_HANDSHAKE } };
  }
  // Nobody waits any more: the service must not do what the client was told is not done.
  if (client.hasLeft) {
    endExchange(exchange);
    throw new ClientGone();
  }
  const chosen = verdict.route as Route;
  if (chosen.respond) {
    return { verdict, host, answer: { by: "gateway", refusal: routeAnswer(chosen.respond, exchange.request) } };
  }
  if (trace) exchange.upstream.set.set("traceparent", trace.header);
  const transport = new HttpTransport({
    exchange,
    addresses: plan.services,
    several: plan.servicesSeveral ?? {},
    balancer,
    tls: plan.servicesTls ?? {},
    headBytes: plan.upstream?.headBytes ?? 32_768,
    ofHost: verdict.host as PlannedHost,
    body: request.body as IncomingBody,
    connections,
    client,
    websocket,
  });
  const policies = policiesInOrder(verdict.host as Host, chosen);
  try {
    return { verdict, host, answer: await callService(policies, chosen, exchange, state, transport) };
  } catch (error) {
    endExchange(exchange);
    throw error;
  }
}

/** A decision that never comes is a refusal; what comes later is nobody's. */
function decided({ patienceMs }: Running, judged: Promise<Judged>, client: Departure): Promise<Judged> {
  return within(patienceMs, judged, () => {
    client.leave();
    return new Error("The decision took too long.");
  });
}

/** The answer to what has failed inside, in the system's form where the system is known. */
function failedReply({ verdict }: Told): Reply {
  const answer: Answer = { by: "gateway", refusal: FAILED };
  if (verdict) return replyTo(verdict.exchange, verdict.host as PlannedHost | undefined, answer);
  const { headers, body } = refusalContent(undefined, "", FAILED);
  return { status: FAILED.status, headers: [...headers, ["x-gateway-reason", FAILED.reason]], body: Buffer.from(body) };
}

/** Tells of a client that leaves in the middle of its body, also where it has been answered without the rest of it. */
function onLeaving(message: IncomingMessage, then: () => void): void {
  if (message.complete) return;
  const { socket } = message;
  socket.once("close", then);
  message.once("end", () => socket.off("close", then));
}

/** An ordinary exchange. */
export async function serve(
  running: Running,
  arrived: Arrived,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const start = performance.now();
  const trace = running.trace(arrived.request);
  const told: Told = {};
  const client = new Departure();
  response.once("close", () => {
    if (!response.writableFinished) client.leave();
  });
  if ((arrived.request.body as IncomingBody).exists)
    onLeaving(message, () => {
      client.leave();
    });
  try {
    const { verdict, host, answer } = await decided(
      running,
      judge(running, arrived, client, false, trace, told),
      client,
    );
    told.answer = answer;
    told.ended = await write(message, response, replyTo(verdict.exchange, host, answer));
  } catch (error) {
    if (!(error instanceof ClientGone)) {
      running.fault(error);
      if (!response.headersSent) told.answer = { by: "gateway", refusal: FAILED };
    }
    if (error instanceof ClientGone || response.headersSent) response.destroy();
    else await write(message, response, failedReply(told));
  }
  if (told.verdict) endExchange(told.verdict.exchange);
  const record = recordOf(arrived.request, told, performance.now() - start);
  running.note(record);
  trace?.end(record);
}

/** Where the proxy in front keeps the promises of WebSockets. */
const OF_PROXY = { idle: 0, closeAtExpiry: false };

/**
 * A handshake for a WebSocket: the connection lasts as long as both sides want it. `answered` is told when it is no longer
 * an exchange under way.
 */
export async function serveUpgrade(
  running: Running,
  arrived: Arrived,
  socket: Socket,
  head: Buffer,
  answered: () => void,
): Promise<void> {
  const start = performance.now();
  const trace = running.trace(arrived.request);
  const told: Told = {};
  const client = new Departure();
  socket.once("close", () => {
    client.leave();
  });
  socket.on("error", () => socket.destroy());
  const note = (): void => {
    answered();
    const record = recordOf(arrived.request, told, performance.now() - start);
    running.note(record);
    trace?.end(record);
  };
  try {
    // Any other upgrade is no business of ours: the request is served as if it had not asked.
    const websocket = asksForWebSocket(arrived.request);
    const work = judge(running, arrived, client, websocket, trace, told);
    const { verdict, host, answer } = await decided(running, work, client);
    told.answer = answer;
    note();
    if (answer.by === "service" && (answer as UpgradedAnswer).socket) {
      const { idle, closeAtExpiry } = (configOf(verdict.route?.policies ?? [], "webSocket") ??
        OF_PROXY) as typeof OF_PROXY;
      await join(verdict.exchange, socket, head, answer, idle, closeAtExpiry);
    } else {
      writeRaw(socket, replyTo(verdict.exchange, host, answer));
    }
  } catch (error) {
    if (!(error instanceof ClientGone)) running.fault(error);
    if (told.answer) {
      socket.destroy();
    } else {
      if (!(error instanceof ClientGone)) told.answer = { by: "gateway", refusal: FAILED };
      note();
      writeRaw(socket, failedReply(told));
    }
  }
  if (told.verdict) endExchange(told.verdict.exchange);
}
