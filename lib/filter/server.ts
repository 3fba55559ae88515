import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import type { FilterPlan } from "../decision/filter-plan";
import { DIRECTORY } from "./upstream/connections";
import { DoorMessage } from "./door";
import { Filter, type CoreOptions } from "./filter";
import { fromGatewayApi } from "./from-gateway-api";
import { fromIngressNginx } from "./from-ingress-nginx";
import { fromKong } from "./from-kong";
import { ClientMessage, fromClient, fromProxy } from "./incoming";
import {
  clientLimits,
  close,
  exchanges,
  HANDSHAKE_MS,
  isHealthCheck,
  LIMITS,
  listen,
  MOST_ADMIN_CONNECTIONS,
  type AnyServer,
} from "./listeners";
import { filesOfSecret, OwnCertificates, type CertificateFiles } from "./own-certificates";
import { notFound } from "./plain-answer";
import { expectAnnouncements } from "./proxy-protocol";
import { Reports } from "./reports";
import type { Arrived } from "./through";
import type { Tracing } from "./tracing";

export interface FilterOptions extends CoreOptions {
  host: string;
  /** The door. */
  port: number;
  /** Where whole routes come through from a proxy. */
  throughPort?: number;
  /** Where a proxy tells how exchanges have ended, by UDP and TCP, if the plan wants that. */
  reportPort?: number;
  /** Health and metrics; a free one when it is not given. */
  adminPort?: number;
  /** The gateway's own listeners, where there is no proxy. */
  gateway?: { http: number; https: number; certificate?: CertificateFiles };
  /** How long a stopping filter still takes requests after it has said that it is not ready, in milliseconds. */
  drainMs?: number;
}

export interface RunningFilter {
  port: number;
  throughPort: number | undefined;
  reportPort: number | undefined;
  adminPort: number;
  gateway: { http: number; https: number } | undefined;
  ready(): boolean;
  /** Takes the plan that this gives; false where it cannot, and the old one stays. */
  reload(read: () => FilterPlan | Promise<FilterPlan>): Promise<boolean>;
  stop(): Promise<void>;
}

/** Spans, where somebody collects them: the exporter is loaded for nobody else. */
async function tracingOf({ system, environment }: FilterPlan): Promise<Tracing | undefined> {
  const wanted = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].some(
    (name) => process.env[name],
  );
  return wanted ? (await import("./tracing.js")).Tracing.begin(system, environment) : undefined;
}

/** What the gateway's hosts show; throws before anything listens where the certificate of all cannot be used. */
function shownBy(
  { plan, gateway, certificates = DIRECTORY }: FilterOptions,
  onFault: (error: unknown) => void,
): OwnCertificates | undefined {
  if (!gateway?.certificate) return undefined;
  const own = plan.hosts.flatMap(({ name, certificate }) =>
    certificate === undefined ? [] : [[name, filesOfSecret(certificates, certificate)] as const],
  );
  return new OwnCertificates(gateway.certificate, Object.fromEntries(own), onFault);
}

/** A listener that shows each host's certificate. */
function tlsServer(limits: object, shown: OwnCertificates, listener: RequestListener): TlsServer {
  const server = createTlsServer(
    {
      ...limits,
      ...shown.forAll,
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback: (name, answer) => {
        answer(null, shown.contextFor(name));
      },
    },
    listener,
  );
  shown.watch(server);
  return server;
}

/** Starts a filter; it listens at once and is ready when it has the keys of every issuer. */
export async function startFilter(options: FilterOptions): Promise<RunningFilter> {
  const { plan, host, gateway } = options;
  const shown = shownBy(options, (error) => {
    filter.fault(error);
  });
  const filter = new Filter(options, await tracingOf(plan));
  filter.shown = shown;
  const servers: AnyServer[] = [];
  const open = async (server: AnyServer, port: number): Promise<number> => {
    const bound = await listen(server, port, host);
    servers.push(server);
    return bound;
  };
  const doorOnly: RequestListener = (message, response) => {
    if (message.url?.startsWith("/door/")) filter.door.answer(message, response);
    else notFound(response);
  };
  const health: RequestListener = (message, response) => {
    message.resume();
    void filter.admin(message, response).then((known) => {
      if (!known) notFound(response);
    });
  };
  const plain = (listener: RequestListener): Server => createServer(LIMITS, listener);
  const ofProxy = (listener: RequestListener): Server =>
    createServer({ ...LIMITS, IncomingMessage: ClientMessage }, listener);
  // Its Host is a header like all others there: the door itself refuses questions without one.
  const door = { ...LIMITS, IncomingMessage: DoorMessage, requireHostHeader: false };
  const port = gateway ? 0 : await open(createServer(door, doorOnly), options.port);
  const admin = plain(health);
  admin.maxConnections = MOST_ADMIN_CONNECTIONS;
  const adminPort = await open(admin, options.adminPort ?? 0);
  const fromBehind = (message: IncomingMessage): Arrived | undefined => {
    if (plan.proxy === "kong") return fromKong(message, plan.front);
    if (plan.proxy === "gateway-api") return fromGatewayApi(message, plan.front);
    return plan.proxy === "ingress-nginx" ? fromIngressNginx(message, plan.front) : fromProxy(message);
  };
  const throughPort =
    gateway || options.throughPort === undefined
      ? undefined
      : await open(exchanges(filter, ofProxy, fromBehind), options.throughPort);
  const reports = new Reports((line) => {
    filter.ended(line);
  });
  const reportPort =
    plan.reports && options.reportPort !== undefined ? await reports.listen(host, options.reportPort) : undefined;
  let bound: RunningFilter["gateway"];
  if (gateway) {
    const from =
      (scheme: "http" | "https") =>
      (message: IncomingMessage): Arrived | undefined => {
        const request = fromClient(message, scheme, filter.plan.front);
        return request && { request };
      };
    const limits = { ...clientLimits(plan), IncomingMessage: ClientMessage };
    const toClients = (listener: RequestListener): Server => createServer(limits, listener);
    const ofBalancer = (server: AnyServer): AnyServer => {
      if (plan.front.kind === "nlb") expectAnnouncements(server, HANDSHAKE_MS);
      return server;
    };
    const http = await open(ofBalancer(exchanges(filter, toClients, from("http"))), gateway.http);
    const secure = (listener: RequestListener): AnyServer =>
      shown ? tlsServer(limits, shown, listener) : toClients(listener);
    const https = await open(ofBalancer(exchanges(filter, secure, from("https"), isHealthCheck(plan))), gateway.https);
    bound = { http, https };
  }
  filter.start();
  return {
    port,
    throughPort,
    reportPort,
    adminPort,
    gateway: bound,
    ready: () => filter.ready,
    reload: (read) => filter.reloadFrom(read),
    stop: async () => {
      filter.drain();
      await sleep(options.drainMs ?? 0);
      filter.endConnections();
      await Promise.all(servers.map(close));
      // The last to go: what has ended meanwhile is told as well.
      await reports.stop();
      shown?.stop();
      await filter.stop();
    },
  };
}
