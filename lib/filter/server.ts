import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { BlockList, isIPv6, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { FilterPlan } from "../policy/filter-plan";
import { CircuitBreakers } from "../policy/breakers";
import { aloneState } from "../policy/memory-store";
import { pathOf, type GatewayRequest, type State } from "../policy";
import { TokenCache } from "../policy/token-cache";
import type { ExchangeRecord } from "./audit";
import { answerDoor, shedAtDoor, type DoorAnswer } from "./door";
import { fromClient, fromProxy } from "./incoming";
import { RemoteKeys, type KeyTimes } from "./keys";
import { givenLogs, standardLogs, type Logs } from "./log";
import { Metrics } from "./metrics";
import { Overload, type OverloadLimits } from "./overload";
import { RedisStore } from "./redis-store";
import { Secrets } from "./secrets";
import { serve, serveUpgrade, type Arrived, type Running } from "./through";
import { Tracing, type Trace } from "./tracing";
import { Connections } from "./transport";

export interface FilterOptions {
  plan: FilterPlan;
  host: string;
  /** The door. */
  port: number;
  /** Where whole routes come through from a proxy; only a plan with such routes needs it. */
  throughPort?: number;
  /** Health and metrics; on the door's port when it is not given. */
  adminPort?: number;
  /** The gateway's own listeners, where there is no proxy. */
  gateway?: { http: number; https: number; certificate?: { key: string; cert: string } };
  /** Address of the shared store; without one each process counts and caches for itself. */
  redis?: string | undefined;
  log?: Logger;
  keyTimes?: KeyTimes;
  overload?: OverloadLimits;
  patience?: Patience;
  /** How long a stopping filter still takes requests after it has said that it is not ready, in milliseconds. */
  drainMs?: number;
  /** Bound of the verified-token cache; 0 turns it off. */
  tokenCacheBytes?: number | undefined;
}

/** How long a decision may take before it is a refusal, in milliseconds. */
export interface Patience {
  doorMs: number;
  /** With the reading of the body and the service's answer. */
  throughMs: number;
}

const PATIENCE: Patience = { doorMs: 2_000, throughMs: 120_000 };

export interface RunningFilter {
  port: number;
  throughPort: number | undefined;
  adminPort: number;
  gateway: { http: number; https: number } | undefined;
  ready(): boolean;
  /** Takes the plan that this gives; false where it cannot, and the old one stays. */
  reload(read: () => FilterPlan | Promise<FilterPlan>): Promise<boolean>;
  stop(): Promise<void>;
}

class Filter implements Running {
  readonly connections = new Connections();
  state: State;
  plan: FilterPlan;
  #keys: RemoteKeys;
  #secrets: Secrets;
  readonly #keyTimes: KeyTimes | undefined;
  readonly #redis: RedisStore | undefined;
  readonly #metrics = new Metrics();
  readonly #logs: Logs;
  readonly #overload: Overload;
  readonly #tracing: Tracing | undefined;
  readonly #handedOver = new Set<Socket>();
  /** What the door was asked and has not said, the oldest first. */
  readonly #questions = new Set<{ response: ServerResponse; sinceMs: number }>();
  readonly #doorPatienceMs: number;
  readonly #watch: NodeJS.Timeout;
  readonly patienceMs: number;
  #stopping = false;

  constructor(
    { plan, redis, log, keyTimes, tokenCacheBytes, overload, patience = PATIENCE }: FilterOptions,
    tracing: Tracing | undefined,
  ) {
    this.plan = plan;
    this.#keyTimes = keyTimes;
    this.#secrets = new Secrets(plan.secrets);
    this.#keys = new RemoteKeys(plan.issuers, this.#secrets, keyTimes);
    this.#redis = redis === undefined ? undefined : new RedisStore(redis);
    this.#logs = log
      ? givenLogs(log)
      : standardLogs(() => {
          this.#metrics.dropped();
        });
    this.#overload = new Overload(overload);
    this.#tracing = tracing;
    this.#doorPatienceMs = patience.doorMs;
    this.patienceMs = patience.throughMs;
    this.#watch = setInterval(
      () => {
        this.#refuseLate();
      },
      Math.min(100, patience.doorMs),
    ).unref();
    this.state = aloneState({
      keys: this.#keys,
      secrets: this.#secrets,
      tokens: new TokenCache(tokenCacheBytes),
      ...(this.#redis && { shared: this.#redis }),
      count: (event) => {
        this.#metrics.count(event);
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
    this.#startSources();
    let away = false;
    this.#redis?.start((error) => {
      if (!away) this.#logs.log.error({ error: String(error) }, "the shared store is away");
      away = this.#redis?.ready !== true;
    });
  }

  #startSources(): void {
    this.#keys.start((issuer, error) => {
      this.#logs.log.error({ issuer, error: String(error) }, "keys cannot be fetched");
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
    const breakers = new CircuitBreakers();
    if (same(issuers, plan.issuers) && same(secrets, plan.secrets)) {
      this.state = { ...this.state, breakers };
    } else {
      this.#keys.stop();
      this.#secrets.stop();
      this.#secrets = new Secrets(plan.secrets);
      this.#keys = new RemoteKeys(plan.issuers, this.#secrets, this.#keyTimes);
      this.state.tokens.clear();
      this.state = { ...this.state, breakers, keys: this.#keys, secrets: this.#secrets };
      this.#startSources();
    }
    this.plan = plan;
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

  get stopping(): boolean {
    return this.#stopping;
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
    clearInterval(this.#watch);
    this.#overload.stop();
    this.#keys.stop();
    this.#secrets.stop();
    this.#redis?.stop();
    this.connections.stop();
    await this.#tracing?.stop();
    this.#logs.flush();
  }

  enter(response: ServerResponse): boolean {
    if (this.#stopping) response.setHeader("connection", "close");
    if (this.#overload.enter()) return true;
    this.#metrics.shed();
    return false;
  }

  /** A connection that was handed over is no longer the server's: it ends with the filter. */
  hold(socket: Socket): void {
    this.#handedOver.add(socket);
    socket.once("close", () => this.#handedOver.delete(socket));
  }

  leave(): void {
    this.#overload.leave();
  }

  note(record: ExchangeRecord): void {
    this.#metrics.note(record);
    this.#logs.audit(record);
  }

  fault(error: unknown): void {
    this.#logs.log.error(
      { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
      "a request failed",
    );
  }

  /** An exception anywhere is one refused request, never an allowed one. */
  async door(message: IncomingMessage, response: ServerResponse): Promise<void> {
    message.resume();
    if (!this.enter(response)) {
      send(response, shedAtDoor(message));
      return;
    }
    const question = { response, sinceMs: Date.now() };
    this.#questions.add(question);
    let answer: DoorAnswer = FAILED;
    try {
      const judged = await answerDoor(this.plan, this.state, message);
      if (judged.record) this.note(judged.record);
      ({ answer } = judged);
    } catch (error) {
      this.fault(error);
    }
    // Refused already, where it took too long.
    if (this.#questions.delete(question)) {
      send(response, answer);
      this.leave();
    }
  }

  /** A question that is not answered in time is refused; what is said later is nobody's. */
  #refuseLate(): void {
    const oldestMs = Date.now() - this.#doorPatienceMs;
    for (const question of this.#questions) {
      if (question.sinceMs > oldestMs) break;
      this.#questions.delete(question);
      this.fault(new Error("The decision took too long."));
      send(question.response, FAILED);
      this.leave();
    }
  }

  /** Health and metrics; false for any other path. */
  async admin(message: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const path = pathOf(message.url ?? "");
    if (path === "/actuator/liveness") {
      send(response, { status: 200, headers: {}, body: "live\n" });
    } else if (path === "/actuator/readiness") {
      const { ready } = this;
      send(response, { status: ready ? 200 : 503, headers: {}, body: ready ? "ready\n" : "not ready\n" });
    } else if (path === "/metrics") {
      const body = await this.#metrics.text(this.state, this.#redis?.ready ?? true);
      send(response, { status: 200, headers: { "content-type": this.#metrics.registry.contentType }, body });
    } else {
      return false;
    }
    return true;
  }
}

const FAILED: DoorAnswer = { status: 403, headers: { "x-gateway-reason": "internal" }, body: "" };

function send(response: ServerResponse, { status, headers, body }: DoorAnswer): void {
  response.writeHead(status, { ...headers, "cache-control": "no-store", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

const notFound = (response: ServerResponse): void => {
  send(response, { status: 404, headers: {}, body: "" });
};

const unreadable = (response: ServerResponse): void => {
  send(response, { status: 400, headers: { "content-type": "application/json" }, body: '{"error":"Bad Request"}\n' });
};

const SHED = { "retry-after": "1", "x-gateway-reason": "overload" };

const shed = (message: IncomingMessage, response: ServerResponse): void => {
  message.resume();
  send(response, {
    status: 429,
    headers: { ...SHED, "content-type": "application/json" },
    body: '{"error":"Too Many Requests"}\n',
  });
};

const LIMITS = {
  // Above what a gateway passes on, so that the door never refuses for size what the proxy has accepted.
  maxHeaderSize: 96 * 1024,
  keepAliveTimeout: 120_000,
  requestTimeout: 0,
};

/** Exchanges that are under way when the listeners close may take this long. */
const LAST_MS = 15_000;

type AnyServer = Server | TlsServer;

async function listen(server: AnyServer, port: number, host: string): Promise<number> {
  // A header that is dropped unseen could be the one that refuses.
  server.maxHeadersCount = 0;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** The balancer's own question: any Host, but nobody else may ask, and a client's request has passed it. */
function isHealthCheck({ front }: FilterPlan): (message: IncomingMessage, response: ServerResponse) => boolean {
  const networks = new BlockList();
  for (const network of front.networks) {
    const [address = "", bits] = network.split("/");
    networks.addSubnet(address, Number(bits ?? (isIPv6(address) ? 128 : 32)), isIPv6(address) ? "ipv6" : "ipv4");
  }
  return (message, response) => {
    if (message.url !== front.healthPath || message.headers["x-forwarded-for"] !== undefined) return false;
    const peer = (message.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    if (!networks.check(peer, isIPv6(peer) ? "ipv6" : "ipv4")) return false;
    message.resume();
    send(response, { status: 200, headers: { "content-type": "text/plain" }, body: "healthy" });
    return true;
  };
}

/** What Node's parser refuses: never a request, so it has no form of a system's own. */
function refuseUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const statuses: Record<string, string> = {
    HPE_INVALID_METHOD: "405 Method Not Allowed",
    HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
    ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
  };
  socket.end(
    `HTTP/1.1 ${statuses[error.code ?? ""] ?? "400 Bad Request"}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

/** A listener for whole exchanges, ordinary ones and handshakes. */
function exchanges(
  filter: Filter,
  create: (listener: RequestListener) => AnyServer,
  arrive: (message: IncomingMessage) => Arrived | undefined,
  own: (message: IncomingMessage, response: ServerResponse) => boolean = () => false,
): AnyServer {
  const server = create((message, response) => {
    if (own(message, response)) return;
    const arrived = arrive(message);
    if (!arrived) unreadable(response);
    else if (!filter.enter(response)) shed(message, response);
    else
      void serve(filter, arrived, message, response).finally(() => {
        filter.leave();
      });
  });
  server.on("clientError", refuseUnparsable);
  server.on("upgrade", (message: IncomingMessage, socket: Socket, head: Buffer) => {
    filter.hold(socket);
    const arrived = arrive(message);
    if (arrived) void serveUpgrade(filter, arrived, socket, head);
    else socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  });
  return server;
}

/** Spans, where somebody collects them: the exporter is loaded for nobody else. */
async function tracingOf({ system, environment }: FilterPlan): Promise<Tracing | undefined> {
  const wanted = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].some(
    (name) => process.env[name],
  );
  return wanted ? Tracing.begin(system, environment) : undefined;
}

/** Starts a filter; it listens at once and is ready when it has the keys of every issuer. */
export async function startFilter(options: FilterOptions): Promise<RunningFilter> {
  const { plan, host, gateway } = options;
  const filter = new Filter(options, await tracingOf(plan));
  const servers: AnyServer[] = [];
  const open = async (server: AnyServer, port: number): Promise<number> => {
    const bound = await listen(server, port, host);
    servers.push(server);
    return bound;
  };
  const doorOnly: RequestListener = (message, response) => {
    if (message.url?.startsWith("/door/")) void filter.door(message, response);
    else notFound(response);
  };
  const adminServer = (withDoor: boolean): Server =>
    createServer(LIMITS, (message, response) => {
      if (withDoor && message.url?.startsWith("/door/")) {
        void filter.door(message, response);
        return;
      }
      message.resume();
      void filter.admin(message, response).then((known) => {
        if (!known) notFound(response);
      });
    });
  const plain = (listener: RequestListener): Server => createServer(LIMITS, listener);
  const together = options.adminPort === undefined;
  const port = gateway ? 0 : await open(together ? adminServer(true) : plain(doorOnly), options.port);
  const adminPort = options.adminPort === undefined ? port : await open(adminServer(false), options.adminPort);
  const comesThrough =
    !gateway && options.throughPort !== undefined && plan.hosts.some((h) => h.routes.some((r) => r.through));
  const throughPort = comesThrough
    ? await open(
        exchanges(filter, plain, (message) => fromProxy(message, plan.proxy)),
        options.throughPort ?? 0,
      )
    : undefined;
  let bound: RunningFilter["gateway"];
  if (gateway) {
    const from =
      (scheme: "http" | "https") =>
      (message: IncomingMessage): Arrived | undefined => {
        const request = fromClient(message, scheme, plan.front.hops);
        return request && { request };
      };
    const http = await open(exchanges(filter, plain, from("http")), gateway.http);
    const { certificate } = gateway;
    const secure = (listener: RequestListener): AnyServer =>
      certificate ? createTlsServer({ ...LIMITS, ...certificate }, listener) : plain(listener);
    const https = await open(exchanges(filter, secure, from("https"), isHealthCheck(plan)), gateway.https);
    bound = { http, https };
  }
  filter.start();
  const close = (server: AnyServer): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeIdleConnections();
      setTimeout(() => {
        server.closeAllConnections();
      }, LAST_MS).unref();
    });
  return {
    port,
    throughPort,
    adminPort,
    gateway: bound,
    ready: () => filter.ready,
    reload: (read) => filter.reloadFrom(read),
    stop: async () => {
      filter.drain();
      await sleep(options.drainMs ?? 0);
      filter.endConnections();
      await Promise.all(servers.map(close));
      await filter.stop();
    },
  };
}
