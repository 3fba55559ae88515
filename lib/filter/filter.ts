import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import { CircuitBreakers } from "../state/breakers";
import type { FilterPlan } from "../decision/filter-plan";
import { endReported, readTicket, type ReportLine } from "../decision/report";
import { aloneState } from "../decision/alone-state";
import { MemoryStore } from "../state/memory-store";
import { TokenCache } from "../identity/token-cache";
import { kindNamed, pathOf, type GatewayRequest, type PolicyKind, type State } from "../policy";
import type { ExchangeRecord } from "./audit";
import { BreakerExchange } from "./breaker-news";
import { DoorServer } from "./door-server";
import { RemoteKeys, type KeyNote, type KeyTimes } from "./keys";
import { givenLogs, standardLogs, type Logs } from "./log";
import { Metrics } from "./metrics";
import type { OwnCertificates } from "./own-certificates";
import { Overload, type OverloadLimits, type Place } from "./overload";
import { send } from "./plain-answer";
import { RedisStore } from "./redis-store";
import { Secrets, type SecretTimes } from "./secrets";
import type { Running } from "./through";
import type { Trace, Tracing } from "./tracing";
import { Balancer } from "../decision/balancer";
import { Connections } from "./upstream/connections";

/** What a filter decides by, wherever it listens. */
export interface CoreOptions {
  plan: FilterPlan;
  /** Address of the shared store; without one each process counts and caches for itself. */
  redis?: string | undefined;
  /** What one question to it may cost, in milliseconds (50 by default). */
  storeTimeoutMs?: number | undefined;
  log?: Logger;
  keyTimes?: KeyTimes;
  secretTimes?: SecretTimes;
  overload?: OverloadLimits;
  patience?: Patience;
  /** Folder of the secrets by which services are called by TLS, and that hosts show; `/certificates` by default. */
  certificates?: string | undefined;
  /** Bound of the verified-token cache; 0 turns it off. */
  tokenCacheBytes?: number | undefined;
}

/** How long a decision may take before it is a refusal, in milliseconds. */
interface Patience {
  doorMs: number;
  /** With the reading of the body and the service's answer. */
  throughMs: number;
}

const PATIENCE: Patience = { doorMs: 2_000, throughMs: 900_000 };

const hashOf = (plan: FilterPlan): string =>
  createHash("sha256").update(JSON.stringify(plan)).digest("base64url").slice(0, 16);

/** The service behind all listeners. */
export class Filter implements Running {
  readonly connections: Connections;
  balancer = new Balancer();
  state: State;
  plan: FilterPlan;
  #keys: RemoteKeys;
  #secrets: Secrets;
  readonly #keyTimes: KeyTimes | undefined;
  readonly #secretTimes: SecretTimes | undefined;
  readonly #redis: RedisStore | undefined;
  readonly #metrics: Metrics;
  /** What clients are shown, where it is the gateway itself. */
  shown: OwnCertificates | undefined;
  readonly #keysFetched: KeyNote = (issuer, outcome) => {
    this.#metrics.keysFetched(issuer, outcome);
  };
  readonly #logs: Logs;
  readonly #overload: Overload;
  readonly #tracing: Tracing | undefined;
  readonly #handedOver = new Set<Socket>();
  readonly door: DoorServer;
  readonly #tokenCacheBytes: number | undefined;
  readonly patienceMs: number;
  readonly #breakerNews: BreakerExchange | undefined;
  #planHash: string;
  #stopping = false;

  constructor(
    {
      plan,
      redis,
      log,
      keyTimes,
      secretTimes,
      tokenCacheBytes,
      storeTimeoutMs,
      overload,
      patience = PATIENCE,
      certificates,
    }: CoreOptions,
    tracing: Tracing | undefined,
  ) {
    this.plan = plan;
    this.#metrics = new Metrics(plan);
    let toldMs = -Infinity;
    this.connections = new Connections(certificates, (error) => {
      // It is looked at again every second: what is no news is said once a minute.
      if (Date.now() - toldMs < 60_000) return;
      toldMs = Date.now();
      this.#logs.log.error({ error: String(error) }, "certificates for a service cannot be read");
    });
    this.#planHash = hashOf(plan);
    this.#keyTimes = keyTimes;
    this.#secretTimes = secretTimes;
    this.#secrets = new Secrets(plan, this.#secretTimes);
    this.#keys = new RemoteKeys(plan.issuers, this.#secrets, keyTimes, this.#keysFetched);
    this.#redis = redis === undefined ? undefined : new RedisStore(redis, storeTimeoutMs);
    this.#logs = log
      ? givenLogs(log)
      : standardLogs((lines) => {
          this.#metrics.dropped(lines);
        });
    this.#overload = new Overload(overload);
    this.#tracing = tracing;
    this.#tokenCacheBytes = tokenCacheBytes;
    this.door = new DoorServer(this, patience.doorMs);
    this.patienceMs = patience.throughMs;
    this.#breakerNews =
      this.#redis &&
      new BreakerExchange(
        this.#redis,
        // Of one plan alone: services may have moved with another.
        () => `breakers:{${this.plan.system}/${this.plan.environment}}:${this.#planHash}`,
        (service) => Object.hasOwn(this.plan.services, service),
        () => this.state.breakers,
      );
    this.state = aloneState({
      keys: this.#keys,
      secrets: this.#secrets,
      tokens: new TokenCache(tokenCacheBytes),
      ...(this.#redis && { shared: this.#redis }),
      count: (event) => {
        this.#metrics.count(event);
      },
      called: (service, status, ms) => {
        this.#metrics.called(service, status, ms);
      },
    });
  }

  trace(request: GatewayRequest): Trace | undefined {
    return this.#tracing?.start(request);
  }

  get ready(): boolean {
    return !this.#stopping && this.#keys.ready && this.#secrets.ready;
  }

  start(): void {
    const kinds = new Set(
      this.plan.hosts.flatMap(({ routes }) => routes.flatMap((r) => r.policies.map((p) => p.kind))),
    );
    for (const kind of kinds) (kindNamed(kind) as PolicyKind).warm?.();
    this.#startSources();
    let away = false;
    this.#redis?.start({
      onError: (error) => {
        if (!away) this.#logs.log.error({ error: String(error) }, "the shared store is away");
        away = true;
      },
      onReady: () => {
        if (away) this.#logs.log.info("the shared store is back");
        away = false;
      },
    });
  }

  #startSources(): void {
    const said = new Map<string, { text: string; atMs: number }>();
    this.#keys.start((issuer, error) => {
      const { cause } = error as { cause?: unknown };
      const text = cause instanceof Error ? `${String(error)}: ${cause.message}` : String(error);
      const before = said.get(issuer);
      // It is tried again every second: what is no news is said once a minute.
      if (before?.text === text && Date.now() - before.atMs < 60_000) return;
      said.set(issuer, { text, atMs: Date.now() });
      this.#logs.log.error({ issuer, error: text }, "keys cannot be fetched");
    });
    this.#secrets.start((secret, error) => {
      this.#logs.log.error({ secret, error: (error as Error).name }, "a secret cannot be read");
    });
  }

  /** Takes another plan, for the requests that come from now on; breakers are closed again, since services may have moved. */
  reload(plan: FilterPlan): void {
    if (plan.proxy !== this.plan.proxy)
      throw new Error(`This filter runs for ${this.plan.proxy}, not for ${plan.proxy}.`);
    const same = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);
    const { issuers, secrets } = this.plan;
    const fresh = { breakers: new CircuitBreakers(Date.now()), alone: new MemoryStore() };
    if (same(issuers, plan.issuers) && same(secrets, plan.secrets)) {
      this.state = { ...this.state, ...fresh };
    } else {
      this.#keys.stop();
      this.#secrets.stop();
      this.#secrets = new Secrets(plan, this.#secretTimes);
      this.#keys = new RemoteKeys(plan.issuers, this.#secrets, this.#keyTimes, this.#keysFetched);
      // A memory of its own: what is verified by the old keys just now must not be found among the new.
      const tokens = new TokenCache(this.#tokenCacheBytes);
      this.state = { ...this.state, ...fresh, tokens, keys: this.#keys, secrets: this.#secrets };
      this.#startSources();
    }
    this.balancer = new Balancer();
    this.plan = plan;
    this.#planHash = hashOf(plan);
  }

  /** Reads the plan anew; a bad one leaves the old. */
  async reloadFrom(read: () => FilterPlan | Promise<FilterPlan>): Promise<boolean> {
    let outcome: "ok" | "failed" = "ok";
    try {
      this.reload(await read());
      this.#logs.log.info({ environment: this.plan.environment }, "the plan was read anew");
    } catch (error) {
      outcome = "failed";
      this.#logs.log.error({ error: String(error) }, "the new plan cannot be taken, the old one stays");
    }
    this.#metrics.reloaded(outcome);
    return outcome === "ok";
  }

  /** No longer ready: whoever asks now is served, and told to come elsewhere. */
  drain(): void {
    this.#stopping = true;
  }

  /** Ends what would go on for ever. */
  endConnections(): void {
    for (const socket of this.#handedOver) socket.destroy();
  }

  async stop(): Promise<void> {
    this.door.stop();
    this.#overload.stop();
    this.#keys.stop();
    this.#secrets.stop();
    this.#breakerNews?.stop();
    this.#redis?.stop();
    this.connections.stop();
    await this.#tracing?.stop();
    await this.#logs.flush();
  }

  enter(response: ServerResponse): boolean {
    if (this.#stopping) response.setHeader("connection", "close");
    if (this.#overload.enter()) return true;
    this.#metrics.shed();
    return false;
  }

  /** A place for a whole exchange; nothing where there is too much to do, or for this client. */
  place(client: string, response?: ServerResponse): Place | undefined {
    if (this.#stopping) response?.setHeader("connection", "close");
    const place = this.#overload.place(client);
    if (!place) this.#metrics.shed();
    return place;
  }

  /** A connection that was handed over is no longer the server's: it ends with the filter. */
  hold(socket: Socket): void {
    this.#handedOver.add(socket);
    socket.once("close", () => this.#handedOver.delete(socket));
  }

  leave(): void {
    this.#overload.leave();
  }

  note(record: ExchangeRecord, reported = false): void {
    if (!reported) this.#metrics.note(record);
    else if (record.wouldRefuse) this.#metrics.noteShadow(record.wouldRefuse);
    this.#logs.audit(record);
  }

  /** A proxy has told how an exchange has ended, or something that nobody can read. */
  ended(line: ReportLine | undefined): void {
    const ticket = line && readTicket(line.ticket);
    if (!line || !ticket) {
      this.#metrics.reported("unreadable");
      return;
    }
    const { method, report, ms } = line;
    if (!endReported(this.plan, ticket, report, this.state)) {
      this.#metrics.reported("of-another-plan");
      return;
    }
    this.#metrics.reported("ok");
    // Names are those of the plan, whatever is told.
    const { route, service } = ticket;
    this.#metrics.note({ method, route, service, status: report.status, ms });
  }

  fault(error: unknown): void {
    this.#logs.log.error(
      { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      "a request failed",
    );
  }

  /** Health and metrics; false for any other path. */
  async admin(message: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = pathOf(message.url ?? "");
    if (path === "/actuator/liveness") {
      send(response, { status: 200, headers: [], body: "live\n" });
    } else if (path === "/actuator/readiness") {
      const { ready } = this;
      send(response, { status: ready ? 200 : 503, headers: [], body: ready ? "ready\n" : "not ready\n" });
    } else if (path === "/metrics") {
      const body = await this.#metrics.text({
        state: this.state,
        storeUp: this.#redis?.up ?? true,
        ages: this.#keys.ages(),
        inFlight: this.#overload.inFlight + this.#overload.receiving,
        proxy: this.plan.proxy,
        plan: this.#planHash,
        certificates: this.shown?.expiries() ?? [],
      });
      send(response, { status: 200, headers: [["content-type", this.#metrics.registry.contentType]], body });
    } else {
      return false;
    }
    return true;
  }
}
