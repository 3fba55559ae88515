import { createSecretKey, randomUUID, type KeyObject } from "node:crypto";
import { hostName, originForm } from "../../decision/request-target";
import { resolveGateway, servicesSeveral, type GatewayModel } from "../../model";
import type { HeaderLine, Refusal, RequestBody, ServiceAnswer, SharedStore, State } from "../../policy";
import {
  answerHeaders,
  refusalContent,
  routeAnswer,
  serviceAnswerHeaders,
  serviceHeaders,
} from "../../decision/answer";
import { callService, type Transport } from "../../decision/call";
import { NoAnswer } from "../../policy/no-answer";
import { canonicalAddress } from "../../policy/client-address";
import { decideRequest, Findings, policiesInOrder, type Verdict } from "../../decision/decide";
import { configOf, type Gateway, type Host, type Route } from "../../decision/gateway";
import { aloneState } from "../../decision/alone-state";
import type { SeveralAddresses } from "../../decision/filter-plan";
import { Balancer } from "../../decision/balancer";
import { MemoryStore } from "../../state/memory-store";
import type { ErrorBodyConfig } from "../../policy/kinds/response";
import { hostHeaders } from "../../targets/identity-headers";
import { Identities } from "../identities";
import { isTrusted } from "../certificates";
import { STRANGERS, type System } from "../system";
import { echoOf, instancesOf, Services, type Seen } from "../upstreams";
import { headBytes, withForwardedFor, type WireAnswer, type WireRequest } from "../wire";
import type { Case } from "../case";
import type { Held, Stand, StandFactory } from "./stand";

/** What a request's verdict was, beside the answer: for those who compare. */
export interface OracleAnswer extends WireAnswer {
  statuses: ReadonlySet<number>;
}

/** One instance, whose clock also counts the time that upstreams would have taken. */
interface Replica {
  state: State;
  passed: number;
  balancer: Balancer;
}

const HANDSHAKE: readonly HeaderLine[] = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
];

class WireBody implements RequestBody {
  #max = Infinity;

  constructor(private readonly wire: WireRequest) {}

  limit(maxBytes: number): boolean {
    this.#max = maxBytes;
    return (this.wire.body?.length ?? 0) > maxBytes;
  }

  read(maxBytes: number): Promise<Buffer | undefined> {
    const bytes = this.wire.body ?? Buffer.alloc(0);
    return Promise.resolve(bytes.length > Math.min(this.#max, maxBytes) ? undefined : bytes);
  }
}

const gone = (): Promise<never> => Promise.reject(new Error("away"));
const away: SharedStore = {
  ...{ take: gone, has: gone, once: gone, cached: gone, keep: gone, drop: gone },
  ...{ lease: gone, release: gone, attempt: gone, attempted: gone },
};

/** The model's own meaning, with upstreams that behave as the case says and take no time. */
class DecideStand implements Stand {
  readonly target = "decide";
  readonly services = new Services();
  readonly identities: Identities;
  readonly #gateway: Gateway;
  /** The runner is the hop in front. */
  readonly #trusted: boolean;
  readonly #reasons = new Map<string, string>();
  /** One for each replica: what is shared is the same object. */
  #replicas: Replica[] = [];
  #shared = new MemoryStore();

  readonly headBytes: number;
  readonly #services: GatewayModel["services"];
  readonly #several: Readonly<Record<string, SeveralAddresses>>;

  constructor(
    readonly system: System,
    environment: string,
  ) {
    const { name, model, identities } = system;
    this.identities = new Identities(name, identities);
    this.#gateway = resolveGateway(model, environment);
    this.headBytes = model.upstream.headBytes;
    this.#services = model.services;
    const several = Object.entries(servicesSeveral(model)).map(([name, places]) => [
      name,
      { ...places, addresses: instancesOf(name, places) },
    ]);
    this.#several = Object.fromEntries(several) as Record<string, SeveralAddresses>;
    this.#trusted = model.front.networks.length > 0 && !model.front.networks.includes(STRANGERS);
  }

  begin(testCase: Case): Promise<void> {
    this.services.begin(testCase.upstreams);
    this.identities.forget();
    const values = this.identities.secrets();
    const published = this.identities.publicKeys();
    this.#shared = new MemoryStore();
    const shared = this.#shared;
    const keys = {
      // Without an id a token means the one key that fits.
      find: (_issuer: string, kid: string | undefined, alg: string): KeyObject | undefined => {
        const fits = published.filter((k) => (kid === undefined || k.kid === kid) && k.alg === alg);
        return fits.length === 1 ? fits[0]?.key : undefined;
      },
      secrets: () => Object.values(values).map((text) => createSecretKey(Buffer.from(text))),
    };
    const versions = new Map(Object.entries(values).map(([name, text]) => [name, [text]]));
    const secrets = { versions: (name: string) => versions.get(name), generation: () => 0 };
    this.#replicas = Array.from({ length: testCase.replicas }, () => {
      const replica = { passed: 0, balancer: new Balancer() } as Replica;
      const nowMs = (): number => Date.now() + replica.passed;
      replica.state = aloneState({ nowMs, keys, secrets, shared: testCase.away.includes("redis") ? away : shared });
      return replica;
    });
    return Promise.resolve();
  }

  async send(wire: WireRequest, instance: number): Promise<{ answer: OracleAnswer; socket: Held }> {
    const sent = withForwardedFor(wire);
    // White space around a value is no part of it (RFC 9110 section 5.5).
    const request = { ...sent, headers: sent.headers.map(([n, v]): HeaderLine => [n, v.trim()]) };
    const asked = originForm(request.host, request.target);
    const host = hostName(asked.host);
    const replica = this.#replicas[instance % this.#replicas.length] as Replica;
    const findings = new Findings(true);
    const verdict = await decideRequest(
      this.#gateway,
      {
        scheme: request.scheme,
        method: request.method,
        host,
        target: asked.target,
        headers: request.headers,
        client: this.#trusted ? (canonicalAddress(request.client) ?? "127.0.0.1") : "127.0.0.1",
        headBytes: headBytes(wire).length,
        body: new WireBody(wire),
      },
      replica.state,
      randomUUID,
      { findings },
    );
    const { answer: refusal } = verdict;
    const answer = refusal
      ? this.#refusal(verdict, refusal, findings.statuses)
      : await this.#call(verdict, request, replica);
    const destroy = (): void => {
      for (const end of verdict.exchange.atEnd.splice(0)) end();
    };
    if (answer.status !== 101) destroy();
    return { answer, socket: { destroy } };
  }

  revoke(key: string): Promise<void> {
    this.#shared.mark(key, 3_600_000);
    return Promise.resolve();
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

  #refusal(verdict: Verdict, refusal: Refusal, statuses?: ReadonlySet<number>, seconds = 0): OracleAnswer {
    const config = configOf(verdict.host?.policies ?? [], "errorBody") as ErrorBodyConfig | undefined;
    const { exchange } = verdict;
    this.#reasons.set(exchange.requestId, refusal.reason);
    const { headers, body } = refusalContent(config, exchange.requestId, refusal);
    const content = Buffer.from(exchange.request.method === "HEAD" ? "" : body);
    return this.#answer(verdict, refusal.status, headers, content, statuses, seconds);
  }

  #answer(
    verdict: Verdict,
    status: number,
    headers: readonly HeaderLine[],
    body: Buffer,
    statuses: ReadonlySet<number> = new Set([status]),
    seconds = 0,
  ): OracleAnswer {
    return { status, headers: answerHeaders(verdict.exchange, status, headers), body, seconds, statuses };
  }

  /** The call of the service, with upstreams that take no time. */
  async #call(verdict: Verdict, request: WireRequest, replica: Replica): Promise<OracleAnswer> {
    const { exchange, route, host } = verdict;
    if (route?.respond) {
      const refusal = routeAnswer(route.respond, exchange.request);
      this.#reasons.set(exchange.requestId, refusal.reason);
      const { headers, body } = refusalContent(undefined, "", refusal);
      return this.#answer(verdict, refusal.status, headers, Buffer.from(body));
    }
    const start = replica.state.nowMs();
    const tried = new Set<string>();
    const transport: Transport = {
      send: (service, firstByteMs, untilMs) => {
        const ask = (instance: string): Promise<ServiceAnswer> =>
          this.#send(service, instance, firstByteMs, untilMs, verdict, request, replica);
        const several = this.#several[service];
        return several ? replica.balancer.ask(service, several, tried, ask) : ask(service);
      },
      discard: () => undefined,
    };
    const policies = policiesInOrder(host as Host, route);
    const answer = await callService(policies, route as Route, exchange, replica.state, transport);
    const seconds = (replica.state.nowMs() - start) / 1000;
    if (answer.by === "gateway") return this.#refusal(verdict, answer.refusal, undefined, seconds);
    const body = request.method === "HEAD" ? Buffer.alloc(0) : (answer.body as Buffer);
    const own = serviceAnswerHeaders(exchange, answer.headers);
    return this.#answer(verdict, answer.status, own, body, undefined, seconds);
  }

  /** One try; the clock of the replica goes on by what it would have taken. */
  #send(
    service: string,
    instance: string,
    firstByteMs: number,
    untilMs: number,
    verdict: Verdict,
    request: WireRequest,
    replica: Replica,
  ): Promise<ServiceAnswer> {
    const tls = this.#services[service]?.tls;
    if (this.services.isDown(instance) || (tls && !isTrusted(tls, this.system.trust)))
      return Promise.reject(new NoAnswer("connect-failure"));
    const { exchange } = verdict;
    const ofHost = hostHeaders(verdict.host as Host);
    const seen: Seen = {
      service: instance,
      method: request.method,
      path: exchange.upstream.target,
      headers: [...serviceHeaders(exchange, ofHost), ...(request.websocket ? HANDSHAKE : [])],
      body: request.body ?? Buffer.alloc(0),
    };
    const answering = this.services.next(seen);
    if (request.websocket) {
      const protocol: HeaderLine[] =
        exchange.subprotocol === undefined ? [] : [["sec-websocket-protocol", exchange.subprotocol]];
      const headers: HeaderLine[] = [["upgrade", "websocket"], ...protocol];
      return Promise.resolve({ by: "service", status: 101, headers, body: Buffer.alloc(0) });
    }
    const limitMs = Math.min(firstByteMs, untilMs - replica.state.nowMs());
    replica.passed += Math.min(answering.delayMs, limitMs);
    if (answering.delayMs >= limitMs) return Promise.reject(new NoAnswer("timeout"));
    if (answering.reset) return Promise.reject(new NoAnswer("reset"));
    const headers = Object.entries({ "content-type": "application/json", ...answering.headers });
    const head = headers.reduce((bytes, [name, value]) => bytes + name.length + value.length + 4, 19);
    if (head > this.headBytes) return Promise.reject(new NoAnswer("reset"));
    return Promise.resolve({ by: "service", status: answering.status, headers, body: answering.body ?? echoOf(seen) });
  }
}

export const decideStand: StandFactory = ({ system, environment }) =>
  Promise.resolve(new DecideStand(system, environment));
