import { randomUUID, type KeyObject } from "node:crypto";
import { resolveGateway } from "../../../lib/model";
import { type CounterStore, type HeaderLine, type State } from "../../../lib/policy";
import { decideRequest, type Verdict } from "../../../lib/policy/decide";
import { configOf, type Gateway } from "../../../lib/policy/gateway";
import { MemoryCounters } from "../../../lib/policy/rate";
import { errorBody, renderErrorBody, type ErrorBodyConfig } from "../../../lib/policy/response";
import { Identities } from "../identities";
import { modelOf } from "../systems";
import { echoOf, Services, type Seen } from "../upstreams";
import { headBytes, withForwardedFor, type WireAnswer, type WireRequest } from "../wire";
import type { Case } from "../case";
import type { Stand, StandFactory } from "./stand";

/** What a request's verdict was, beside the answer: for those who compare. */
export interface OracleAnswer extends WireAnswer {
  statuses: ReadonlySet<number>;
}

const JSON_TYPE = { "content-type": "application/json" };

const away: CounterStore = {
  take: () => Promise.reject(new Error("away")),
};

/** The model's own meaning, with upstreams that behave as the case says and take no time. */
class DecideStand implements Stand {
  readonly target = "decide";
  readonly services = new Services();
  readonly identities: Identities;
  readonly #gateway: Gateway;
  readonly #reasons = new Map<string, string>();
  /** One for each replica: what is shared is the same object. */
  #states: State[] = [];

  constructor(system: string, environment: string) {
    this.identities = new Identities(system);
    const model = modelOf(system);
    if (!model) throw new Error(`No model for ${system}`);
    this.#gateway = resolveGateway(model, environment);
  }

  begin(testCase: Case): Promise<void> {
    this.services.begin(testCase.upstreams);
    this.identities.forget();
    const published = this.identities.publicKeys();
    const shared = new MemoryCounters();
    const keys = {
      find: (_issuer: string, kid: string | undefined, alg: string): KeyObject | undefined =>
        published.find((k) => k.kid === kid && k.alg === alg)?.key,
    };
    this.#states = Array.from({ length: testCase.replicas }, () => ({
      nowMs: Date.now,
      keys,
      shared: testCase.away.includes("redis") ? away : shared,
      local: new MemoryCounters(),
    }));
    return Promise.resolve();
  }

  async send(wire: WireRequest, instance: number): Promise<{ answer: OracleAnswer }> {
    const sent = withForwardedFor(wire);
    // White space around a value is no part of it (RFC 9110 section 5.5).
    const request = { ...sent, headers: sent.headers.map(([n, v]): HeaderLine => [n, v.trim()]) };
    const host = request.host.toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");
    const verdict = await decideRequest(
      this.#gateway,
      {
        scheme: request.scheme,
        method: request.method,
        host,
        target: request.target,
        headers: request.headers,
        client: request.client,
        headBytes: headBytes(wire).length,
      },
      this.#states[instance % this.#states.length] as State,
      randomUUID,
      { all: true },
    );
    const { answer } = verdict;
    if (answer) {
      this.#reasons.set(verdict.exchange.requestId, answer.reason);
      const body =
        answer.answer || request.method === "HEAD"
          ? Buffer.alloc(0)
          : this.#errorBody(verdict, answer.status, answer.message);
      const headers = { ...(body.length > 0 && JSON_TYPE), ...answer.headers };
      return { answer: this.#answer(verdict, answer.status, headers, body, verdict.statuses) };
    }
    return { answer: this.#call(verdict, request) };
  }

  logs(): string {
    return "";
  }

  reason(requestId: string): string | undefined {
    return this.#reasons.get(requestId) ?? "allowed";
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }

  #errorBody(verdict: Verdict, status: number, message: string): Buffer {
    const config = configOf(verdict.host?.policies ?? [], "errorBody") as ErrorBodyConfig | undefined;
    const { requestId } = verdict.exchange;
    return Buffer.from(renderErrorBody(config ?? errorBody.schema.parse({}), { status, message, requestId }));
  }

  #answer(
    verdict: Verdict,
    status: number,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
    statuses: ReadonlySet<number> = new Set([status]),
    seconds = 0,
  ): OracleAnswer {
    const { set } = verdict.exchange.response;
    const lines = Object.entries(headers).filter(([name]) => !set.has(name));
    return { status, headers: [...lines, ...set.entries()], body, seconds, statuses };
  }

  /** Tries, time-outs and errors of the upstream, by the call that the policies have put together. */
  #call(verdict: Verdict, request: WireRequest): OracleAnswer {
    const { call, upstream } = verdict.exchange;
    const { respond, backends = [] } = verdict.route ?? {};
    if (respond) {
      const headers = { "content-type": respond.contentType };
      return this.#answer(verdict, respond.status, headers, Buffer.from(respond.body));
    }
    const service = backends.find((b) => b.weight > 0)?.service ?? "";
    const seen: Seen = {
      service,
      method: request.method,
      path: upstream.target,
      headers: this.#upstreamHeaders(verdict, request),
      body: request.body ?? Buffer.alloc(0),
    };
    let seconds = 0;
    const fail = (status: number, message: string): OracleAnswer =>
      this.#answer(verdict, status, JSON_TYPE, this.#errorBody(verdict, status, message), new Set([status]), seconds);
    for (let left = call.tries; ; left--) {
      const again = (cause: string): boolean => left > 1 && call.retryOn.has(cause);
      if (this.services.isDown(service)) {
        if (again("connect-failure")) continue;
        return fail(502, "The service gave no answer.");
      }
      const answering = this.services.next(seen);
      if (request.websocket) return this.#answer(verdict, 101, { upgrade: "websocket" }, Buffer.alloc(0));
      const late = answering.delayMs >= call.perTryMs;
      seconds += Math.min(answering.delayMs, call.perTryMs) / 1000;
      if (late) {
        if (again("timeout")) continue;
        return fail(504, "The service did not answer in time.");
      }
      if (answering.reset) {
        if (again("reset")) continue;
        return fail(502, "The service gave no answer.");
      }
      if (again(String(answering.status))) continue;
      const body = answering.body ?? echoOf(seen);
      const { remove } = verdict.exchange.response;
      const kept = Object.entries(answering.headers).filter(([name]) => !remove.has(name.toLowerCase()));
      const headers = { ...JSON_TYPE, ...Object.fromEntries(kept) };
      return this.#answer(
        verdict,
        answering.status,
        headers,
        request.method === "HEAD" ? Buffer.alloc(0) : body,
        undefined,
        seconds,
      );
    }
  }

  #upstreamHeaders(verdict: Verdict, request: WireRequest): HeaderLine[] {
    const { set, remove } = verdict.exchange.upstream;
    const kept = request.headers.filter(([name]) => !remove.has(name.toLowerCase()) && !set.has(name.toLowerCase()));
    return [["host", request.host], ...kept, ...set.entries()];
  }
}

export const decideStand: StandFactory = ({ system, environment }) =>
  Promise.resolve(new DecideStand(system, environment));
