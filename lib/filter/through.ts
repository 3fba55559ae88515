import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { callService } from "../policy/call";
import { decideRequest, policiesInOrder, type Verdict } from "../policy/decide";
import type { FilterPlan, PlannedHost } from "../policy/filter-plan";
import { configOf, type Host, type Route } from "../policy/gateway";
import { asksForWebSocket } from "../policy/web-socket";
import type { Answer, Exchange, GatewayRequest, Refusal, State } from "../policy";
import type { ExchangeRecord } from "./audit";
import type { IncomingBody } from "./incoming";
import { recordOf } from "./audit";
import { within } from "./deadline";
import { join, replyTo, write, writeRaw } from "./reply";
import type { Trace } from "./tracing";
import { ClientGone, HttpTransport, type Connections, type UpgradedAnswer } from "./transport";

/** Whole exchanges: from the request to the end of the answer. */

const FAILED: Refusal = {
  status: 503,
  reason: "internal",
  message: "The request cannot be decided now.",
  headers: { "retry-after": "1" },
};

export interface Running {
  plan: FilterPlan;
  state: State;
  connections: Connections;
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

/** Decides and, where nothing refuses, calls the service. Whatever goes wrong inside is a refusal. */
async function judge(
  running: Running,
  { request, route }: Arrived,
  signal: AbortSignal,
  websocket: boolean,
  trace: Trace | undefined,
): Promise<Judged> {
  const { plan, state, connections } = running;
  const verdict = await decideRequest(plan, request, state, randomUUID, { chosen: route });
  const host = verdict.host as PlannedHost | undefined;
  if (verdict.answer) return { verdict, host, answer: { by: "gateway", refusal: verdict.answer } };
  const { exchange } = verdict;
  // Nobody waits any more: the service must not do what the client was told is not done.
  if (signal.aborted) {
    end(exchange);
    throw new ClientGone();
  }
  const chosen = verdict.route as Route;
  if (chosen.respond) {
    const { status, contentType, body } = chosen.respond;
    const content = { type: contentType, text: body };
    return {
      verdict,
      host,
      answer: { by: "gateway", refusal: { status, reason: "respond", message: "", content, answer: true } },
    };
  }
  if (trace) exchange.upstream.set.set("traceparent", trace.header);
  const transport = new HttpTransport({
    exchange,
    addresses: plan.services,
    identityHeaders: host?.identityHeaders ?? [],
    body: request.body as IncomingBody,
    connections,
    signal,
    websocket,
  });
  const policies = policiesInOrder(verdict.host as Host, chosen);
  try {
    return { verdict, host, answer: await callService(policies, chosen, exchange, state, transport) };
  } catch (error) {
    end(exchange);
    throw error;
  }
}

/** A decision that never comes is a refusal; what comes later is nobody's. */
function decided({ patienceMs }: Running, judged: Promise<Judged>, gone: AbortController): Promise<Judged> {
  return within(patienceMs, judged, () => {
    gone.abort();
    return new Error("The decision took too long.");
  });
}

/** Gives back what the exchange has held. */
function end({ atEnd }: Exchange): void {
  for (const done of atEnd.splice(0)) done();
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
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  let judged: Judged | undefined;
  try {
    judged = await decided(running, judge(running, arrived, gone.signal, false, trace), gone);
    const reply = replyTo(judged.verdict.exchange, judged.host, judged.answer);
    await write(message, response, reply);
  } catch (error) {
    if (!(error instanceof ClientGone)) running.fault(error);
    if (!response.headersSent) refuseAll(message, response);
    else response.destroy();
  }
  if (judged) end(judged.verdict.exchange);
  const record = recordOf(arrived.request, judged, performance.now() - start);
  running.note(record);
  trace?.end(record);
}

function refuseAll(message: IncomingMessage, response: ServerResponse): void {
  message.resume();
  const body = `${JSON.stringify({ error: "Service Unavailable", message: FAILED.message })}\n`;
  response.writeHead(503, {
    "content-type": "application/json",
    "retry-after": "1",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

const NEVER_IDLE = 0;

/** A handshake for a WebSocket: the connection lasts as long as both sides want it. */
export async function serveUpgrade(running: Running, arrived: Arrived, socket: Socket, head: Buffer): Promise<void> {
  const start = performance.now();
  const trace = running.trace(arrived.request);
  const gone = new AbortController();
  const leave = (): void => {
    gone.abort();
  };
  socket.once("close", leave);
  socket.on("error", () => socket.destroy());
  let judged: Judged | undefined;
  try {
    // Any other upgrade is no business of ours: the request is served as if it had not asked.
    const websocket = asksForWebSocket(arrived.request);
    judged = await decided(running, judge(running, arrived, gone.signal, websocket, trace), gone);
    const record = recordOf(arrived.request, judged, performance.now() - start);
    running.note(record);
    trace?.end(record);
    const { verdict, answer } = judged;
    if (answer.by === "service" && (answer as UpgradedAnswer).socket) {
      const webSocket = configOf(verdict.route?.policies ?? [], "webSocket") as { idle: number } | undefined;
      await join(verdict.exchange, socket, head, answer, webSocket?.idle ?? NEVER_IDLE);
    } else {
      writeRaw(socket, replyTo(verdict.exchange, judged.host, answer));
    }
  } catch (error) {
    if (!(error instanceof ClientGone)) running.fault(error);
    socket.destroy();
  }
  if (judged) end(judged.verdict.exchange);
}
