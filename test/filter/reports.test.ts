import { createSocket } from "node:dgram";
import http2 from "node:http2";
import http from "node:http";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import pino from "pino";
import { readTicket, ticketText, type ReportLine } from "../../lib/decision/report";
import type { FilterPlan } from "../../lib/decision/filter-plan";
import { readAccessLogs, STREAM_PATH } from "../../lib/filter/envoy-access-log";
import { readNginxLine } from "../../lib/filter/reports";
import { startFilter, type RunningFilter } from "../../lib/filter/server";
import { circuitBreaker } from "../../lib/policy/kinds/circuit-breaker";

/** How exchanges have ended that a proxy has carried: what it says, and what the filter makes of it. */

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const done of cleanUp.splice(0).reverse()) await done();
});

const nginxLine = (values: object): Buffer =>
  Buffer.from(
    `<190>Nov 28 18:00:00 gateway: ${JSON.stringify({ ticket: "t", method: "GET", status: 200, time: "0.012", ...values })}`,
  );

describe("nginx's lines", () => {
  test.each<[string, object, string]>([
    ["a service that has answered", { headerTimes: "0.010" }, "service"],
    ["a service's own 502", { status: 502, headerTimes: "0.010" }, "service"],
    ["no connection, a reset or a time-out", { status: 502, headerTimes: "-", upstreamStatuses: "502" }, "nobody"],
    ["the same where a route says something else for it", { headerTimes: "-", upstreamStatuses: "504" }, "nobody"],
    ["a second try that was answered", { headerTimes: "-, 0.004" }, "service"],
    ["a last try that was not", { status: 504, headerTimes: "0.004, -", upstreamStatuses: "503, 504" }, "nobody"],
    ["another group of servers", { headerTimes: "- : 0.004" }, "service"],
    ["a client that has left", { status: 499, headerTimes: "-", upstreamStatuses: "-" }, "proxy"],
    ["an answer of nginx itself", { status: 413, headerTimes: "" }, "proxy"],
    ["an upload that is broken off", { status: 400, headerTimes: "-", upstreamStatuses: "-" }, "proxy"],
    [
      "an upload that is too large, while it goes on",
      { status: 413, headerTimes: "-", upstreamStatuses: "-" },
      "proxy",
    ],
    ["an upload that stalls", { status: 408, headerTimes: "-", upstreamStatuses: "-" }, "proxy"],
  ])("%s", (_, values, answeredBy) => {
    expect(readNginxLine(nginxLine(values))?.report.answeredBy).toBe(answeredBy);
  });

  test("status, method and time", () => {
    const line = readNginxLine(nginxLine({ status: 201, method: "POST", headerTimes: "0.010" }));
    expect(line).toEqual({ ticket: "t", method: "POST", report: { answeredBy: "service", status: 201 }, ms: 12 });
  });

  test("a handshake takes until its answer, whatever it opens", () => {
    expect(readNginxLine(nginxLine({ status: 101, time: "3600.000", headerTimes: "0.004" }))?.ms).toBe(4);
  });

  test.each<[string, Buffer]>([
    ["no JSON", Buffer.from("<190>gateway: {")],
    ["nothing", Buffer.alloc(0)],
    ["no ticket", nginxLine({ ticket: "" })],
    ["a ticket that is no text", nginxLine({ ticket: 7 })],
    ["no status", nginxLine({ status: "x" })],
    ["no time", nginxLine({ time: "-" })],
    ["more than a line", Buffer.concat([nginxLine({}), Buffer.alloc(5_000, 32)])],
  ])("%s means nothing", (_, datagram) => {
    expect(readNginxLine(datagram)).toBeUndefined();
  });
});

interface Entry {
  ticket?: string;
  method?: number;
  status?: number;
  details?: string;
  /** Number of a flag that is set. */
  flag?: number;
}

const inside = (of: (writer: BinaryWriter) => void): Uint8Array => {
  const writer = new BinaryWriter();
  of(writer);
  return writer.finish();
};

/** A message of Envoy's, with fields that are of no interest among those that are. */
const accessLog = ({ ticket, method = 1, status = 200, details = "via_upstream", flag }: Entry): Uint8Array =>
  inside((message) => {
    message
      .tag(1, WireType.LengthDelimited)
      .bytes(inside((identifier) => identifier.tag(2, WireType.LengthDelimited).string("gateway")));
    const common = inside((w) => {
      w.tag(9, WireType.LengthDelimited).bytes(inside((d) => d.tag(2, WireType.Varint).int32(7_000_000)));
      w.tag(12, WireType.LengthDelimited).bytes(new Uint8Array());
      w.tag(15, WireType.LengthDelimited).string("outbound|80||one");
      if (flag !== undefined)
        w.tag(16, WireType.LengthDelimited).bytes(inside((f) => f.tag(flag, WireType.Varint).bool(true)));
      const tag = (key: string, value: string): Uint8Array =>
        inside((t) => t.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value));
      w.tag(22, WireType.LengthDelimited).bytes(tag("other", "x"));
      if (ticket !== undefined) w.tag(22, WireType.LengthDelimited).bytes(tag("ticket", ticket));
      w.tag(23, WireType.LengthDelimited).bytes(
        inside((d) => d.tag(1, WireType.Varint).int64(1).tag(2, WireType.Varint).int32(5_000_000)),
      );
    });
    const request = inside((w) =>
      w.tag(1, WireType.Varint).int32(method).tag(5, WireType.LengthDelimited).string("/a"),
    );
    const response = inside((w) => {
      w.tag(1, WireType.LengthDelimited).bytes(inside((code) => code.tag(1, WireType.Varint).uint32(status)));
      w.tag(6, WireType.LengthDelimited).string(details);
    });
    const entry = inside((w) => {
      for (const [number, bytes] of [
        [1, common],
        [3, request],
        [4, response],
      ] as const)
        w.tag(number, WireType.LengthDelimited).bytes(bytes);
    });
    message
      .tag(2, WireType.LengthDelimited)
      .bytes(inside((list) => list.tag(1, WireType.LengthDelimited).bytes(entry)));
  });

const read = (entry: Entry): ReportLine | undefined => readAccessLogs(Buffer.from(accessLog(entry)))[0];

describe("Envoy's entries", () => {
  test("a service that has answered", () => {
    expect(read({ ticket: "t", method: 3, status: 201 })).toEqual({
      ticket: "t",
      method: "POST",
      report: { answeredBy: "service", status: 201 },
      ms: 1_005,
    });
  });

  test.each([
    ["no connection", 6, "nobody"],
    ["a reset", 5, "nobody"],
    ["a time-out", 3, "nobody"],
    ["tries used up", 16, "nobody"],
    ["a client that has left", 15, "proxy"],
  ])("%s", (_, flag, answeredBy) => {
    expect(read({ ticket: "t", status: 503, details: "upstream_x", flag })?.report.answeredBy).toBe(answeredBy);
  });

  test("an answer that is broken off is the service's, as it is to who carries it", () => {
    const details = "upstream_reset_after_response_started{remote_connection_failure}";
    expect(read({ ticket: "t", details, flag: 7 })?.report.answeredBy).toBe("service");
  });

  test("a handshake takes until its answer, whatever it opens", () => {
    expect(read({ ticket: "t", status: 101 })?.ms).toBe(7);
  });

  test("an answer of Envoy itself", () => {
    expect(read({ ticket: "t", status: 413, details: "request_payload_too_large" })?.report.answeredBy).toBe("proxy");
  });

  test("a service's 503 after tries is the service's", () => {
    expect(read({ ticket: "t", status: 503, flag: 16 })?.report.answeredBy).toBe("service");
  });

  test("without a ticket it means nothing", () => {
    expect(read({})).toBeUndefined();
  });

  test.each([1, 7, 20, 60])("cut after %d bytes it means nothing, or is refused", (length) => {
    const cut = Buffer.from(accessLog({ ticket: "t" })).subarray(0, length);
    let lines: unknown[] = [];
    try {
      lines = readAccessLogs(cut);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    expect(lines.filter((line) => line !== undefined)).toEqual([]);
  });
});

describe("tickets", () => {
  test("come back as they were, whatever is in them", () => {
    const ticket = { host: "a.test", route: "r/ü %", service: "s", words: new Map([["circuitBreaker", "1.x/y"]]) };
    expect(ticketText(ticket)).toMatch(/^[\w.%/~!'()*-]+$/);
    expect(readTicket(ticketText(ticket))).toEqual(ticket);
  });

  test.each(["", "a", "a/b", "a/b/c/d", "%/b/c", "/".repeat(3)])("%j is none", (text) => {
    expect(readTicket(text)).toBeUndefined();
  });
});

const BREAKER = circuitBreaker.schema.parse({ minimumCalls: 3, minimumCallers: 2, openFor: "2s" });

const PLAN = {
  formatVersion: 5,
  system: "reports",
  environment: "production",
  proxy: "nginx",
  issuers: {},
  secrets: {},
  redis: "",
  reports: true,
  front: { kind: "none", hops: 0, networks: [], healthPath: "/healthz", tls: "gateway", idleMs: 60_000 },
  services: { one: "127.0.0.1:1" },
  hosts: [
    {
      name: "reports.test",
      identityHeaders: [],
      passedHeaders: [],
      policies: [],
      routes: [
        {
          name: "all",
          match: { paths: [{ type: "PathPrefix", value: "/" }] },
          backends: [{ service: "one", weight: 100 }],
          policies: [{ kind: "circuitBreaker", config: BREAKER }],
        },
      ],
    },
  ],
} as unknown as FilterPlan;

async function started(): Promise<RunningFilter> {
  const options = { plan: PLAN, host: "127.0.0.1", port: 0, reportPort: 0, log: pino({ level: "silent" }) };
  const filter = await startFilter(options);
  cleanUp.push(() => filter.stop());
  return filter;
}

interface Word {
  status: number | undefined;
  ticket: string;
  headers: http.IncomingHttpHeaders;
}

function ask({ port }: RunningFilter, client: string): Promise<Word> {
  const headers = {
    host: "reports.test",
    "x-gateway-method": "GET",
    "x-gateway-target": "/a",
    "x-gateway-client": client,
    "x-gateway-route": "all",
  };
  return new Promise((resolve, reject) => {
    http
      .get({ port, host: "127.0.0.1", path: "/door/nginx", agent: false, headers }, (response) => {
        response.resume();
        const ticket = response.headers["x-gateway-ticket"];
        resolve({
          status: response.statusCode,
          ticket: typeof ticket === "string" ? ticket : "",
          headers: response.headers,
        });
      })
      .once("error", reject);
  });
}

const metrics = async ({ adminPort }: RunningFilter): Promise<string> =>
  (await fetch(`http://127.0.0.1:${String(adminPort)}/metrics`)).text();

const reportsRead = async (filter: RunningFilter): Promise<number> =>
  [...(await metrics(filter)).matchAll(/^gateway_reports_total\{.*\} (\d+)$/gm)].reduce(
    (sum, m) => sum + Number(m[1]),
    0,
  );

async function told(filter: RunningFilter, count: number): Promise<void> {
  for (let left = 200; left > 0; left--) {
    if ((await reportsRead(filter)) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("The reports do not come.");
}

function tellByUdp({ reportPort = 0 }: RunningFilter, ...datagrams: Buffer[]): void {
  const socket = createSocket("udp4");
  cleanUp.push(
    () =>
      new Promise<void>(
        (resolve) =>
          void socket.close(() => {
            resolve();
          }),
      ),
  );
  for (const datagram of datagrams) socket.send(datagram, reportPort, "127.0.0.1");
}

test("three calls that nobody has answered open the breaker, and their status and time are counted", async () => {
  const filter = await started();
  for (const [i, client] of ["203.0.113.1", "203.0.113.2", "203.0.113.2"].entries()) {
    const { status, ticket } = await ask(filter, client);
    expect([status, ticket.startsWith("reports.test/all/one/circuitBreaker/")]).toEqual([200, true]);
    expect(ticket).not.toContain(client);
    tellByUdp(filter, nginxLine({ ticket, status: 502, headerTimes: "-", upstreamStatuses: "502" }));
    await told(filter, i + 1);
  }
  const { headers } = await ask(filter, "203.0.113.9");
  expect([headers["x-gateway-status"], headers["x-gateway-reason"], headers["retry-after"]]).toEqual([
    "503",
    "breaker-open",
    "2",
  ]);
  const text = await metrics(filter);
  expect(text).toContain('http_requests_total{service="one",method="GET",route="all",status="502"} 3');
  expect(text).not.toContain('status="200"');
  expect(text).toContain('circuit_breaker_state{service="one"} 1');
});

test("what cannot be read, or is of another plan, is counted and means nothing", async () => {
  const filter = await started();
  const { ticket } = await ask(filter, "203.0.113.1");
  const other = ticketText({
    host: "else.test",
    route: "all",
    service: "one",
    words: new Map([["circuitBreaker", "0.x"]]),
  });
  tellByUdp(
    filter,
    Buffer.from("nothing"),
    nginxLine({ ticket: "/" }),
    nginxLine({ ticket: other, status: 502, headerTimes: "-", upstreamStatuses: "502" }),
  );
  await told(filter, 3);
  const text = await metrics(filter);
  expect(text).toContain('gateway_reports_total{outcome="of-another-plan"} 1');
  // Names of metrics are those of the plan.
  expect(text).not.toContain("else");
  expect(await metrics(filter)).toContain('gateway_reports_total{outcome="unreadable"} 2');
  expect((await ask(filter, "203.0.113.1")).status).toBe(200);
  expect(ticket).not.toBe("");
});

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};

function connected({ reportPort }: RunningFilter): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${String(reportPort)}`);
  const closed = (): Promise<void> =>
    new Promise((resolve) => {
      session.close(resolve);
    });
  cleanUp.push(closed);
  return session;
}

test("Envoy tells on a stream, in pieces of any size", async () => {
  const filter = await started();
  const session = connected(filter);
  const stream = session.request({ ":method": "POST", ":path": STREAM_PATH, "content-type": "application/grpc" });
  const tickets = [
    await ask(filter, "203.0.113.1"),
    await ask(filter, "203.0.113.2"),
    await ask(filter, "203.0.113.3"),
  ];
  const bytes = Buffer.concat(
    tickets.map(({ ticket }) => framed(accessLog({ ticket, status: 503, details: "upstream_x", flag: 6 }))),
  );
  for (let at = 0; at < bytes.length; at += 37) stream.write(bytes.subarray(at, at + 37));
  await told(filter, 3);
  expect((await ask(filter, "203.0.113.9")).headers["x-gateway-reason"]).toBe("breaker-open");
  const trailers = new Promise((resolve) => stream.once("trailers", resolve));
  stream.end();
  expect(await trailers).toMatchObject({ "grpc-status": "0" });
});

test("a method that there is not, and a message that is too large, end their stream alone", async () => {
  const filter = await started();
  const session = connected(filter);
  const unknown = session.request({ ":method": "POST", ":path": "/else" });
  expect(await new Promise((resolve) => unknown.once("trailers", resolve))).toMatchObject({ "grpc-status": "12" });
  const large = session.request({ ":method": "POST", ":path": STREAM_PATH });
  const closed = new Promise((resolve) => large.once("close", resolve).on("error", () => undefined));
  large.write(Buffer.from([0, 0xff, 0xff, 0xff, 0xff]));
  await closed;
  expect(session.destroyed).toBe(false);
});
