import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import pino, { type Logger } from "pino";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { pathOf, type State } from "../policy";
import { MemoryCounters } from "../policy/rate";
import type { FilterPlan } from "../policy/filter-plan";
import { answerDoor, type DoorAnswer, type DoorRecord } from "./door";
import { RemoteKeys } from "./keys";
import { RedisCounters } from "./redis-counters";

export interface FilterOptions {
  plan: FilterPlan;
  host: string;
  port: number;
  redis: string;
  log?: Logger;
}

export interface RunningFilter {
  port: number;
  ready(): boolean;
  stop(): Promise<void>;
}

function newMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    requests: new Counter({
      name: "http_requests_total",
      help: "Requests decided at the door, by route and decision.",
      labelNames: ["service", "method", "route", "status"],
      registers,
    }),
    seconds: new Histogram({
      name: "http_request_duration_seconds",
      help: "Time to decide at the door.",
      labelNames: ["method", "route", "status"],
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
      registers,
    }),
    refusals: new Counter({
      name: "gateway_refusals_total",
      help: "Refusals at the door, by reason.",
      labelNames: ["reason"],
      registers,
    }),
    storeUp: new Gauge({ name: "gateway_counter_store_up", help: "1 while the shared counters answer.", registers }),
  };
}

/** Metric labels are bounded: what no route or list names is one word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

class Filter {
  readonly #keys: RemoteKeys;
  readonly #shared: RedisCounters;
  readonly #metrics = newMetrics();
  readonly #state: State;
  readonly #log: Logger;
  #stopping = false;

  constructor(private readonly options: FilterOptions) {
    this.#keys = new RemoteKeys(options.plan.issuers);
    this.#shared = new RedisCounters(options.redis);
    this.#log = options.log ?? pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime });
    this.#state = {
      nowMs: Date.now,
      keys: this.#keys,
      shared: this.#shared,
      local: new MemoryCounters(),
    };
  }

  get ready(): boolean {
    return !this.#stopping && this.#keys.ready;
  }

  start(): void {
    this.#keys.start((issuer, error) => {
      this.#log.error({ issuer, error: String(error) }, "keys cannot be fetched");
    });
    let away = false;
    this.#shared.start((error) => {
      if (!away) this.#log.error({ error: String(error) }, "the counters' store is away");
      away = !this.#shared.ready;
    });
  }

  stop(): void {
    this.#stopping = true;
    this.#keys.stop();
    this.#shared.stop();
  }

  async handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    message.resume();
    const path = pathOf(message.url ?? "");
    if (path.startsWith("/door/")) {
      this.#send(response, await this.#door(message));
    } else if (path === "/actuator/liveness") {
      this.#send(response, { status: 200, headers: {}, body: "live\n" });
    } else if (path === "/actuator/readiness") {
      this.#send(response, {
        status: this.ready ? 200 : 503,
        headers: {},
        body: this.ready ? "ready\n" : "not ready\n",
      });
    } else if (path === "/metrics") {
      this.#metrics.storeUp.set(this.#shared.ready ? 1 : 0);
      const headers = { "content-type": this.#metrics.registry.contentType };
      this.#send(response, { status: 200, headers, body: await this.#metrics.registry.metrics() });
    } else {
      this.#send(response, { status: 404, headers: {}, body: "" });
    }
  }

  /** An exception anywhere is one refused request, never an allowed one. */
  async #door(message: IncomingMessage): Promise<DoorAnswer> {
    const start = process.hrtime.bigint();
    try {
      const { answer, record } = await answerDoor(this.options.plan, this.#state, message);
      if (record) this.#note(record, Number(process.hrtime.bigint() - start) / 1e6);
      return answer;
    } catch (error) {
      this.#log.error({ error: String(error) }, "a request could not be decided");
      return { status: 403, headers: { "x-gateway-reason": "internal" }, body: "" };
    }
  }

  #note(record: DoorRecord, ms: number): void {
    const { request, requestId, route, status, reason, user, tenant } = record;
    const host = this.options.plan.hosts.find((h) => h.name === request.host);
    const service = host?.routes.find((r) => r.name === route)?.backends[0]?.service ?? "";
    const labels = { method: METHODS.has(request.method) ? request.method : "other", route, status: String(status) };
    this.#metrics.requests.inc({ ...labels, service });
    this.#metrics.seconds.observe(labels, ms / 1000);
    if (reason !== "allowed") this.#metrics.refusals.inc({ reason });
    const path = pathOf(request.target);
    const { method, client } = request;
    this.#log.info({
      audit: true,
      requestId,
      method,
      host: request.host,
      path,
      route,
      status,
      reason,
      user,
      tenant,
      client,
      ms,
    });
  }

  #send(response: ServerResponse, { status, headers, body }: DoorAnswer): void {
    response.writeHead(status, { ...headers, "cache-control": "no-store", "content-length": Buffer.byteLength(body) });
    response.end(body);
  }
}

/** Starts a filter; it listens at once and is ready when it has the keys of every issuer. */
export async function startFilter(options: FilterOptions): Promise<RunningFilter> {
  const filter = new Filter(options);
  const server: Server = createServer(
    // Above what a gateway passes on, so that the door never refuses for size what the proxy has accepted.
    { maxHeaderSize: 64 * 1024, keepAliveTimeout: 120_000, requestTimeout: 0 },
    (message, response) => {
      filter.handle(message, response).catch(() => {
        response.destroy();
      });
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  filter.start();
  return {
    port: (server.address() as AddressInfo).port,
    ready: () => filter.ready,
    stop: () => {
      filter.stop();
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeIdleConnections();
        setTimeout(() => {
          server.closeAllConnections();
        }, 5_000).unref();
      });
    },
  };
}
