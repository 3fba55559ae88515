import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import { formatDiagnostic } from "../../lib/diagnostics";
import { startFilter, type RunningFilter } from "../../lib/filter/server";
import type { GatewayInput, GatewayModel } from "../../lib/model";
import { readPlan } from "../../lib/decision/plan-text";
import { compile } from "../../lib/targets";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { ISSUER, goodKeys, keySet, make, type Making } from "../identity/token-maker";
import { goodModel } from "../support";

/** Real filters in this process, each behind the door that its proxy uses, and bytes as nobody's library would send them. */

export const FORMS = ["nginx", "nginx-with-body", "envoy"] as const;
export type Form = (typeof FORMS)[number];
const PLAN_OF: Readonly<Record<Form, string>> = {
  nginx: "nginx/",
  "nginx-with-body": "nginx/",
  envoy: "istio/",
};

export const HOST = "api.shop.test";
export const LIMIT = 5;

type RateLimit = NonNullable<NonNullable<GatewayInput["routes"][number]["policies"]>["rateLimit"]>;

function model(keyServer: number): GatewayModel {
  const limit = (name: string, key: "user" | "clientAddress"): RateLimit => ({
    limits: [{ name, requests: LIMIT, per: "1h", scope: "replica", key: [key] }],
  });
  return goodModel({
    name: "shop",
    targets: ["nginx", "istio"],
    environments: ["production"],
    hosts: { [HOST]: {}, "other.shop.test": {} },
    issuers: {
      main: {
        issuer: ISSUER,
        jwks: { url: `http://127.0.0.1:${String(keyServer)}/keys`, allowHttp: true },
        audiences: ["api"],
        algorithms: ["RS256", "ES256", "EdDSA"],
        requestAuthentication: true,
        type: { claim: "typ", value: "Bearer" },
        roles: "realm.roles",
        scopes: "scope",
      },
    },
    services: { shop: { address: "shop.default.svc.cluster.local:3000" } },
    policies: {
      cors: { origins: ["https://app.shop.test"] },
      jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
    },
    routes: [
      {
        name: "public",
        match: { prefix: ["/public"] },
        service: "shop",
        policies: { jwt: { mode: "optional", issuers: ["main"] } },
      },
      {
        name: "orders",
        match: { prefix: ["/orders"] },
        service: "shop",
        policies: { tenant: { headers: { "x-tenant-id": "tenant" } } },
      },
      {
        name: "orders-write",
        match: { prefix: ["/orders"], methods: ["POST", "PUT", "PATCH", "DELETE"] },
        service: "shop",
        policies: {
          tenant: { headers: { "x-tenant-id": "tenant" } },
          authorization: { anyOf: [{ roles: ["writer"] }] },
        },
      },
      {
        name: "admin",
        match: { prefix: ["/admin"] },
        service: "shop",
        policies: { authorization: { anyOf: [{ roles: ["admin"] }] } },
      },
      {
        name: "limited",
        match: { prefix: ["/limited"] },
        service: "shop",
        policies: { rateLimit: limit("calls", "user") },
      },
      {
        name: "login",
        match: { prefix: ["/login"] },
        service: "shop",
        policies: { jwt: { mode: "optional", issuers: ["main"] }, rateLimit: limit("login", "clientAddress") },
      },
      {
        name: "judged",
        match: { prefix: ["/judged"], methods: ["POST"] },
        service: "shop",
        policies: {
          bodySchema: {
            schema: { type: "object", required: ["a"], properties: { a: { type: "integer" } } },
            maxBody: "1KiB",
          },
        },
      },
      { name: "graphql", match: { exact: ["/graphql"] }, service: "shop" },
      { name: "ws", match: { exact: ["/ws"] }, service: "shop", policies: { webSocket: { allowed: true } } },
    ],
  });
}

/** A token that is good now. */
export function fresh({ claims = {}, ...making }: Making = {}): string {
  const now = Math.floor(Date.now() / 1000);
  return make({ alg: "ES256", ...making, claims: { iat: now, exp: now + 300, ...claims } });
}

/** What a proxy asks; whatever is left out is as in a good request. */
export interface Question {
  method?: string;
  target?: string;
  /** The route that the proxy has chosen. */
  route?: string;
  host?: string;
  client?: string;
  /** `null` for none. */
  token?: string | null;
  /** More lines of the head, as they are. */
  lines?: readonly string[];
  /** Lines of the proxy's own that are left out. */
  missing?: readonly string[];
  body?: string;
}

/** The bytes of a question, one byte for each character. */
export function bytesOf(form: Form, question: Question): Buffer {
  const { method = "GET", target = "/orders/1", route = "orders", host = HOST, client = "203.0.113.7" } = question;
  const { token = fresh(), lines = [], missing = [], body = "" } = question;
  const own: [string, string][] = [
    ["Host", host],
    ...(form !== "envoy"
      ? ([
          ["X-Gateway-Method", method],
          ["X-Gateway-Target", target],
        ] as [string, string][])
      : []),
    ["X-Gateway-Client", client],
    ["X-Gateway-Route", route],
    ["Connection", "close"],
    ...(body === "" ? [] : ([["Content-Length", String(body.length)]] as [string, string][])),
    ...(token === null ? [] : ([["Authorization", `Bearer ${token}`]] as [string, string][])),
  ];
  const first = {
    nginx: "GET /door/nginx HTTP/1.1",
    "nginx-with-body": `${method} /door/nginx-with-body HTTP/1.1`,
    envoy: `${method} /door/envoy${target} HTTP/1.1`,
  }[form];
  const head = own.filter(([name]) => !missing.includes(name)).map(([name, value]) => `${name}: ${value}`);
  return Buffer.from(`${[first, ...head, ...lines].join("\r\n")}\r\n\r\n${body}`, "latin1");
}

export interface Answer {
  /** Of every answer on the connection. */
  statuses: number[];
  text: string;
  /** Values of all header lines of that name. */
  header: (name: string) => string[];
}

/** How long a connection may say nothing: before its first answer, and after it. */
const FIRST_MS = 700;
const NEXT_MS = 60;

/** Sends bytes and reads until the other side closes, or says no more. */
export function exchange(port: number, bytes: Buffer): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    let text = "";
    const end = (): void => {
      socket.destroy();
      const statuses = [...text.matchAll(/HTTP\/1\.1 ([2-9]\d\d) /g)].map(([, status]) => Number(status));
      const header = (name: string): string[] =>
        [...text.matchAll(new RegExp(`^${name}: *(.*?)\\r$`, "gim"))].map(([, value]) => value ?? "");
      resolve({ statuses, text, header });
    };
    socket.setTimeout(FIRST_MS, end);
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      socket.setTimeout(NEXT_MS);
    });
    socket.on("error", end);
    socket.on("close", end);
  });
}

export interface AuditLine {
  audit?: boolean;
  status?: number;
  reason?: string;
  level: number;
  user?: string;
}

export interface Stand {
  /** The keys' server has been asked so many times. */
  fetches(): number;
  log: AuditLine[];
  ask(form: Form, question: Question | Buffer): Promise<Answer>;
  stop: () => Promise<void>;
}

export async function startStand(): Promise<Stand> {
  let fetches = 0;
  const keyServer = await startKeyServer(() => {
    fetches += 1;
    return keySet(...goodKeys);
  });
  const log: AuditLine[] = [];
  const filters: [Form, RunningFilter][] = [];
  const stop = async (): Promise<void> => {
    for (const [, filter] of filters) await filter.stop();
    await keyServer.stop();
  };
  try {
    const { value, diagnostics } = compile(model(keyServer.port), "production");
    if (!value) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
    for (const form of FORMS) {
      const file = value.files.find(({ path }) => path.startsWith(PLAN_OF[form]) && path.endsWith("filter.json"));
      const filter = await startFilter({
        plan: readPlan(file?.content ?? ""),
        host: "127.0.0.1",
        port: 0,
        // Nothing listens there: no promise of this model needs the shared store.
        redis: "redis://127.0.0.1:1",
        log: pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line) as AuditLine) }),
      });
      filters.push([form, filter]);
    }
    while (!filters.every(([, filter]) => filter.ready())) await sleep(10);
  } catch (error) {
    await stop();
    throw error;
  }
  const ports = Object.fromEntries(filters.map(([form, { port }]) => [form, port])) as Record<Form, number>;
  return {
    fetches: () => fetches,
    log,
    ask: (form, question) => exchange(ports[form], Buffer.isBuffer(question) ? question : bytesOf(form, question)),
    stop,
  };
}
