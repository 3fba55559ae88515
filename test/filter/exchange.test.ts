import { once } from "node:events";
import http, { type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import pino from "pino";
import type { ExchangeRecord } from "../../lib/filter/audit";
import { startFilter, type RunningFilter } from "../../lib/filter/server";
import type { FilterPlan } from "../../lib/decision/filter-plan";

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

const CACHE = { kind: "cache" as const, config: { ttl: 60_000, by: "everyone", group: "all", maxBody: 100_000 } };

async function gateway(
  service: number,
  policies: FilterPlan["hosts"][number]["routes"][number]["policies"] = [],
  ofHost: Partial<FilterPlan["hosts"][number]> = {},
): Promise<{ filter: RunningFilter; port: number }> {
  const host = { identityHeaders: [], passedHeaders: [], policies: [], ...ofHost };
  const all = {
    name: "all",
    match: { paths: [{ type: "PathPrefix" as const, value: "/" }] },
    backends: [{ service: "one", weight: 100 }],
    policies,
    through: true,
  };
  const plan: FilterPlan = {
    formatVersion: 7,
    system: "exchanges",
    environment: "test",
    proxy: "nginx",
    issuers: {},
    secrets: {},
    redis: "",
    front: { kind: "none", hops: 0, networks: [], healthPath: "/healthz", tls: "gateway", idleMs: 75_000 },
    services: { one: `127.0.0.1:${String(service)}` },
    hosts: ["exchanges.test", "other.test"].map((name) => ({ ...host, name, routes: [all] })),
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

interface Got {
  status: number;
  text: string;
  trailers: object;
}

function ask(port: number, headers?: Record<string, string>): Promise<Got> {
  return new Promise((resolve, reject) => {
    const request = http.get(asking(port, headers), (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, text, trailers: response.trailers });
      });
    });
    request.once("error", reject).once("response", (response) => response.once("error", reject));
  });
}

const OWN = "Host: exchanges.test\r\nX-Gateway-Client: 198.51.100.7\r\nX-Gateway-Route: all\r\n";

/** What comes back for these bytes, until the connection ends or `enough` has come. */
function sendRaw(port: number, text: string, enough?: RegExp): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    const end = (): void => {
      socket.destroy();
      resolve(got);
    };
    socket.setTimeout(10_000, end);
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      if (enough?.test(got)) end();
    });
    socket.on("close", end);
    socket.on("error", end);
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

const checked: RequestListener = (_message, response) => {
  response.writeHead(200, { trailer: "X-Checksum" });
  response.write("body");
  response.addTrailers({ "X-Checksum": "42" });
  response.end();
};

test("no trailers are told of where the answer is kept", async () => {
  const { port } = await gateway(await listening(checked), [CACHE]);
  for (let i = 0; i < 2; i++) expect(await ask(port)).toEqual({ status: 200, text: "body", trailers: {} });
});

test("nor to a client of HTTP/1.0, which knows none", async () => {
  const { port } = await gateway(await listening(checked));
  const got = await sendRaw(port, `GET /a HTTP/1.0\r\n${OWN}\r\n`);
  expect(got).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(got).toMatch(/\r\n\r\nbody$/);
  expect(got.toLowerCase()).not.toContain("checksum");
});

test("a service that breaks off an answer that was to be kept has given none", async () => {
  const service = await listening((_message, response) => {
    response.writeHead(200, { "content-length": "100" });
    response.write("half");
    setTimeout(() => response.destroy(), 20);
  });
  const { port } = await gateway(service, [CACHE]);
  expect((await ask(port)).status).toBe(502);
  expect(log).toEqual([expect.objectContaining({ status: 502, reason: "no-answer", service: "one" })]);
});

test("an answer that pauses for longer than it may breaks off, and one that may pause at will does not", async () => {
  const service = await listening((_message, response) => {
    response.writeHead(200, { "content-length": "8" });
    response.write("half");
    setTimeout(() => response.end("more"), 600);
  });
  for (const [idle, outcome] of [
    [150, "broken"],
    [null, "halfmore"],
    [5_000, "halfmore"],
  ] as const) {
    const { port } = await gateway(service, [{ kind: "timeouts", config: { firstByte: 100, idle } }]);
    expect(
      await ask(port).then(
        ({ text }) => text,
        () => "broken",
      ),
    ).toBe(outcome);
  }
});

test("what one host was answered is not another's", async () => {
  const service = await listening((message, response) => response.end(message.headers.host));
  const { port } = await gateway(service, [CACHE]);
  for (const host of ["exchanges.test", "other.test", "exchanges.test"])
    expect((await ask(port, { host })).text).toBe(host);
});

test("those who wait for a call whose client leaves make one call more, and no two", async () => {
  let calls = 0;
  const service = await listening((_message, response) => {
    calls += 1;
    setTimeout(() => response.end("late"), 200);
  });
  const { port } = await gateway(service, [CACHE]);
  const leader = http.get(asking(port));
  leader.on("error", () => undefined);
  await sleep(50);
  const others = Array.from({ length: 5 }, () => ask(port));
  await sleep(50);
  leader.destroy();
  expect((await Promise.all(others)).map(({ text }) => text)).toEqual(Array(5).fill("late"));
  expect(calls).toBe(2);
});

/** Node takes the body from whoever offers another protocol: it would be missing at the service, or be read as a request. */
describe.each(["h2c", "websocket", "anything"])("a body in a request that offers %s", (protocol) => {
  const smuggled = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
  const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;

  test.each([
    ["with a length", `Content-Length: ${String(smuggled.length)}\r\n\r\n${smuggled}`],
    ["in chunks", `Transfer-Encoding: chunked\r\n\r\n${chunk}`],
  ])("never gets lost on its way, %s", async (_, framed) => {
    const seen: string[] = [];
    const service = await listening((message, response) => {
      let body = "";
      message.on("data", (part: Buffer) => (body += part.toString()));
      message.once("end", () => {
        seen.push(`${message.url ?? ""} ${body}`);
        response.end("ok");
      });
    });
    const { port } = await gateway(service);
    const upgrade = `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
    const answer = await sendRaw(port, `POST /one HTTP/1.1\r\n${OWN}${upgrade}${framed}`);
    expect(answer).toMatch(protocol === "websocket" ? /^HTTP\/1.1 400 / : /^HTTP\/1.1 200 /);
    expect(answer.match(/HTTP\/1.1/g)).toHaveLength(1);
    expect(seen).toEqual(protocol === "websocket" ? [] : [`/one ${smuggled}`]);
  });
});

test("nothing is heard on a connection behind an offer that was passed over", async () => {
  const seen: string[] = [];
  const service = await listening((message, response) => {
    seen.push(message.url ?? "");
    message.resume();
    setTimeout(() => response.end("ok"), 100);
  });
  const { port } = await gateway(service);
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  const ended = new Promise((resolve) => socket.once("end", resolve));
  const offer = "Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n\r\nabc";
  socket.write(`POST /one HTTP/1.1\r\n${OWN}${offer}GET /half HTTP/1.1\r\n`);
  await sleep(30);
  socket.write(`GET /after HTTP/1.1\r\n${OWN}\r\n`);
  await ended;
  socket.destroy();
  expect(answer.match(/HTTP\/1.1 200/g)).toHaveLength(1);
  expect(answer).toMatch(/^connection: close/im);
  expect(seen).toEqual(["/one"]);
});

/** Bytes that nobody reads would keep the connection, and its descriptor, for ever. */
test("a refused handshake with a body leaves no connection", async () => {
  const service = await listening((_message, response) => response.end("ok"));
  const { port } = await gateway(service);
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
  const before = sockets();
  const socket = connect({ port, host: "127.0.0.1" });
  socket.write(`GET /ws HTTP/1.1\r\n${OWN}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\n`);
  const answer = await new Promise<string>((resolve) =>
    socket.once("data", (chunk: Buffer) => {
      resolve(chunk.toString());
    }),
  );
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  socket.end("abcd");
  await once(socket, "close");
  await until(() => sockets() <= before);
  expect(sockets()).toBeLessThanOrEqual(before);
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
  expect(log).toEqual([
    expect.objectContaining({ status: 0, reason: "not-answered", path: "/a", route: "all", service: "one" }),
  ]);
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

describe.each([
  ["with a length", "Content-Length: 100000\r\n\r\nxxxx"],
  ["in chunks", "Transfer-Encoding: chunked\r\n\r\n4\r\nxxxx\r\n"],
])("a client that leaves in the middle of a body %s", (_, body) => {
  test.each<[string, RequestListener]>([
    ["answered without it", (_message, response) => response.end("early")],
    ["not answered", () => undefined],
    ["read and not answered", (message) => message.resume()],
  ])("leaves no connection to a service that has %s", async (_what, listener) => {
    let open = 0;
    const service = http.createServer(listener);
    service.on("connection", (socket) => {
      open += 1;
      socket.once("close", () => (open -= 1));
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    cleanUp.push(() => {
      service.closeAllConnections();
      return new Promise((resolve) => service.close(resolve));
    });
    const { port } = await gateway((service.address() as AddressInfo).port);
    const clients = Array.from({ length: 20 }, () => connect(port, "127.0.0.1"));
    for (const client of clients) {
      client.on("error", () => undefined);
      client.write(`POST /a HTTP/1.1\r\n${OWN}${body}`);
    }
    await until(() => open === clients.length);
    expect(open).toBe(clients.length);
    await sleep(50);
    for (const client of clients) client.destroy();
    await until(() => open === 0);
    expect(open).toBe(0);
  });
});

test("whoever reaches the through port says neither who calls nor how a service is steered", async () => {
  let heard: string[] = [];
  const service = await listening((message, response) => {
    heard = Object.keys(message.headers);
    response.end("ok");
  });
  const hygiene = { kind: "headerHygiene" as const, config: { drop: ["x-drop"], single: [], pass: [] } };
  const { port } = await gateway(service, [], { identityHeaders: ["x-user-id"], policies: [hygiene] });
  const said = ["x-user-id", "x_user_id", "x-drop", "x-original-url", "x-accel-redirect", "x-envoy-max-retries"];
  const { status } = await ask(port, Object.fromEntries([...said, "x-own"].map((name) => [name, "a"])));
  expect(status).toBe(200);
  expect(heard).toContain("x-own");
  expect(heard.filter((name) => said.includes(name))).toEqual([]);
});

// Node's parser reads some forms of a handshake as none; a route that was chosen for a handshake must not carry anything else.
test.each(["Connection: Upgrade\t", "Connection: Upgrade\t,keep-alive"])(
  "what is judged as a handshake is not carried as a plain request: %j",
  async (connection) => {
    let calls = 0;
    const service = await listening((_message, response) => {
      calls += 1;
      response.end("called");
    });
    const { port } = await gateway(service, [{ kind: "webSocket", config: { allowed: true, idle: 60_000 } }]);
    const got = await sendRaw(
      port,
      `GET / HTTP/1.1\r\n${OWN}Upgrade: websocket\r\n${connection}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      /^HTTP.*\r\n/,
    );
    expect([got.slice(0, 12), calls]).toEqual(["HTTP/1.1 400", 0]);
  },
);
