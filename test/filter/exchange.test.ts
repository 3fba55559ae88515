import http, { type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import type { ExchangeRecord } from "../../lib/filter/audit";
import { startFilter, type RunningFilter } from "../../lib/filter/server";
import type { FilterPlan } from "../../lib/policy/filter-plan";

/** Exchanges that go through: what belongs to them beside status, headers and body. */

const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const stop of cleanUp.splice(0).reverse()) await stop();
});

async function listening(listener: RequestListener): Promise<number> {
  const server: Server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const log: ExchangeRecord[] = [];

async function gateway(service: number): Promise<{ filter: RunningFilter; port: number }> {
  const plan: FilterPlan = {
    formatVersion: 2,
    system: "exchanges",
    environment: "test",
    proxy: "nginx",
    issuers: {},
    secrets: {},
    redis: "",
    front: { kind: "none", hops: 0, networks: [], healthPath: "/healthz", tls: "gateway" },
    services: { one: `127.0.0.1:${String(service)}` },
    hosts: [
      {
        name: "exchanges.test",
        identityHeaders: [],
        policies: [],
        routes: [
          {
            name: "all",
            match: { paths: [{ type: "PathPrefix", value: "/" }] },
            backends: [{ service: "one", weight: 100 }],
            policies: [],
            through: true,
          },
        ],
      },
    ],
  };
  log.length = 0;
  const filter = await startFilter({
    plan,
    host: "127.0.0.1",
    port: 0,
    throughPort: 0,
    log: pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line) as ExchangeRecord) }),
  });
  cleanUp.push(() => filter.stop());
  return { filter, port: filter.throughPort ?? 0 };
}

const asking = (port: number, headers: Record<string, string> = {}): http.RequestOptions => ({
  port,
  host: "127.0.0.1",
  path: "/a?b=c",
  agent: false,
  headers: { host: "exchanges.test", "x-gateway-client": "198.51.100.7", "x-gateway-route": "all", ...headers },
});

function ask(
  port: number,
  headers?: Record<string, string>,
): Promise<{ status: number; text: string; trailers: object }> {
  return new Promise((resolve, reject) => {
    const request = http.get(asking(port, headers), (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, text, trailers: response.trailers });
      });
    });
    request.once("error", reject);
  });
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !holds(); i++) await sleep(10);
}

test("trailers of the service come behind its body", async () => {
  const service = await listening((_message, response) => {
    response.writeHead(200, { trailer: "X-Checksum" });
    response.write("body");
    response.addTrailers({ "X-Checksum": "42" });
    response.end();
  });
  const { port } = await gateway(service);
  expect(await ask(port)).toEqual({ status: 200, text: "body", trailers: { "x-checksum": "42" } });
});

test("a client that leaves takes the call to the service with it, and the log says so", async () => {
  let left = false;
  const service = await listening((message) => {
    message.socket.once("close", () => (left = true));
  });
  const { port } = await gateway(service);
  const request = http.get(asking(port));
  request.on("error", () => undefined);
  await sleep(100);
  request.destroy();
  await until(() => left && log.length > 0);
  expect(left).toBe(true);
  expect(log).toEqual([expect.objectContaining({ status: 0, decision: "refuse", reason: "not-answered", path: "/a" })]);
});

test("a client that leaves in the middle of the answer ends it at the service too", async () => {
  let left = false;
  const service = await listening((_message, response) => {
    const timer = setInterval(() => response.write("x".repeat(1_000)), 10);
    response.once("close", () => {
      clearInterval(timer);
      left = true;
    });
  });
  const { port } = await gateway(service);
  const request = http.get(asking(port), (response) => {
    response.once("data", () => request.destroy());
    response.on("error", () => undefined);
  });
  request.on("error", () => undefined);
  await until(() => left);
  expect(left).toBe(true);
});

interface SpanSent {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
}

/** A collector of OTLP over HTTP with JSON. */
async function collector(spans: SpanSent[]): Promise<string> {
  const port = await listening((message, response) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.once("end", () => {
      const sent = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
        resourceSpans: { scopeSpans: { spans: SpanSent[] }[] }[];
      };
      spans.push(...sent.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)));
      response.writeHead(200, { "content-type": "application/json" });
      response.end("{}");
    });
  });
  return `http://127.0.0.1:${String(port)}`;
}

test("an exchange is a span of the caller's trace, and the service's parent", async () => {
  const spans: SpanSent[] = [];
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = await collector(spans);
  let seen: IncomingHttpHeaders = {};
  const service = await listening((message, response) => {
    seen = message.headers;
    response.end("{}");
  });
  try {
    const { filter, port } = await gateway(service);
    const [trace, parent] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    expect((await ask(port, { traceparent: `00-${trace}-${parent}-01` })).status).toBe(200);
    // What waits is sent at the end.
    await filter.stop();
    expect(spans).toHaveLength(1);
    const [span] = spans as [SpanSent];
    expect(span).toMatchObject({ traceId: trace, parentSpanId: parent, name: "GET all" });
    expect(seen["traceparent"]).toBe(`00-${trace}-${span.spanId}-01`);
    const attributes = Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
    expect(attributes).toMatchObject({ "http.response.status_code": 200, "url.path": "/a", "peer.service": "one" });
    expect(JSON.stringify(span)).not.toContain("b=c");
  } finally {
    delete process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  }
});
