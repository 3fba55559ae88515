import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { GatewayInput, GatewayModel } from "../lib/model";
import { makeCertificates } from "../lib/conformance/certificates";
import { knownSystem, modelOf } from "./conformance/systems";
import { renderNginx } from "./nginx-render";
import { wheels } from "../lib/conformance/parts/wheels";
import {
  check,
  goodModel,
  parseNginx,
  removeTemporaryDirectories,
  small,
  temporaryDirectory,
  type Directive,
} from "./support";

const DEBIAN = "/usr/sbin/nginx";

/** Directives of the modules that nginx builds by default, and of ssl and auth_request, that we may use. */
const STOCK = [
  "absolute_redirect",
  "access_log",
  "add_header",
  "auth_request",
  "auth_request_set",
  "client_body_buffer_size",
  "client_body_timeout",
  "client_header_timeout",
  "client_max_body_size",
  "default_type",
  "error_log",
  "error_page",
  "events",
  "geo",
  "grpc_buffer_size",
  "grpc_connect_timeout",
  "grpc_hide_header",
  "grpc_ignore_headers",
  "grpc_next_upstream",
  "grpc_pass",
  "grpc_read_timeout",
  "grpc_send_timeout",
  "grpc_set_header",
  "grpc_ssl_name",
  "grpc_ssl_protocols",
  "grpc_ssl_server_name",
  "grpc_ssl_trusted_certificate",
  "grpc_ssl_verify",
  "grpc_ssl_verify_depth",
  "http",
  "http2",
  "if",
  "ignore_invalid_headers",
  "internal",
  "keepalive",
  "keepalive_requests",
  "keepalive_timeout",
  "large_client_header_buffers",
  "limit_req",
  "limit_req_status",
  "limit_req_zone",
  "listen",
  "location",
  "log_format",
  "map",
  "map_hash_bucket_size",
  "map_hash_max_size",
  "map_hash_bucket_size",
  "map_hash_max_size",
  "merge_slashes",
  "pcre_jit",
  "proxy_buffer_size",
  "proxy_buffering",
  "proxy_buffers",
  "proxy_busy_buffers_size",
  "proxy_connect_timeout",
  "proxy_headers_hash_bucket_size",
  "proxy_headers_hash_max_size",
  "proxy_hide_header",
  "proxy_http_version",
  "proxy_ignore_headers",
  "proxy_next_upstream",
  "proxy_next_upstream_tries",
  "proxy_pass",
  "proxy_pass_request_body",
  "proxy_read_timeout",
  "proxy_request_buffering",
  "proxy_send_timeout",
  "proxy_set_header",
  "proxy_ssl_certificate",
  "proxy_ssl_certificate_key",
  "proxy_ssl_name",
  "proxy_ssl_protocols",
  "proxy_ssl_server_name",
  "proxy_ssl_trusted_certificate",
  "proxy_ssl_verify",
  "proxy_ssl_verify_depth",
  "return",
  "rewrite",
  "server",
  "server_name",
  "server_names_hash_bucket_size",
  "server_names_hash_max_size",
  "server_names_hash_bucket_size",
  "server_names_hash_max_size",
  "server_tokens",
  "set",
  "split_clients",
  "send_timeout",
  "ssl_certificate",
  "ssl_certificate_key",
  "ssl_protocols",
  "ssl_session_cache",
  "ssl_session_tickets",
  "ssl_session_timeout",
  "underscores_in_headers",
  "upstream",
  "variables_hash_bucket_size",
  "variables_hash_max_size",
  "worker_connections",
  "worker_processes",
];

/** Blocks whose lines are data, not directives. */
const DATA = ["map", "geo", "split_clients"];

const namesIn = (tree: readonly Directive[]): string[] =>
  tree.flatMap((d) => [d.name, ...(d.block && !DATA.includes(d.name) ? namesIn(d.block) : [])]);

let certificates = "";

beforeAll(async () => {
  certificates = temporaryDirectory();
  const { model, trust } = knownSystem("lab");
  await makeCertificates(certificates, model, trust);
});

afterAll(removeTemporaryDirectories);

const render = (model: GatewayModel, environment: string): string => renderNginx(model, environment, certificates);

/** What `nginx -t` says besides that all is well; nothing when it has no complaint. */
async function complaints(nginx: string, conf: string): Promise<string[]> {
  const prefix = temporaryDirectory();
  mkdirSync(path.join(prefix, "logs"));
  const file = path.join(prefix, "nginx.conf");
  writeFileSync(file, conf);
  const args = ["-t", "-p", prefix, "-c", file, "-g", `pid ${prefix}/nginx.pid;`];
  // To a file: nginx opens /dev/stderr anew, and what is a socket there cannot be opened.
  const log = path.join(prefix, "said.log");
  const said = openSync(log, "a");
  const child = spawn(nginx, args, { stdio: ["ignore", said, said] });
  await new Promise<void>((resolve, reject) =>
    child
      .once("close", () => {
        resolve();
      })
      .once("error", reject),
  );
  closeSync(said);
  const lines = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^\S+ \S+ (\[\w+\]) \d+#\d+: /, "$1 ").replaceAll(prefix, ""));
  return (
    lines
      .filter((line) => !/(syntax is ok|test is successful)$/.test(line))
      // Of many headers for gRPC, whose table nginx lets nobody enlarge.
      .filter((line) => !line.startsWith("[warn] could not build optimal grpc_headers_hash"))
      .concat(lines.some((line) => line.endsWith("test is successful")) ? [] : ["not successful"])
  );
}

async function wheel(): Promise<string> {
  const found = await wheels();
  if (!found) throw new Error("nginx cannot be installed from its wheel");
  return found.nginx;
}

const MODELS: [string, () => GatewayModel | undefined, string][] = [
  ["serhafen, production", () => modelOf("serhafen"), "production"],
  ["serhafen, development", () => modelOf("serhafen"), "development"],
  ["the lab", () => modelOf("lab"), "production"],
  ["sessions", () => modelOf("sessions"), "production"],
  ["rpc", () => modelOf("rpc"), "production"],
];

describe.each(MODELS)("%s", (name, read, environment) => {
  const model = (): GatewayModel => {
    const found = read();
    if (!found) throw new Error(name);
    return found;
  };

  test("nginx takes it without a warning", async () => {
    expect(await complaints(await wheel(), render(model(), environment))).toEqual([]);
  }, 120_000);

  (existsSync(DEBIAN) ? test : test.skip)("Debian's older nginx takes what is for one, without a warning", async () => {
    const older = { ...model(), nginx: { ...model().nginx, version: "1.23.0" } };
    expect(await complaints(DEBIAN, render(older, environment))).toEqual([]);
  });

  test("HTTP/2 is offered by either spelling", () => {
    const ofVersion = (version: string): string =>
      render({ ...model(), nginx: { ...model().nginx, version } }, environment);
    expect(ofVersion("1.25.0")).toMatch(/listen [\d.:]+ ssl http2 default_server;/);
    expect(ofVersion("1.25.0")).not.toMatch(/http2 on/);
    expect(ofVersion("1.25.1")).toMatch(/^ {4}http2 on;$/m);
    expect(ofVersion("1.25.1")).not.toMatch(/ssl http2/);
    expect(ofVersion("1.27.3")).not.toContain("keepalive_min_timeout");
    expect(ofVersion("1.27.4")).toMatch(/^ {4}keepalive_min_timeout 30s;$/m);
  });

  test("stock directives only", () => {
    const names = new Set(namesIn(parseNginx(render(model(), environment))));
    expect([...names].filter((name) => !STOCK.includes(name))).toEqual([]);
  });

  test("locations of its own answer no client", () => {
    const below = (block: readonly Directive[]): Directive[] => block.flatMap((d) => [d, ...below(d.block ?? [])]);
    const own = below(parseNginx(render(model(), environment))).filter(
      (d) => d.name === "location" && d.args.some(({ text }) => text.includes("/.gateway")),
    );
    expect(own.length).toBeGreaterThan(5);
    const asked = own.filter(({ block }) => !block?.some((d) => d.name === "internal"));
    expect(asked.map(({ args }) => args.map(({ text }) => text).join(" "))).toEqual([]);
  });
});

test("words in place of an answer need nobody at the door", async () => {
  const [route] = small().routes;
  const open = { jwt: null, circuitBreaker: null, fallback: { body: "{}" } };
  const conf = render(
    goodModel(small({ routes: [{ ...route, policies: open } as GatewayInput["routes"][number]] })),
    "production",
  );
  expect(conf).not.toMatch(/^ *auth_request \//m);
  expect(await complaints(await wheel(), conf)).toEqual([]);
}, 120_000);

/** What the model takes, nginx must take as well: else the target has to refuse it. */
describe("corners of the model", () => {
  const route = { name: "r", match: { prefix: ["/r"] }, service: "orders" };
  const cases: [string, Partial<GatewayInput>][] = [
    ["the smallest model", {}],
    ["TLS at the front, PROXY protocol", { front: { kind: "nlb", tls: "front" } }],
    ["two hops", { front: { kind: "cloudfront-alb", networks: ["10.0.0.0/16"] } }],
    [
      "claims of tokens as headers where no token is asked",
      { policies: { jwt: { mode: "open", issuers: ["accounts"], claimHeaders: { "x-user": "sub" } } } },
    ],
    [
      "nothing inherited",
      {
        policies: {
          httpsRedirect: null,
          requestLine: null,
          pathHygiene: null,
          headerHygiene: null,
          bodySize: null,
          webSocket: null,
          floodGuard: null,
          timeouts: null,
          requestId: null,
          securityHeaders: null,
          errorBody: null,
          audit: null,
        },
      },
    ],
    [
      "one path as exact and as prefix",
      {
        routes: [
          { ...route, match: { exact: ["/r"], methods: ["POST"] } },
          { ...route, name: "below", match: { prefix: ["/r"] } },
          { ...route, name: "root", match: { exact: ["/"], prefix: ["/"] } },
        ],
      },
    ],
    [
      "a route that goes through, beside one that asks at the door and one that does neither",
      {
        policies: { jwt: { issuers: ["accounts"] } },
        routes: [
          { ...route, policies: { compression: {}, webSocket: { allowed: true }, retries: { tries: 3 } } },
          { ...route, name: "door", match: { prefix: ["/door"] } },
          { ...route, name: "open", match: { prefix: ["/open"] }, policies: { jwt: null } },
          { name: "self", match: { prefix: ["/self"] }, respond: { status: 200 }, policies: { compression: {} } },
        ],
      },
    ],
    [
      "routes whose bodies the filter sees, beside all else that they may have",
      {
        policies: { jwt: { issuers: ["accounts"] } },
        services: {
          orders: { address: "orders.shop.svc.cluster.local:8080" },
          secure: { address: "secure.shop.svc.cluster.local:8443", tls: { serverName: "secure.shop.test" } },
          calls: { address: "calls.shop.svc.cluster.local:50051", protocol: "grpc" },
        },
        secrets: { "hook-key": { env: "HOOK_KEY" } },
        routes: [
          {
            ...route,
            policies: {
              graphql: {},
              lockout: {},
              webSocket: { allowed: true },
              retries: { tries: 3 },
              fallback: { body: "{}" },
              circuitBreaker: {},
              rateLimit: { limits: [{ name: "calls", requests: 10, per: "1m" }], headers: true },
              rewrite: { prefix: "/r", replacement: "/s" },
              responseHeaders: { set: { "x-said": "always" }, remove: ["x-powered-by"], on: "always" },
              bodySize: null,
            },
          },
          { ...route, name: "secure", match: { prefix: ["/secure"] }, service: "secure", policies: { graphql: {} } },
          {
            ...{ name: "calls", match: { prefix: ["/shop.Calls"], methods: ["POST"] }, service: "calls" },
            policies: { jwt: null, signature: { secret: "hook-key" } },
          },
        ],
      },
    ],
    ["hosts that differ in a dot and a hyphen", { hosts: { "a-b.test": {}, "a.b.test": {} } }],
    ["a long host name", { hosts: { [`${"a".repeat(63)}.${"b".repeat(63)}.test`]: {} } }],
    [
      "many hosts",
      { hosts: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`host-number-${String(i)}.shop.test`, {}])) },
    ],
    ["a long route name", { routes: [{ ...route, name: "r".repeat(63) }] }],
    ["a long path", { routes: [{ ...route, match: { prefix: [`/${"p".repeat(1023)}`] } }] }],
    [
      "paths of all characters",
      { routes: [{ ...route, match: { prefix: ["/a._~:@!$&'+,=-z"], exact: ["/$host", "/'a"] } }] },
    ],
    [
      "a path of the gateway's own",
      { routes: [{ ...route, match: { exact: ["/.gateway/error", "/.gateway/door"] } }] },
    ],
    [
      "a long rewrite",
      { routes: [{ ...route, policies: { rewrite: { prefix: "/r", replacement: `/${"x".repeat(200)}` } } }] },
    ],
    [
      "a rewrite to a dollar sign",
      { routes: [{ ...route, policies: { rewrite: { prefix: "/r", replacement: "/$nothing" } } }] },
    ],
    [
      "the largest body of an answer",
      { routes: [{ name: "r", match: { prefix: ["/"] }, respond: { status: 200, body: "x".repeat(65_536) } }] },
    ],
    ["the largest value of a header", { policies: { securityHeaders: { contentSecurityPolicy: "x".repeat(4096) } } }],
    ["the largest value of quotes", { policies: { securityHeaders: { contentSecurityPolicy: '"'.repeat(4096) } } }],
    [
      "header names of all characters",
      { routes: [{ ...route, policies: { responseHeaders: { set: { "a!#$%&'*+^`|~-": "x" } } } }] },
    ],
    [
      "a header name that starts like a comment",
      { routes: [{ ...route, policies: { responseHeaders: { set: { "#a": "x" } } } }] },
    ],
    [
      "a header name that starts like a quote",
      { routes: [{ ...route, policies: { requestHeaders: { set: { "'a": "x" } } } }] },
    ],
    ["a large request target", { policies: { requestLine: { maxUri: "1MiB", maxHead: "2MiB" } } }],
    ["the longest times", { policies: { timeouts: { firstByte: "24d" } } }],
    ["the largest body", { policies: { bodySize: { max: "999999999GiB" } } }],
    ["a flood guard without burst", { policies: { floodGuard: { requests: 1, per: "1m", burst: 0 } } }],
    [
      "networks with bits below the mask",
      { routes: [{ ...route, policies: { addresses: { allow: ["203.0.113.66/24"] } } }] },
    ],
    [
      "a network twice",
      { routes: [{ ...route, policies: { addresses: { deny: ["203.0.113.0/24", "203.0.113.0/24"] } } }] },
    ],
    ["IPv6", { routes: [{ ...route, policies: { addresses: { deny: ["2001:db8::/32", "::1"], allow: ["::/0"] } } }] }],
    [
      "tiny weights",
      {
        routes: [
          {
            name: "r",
            match: { prefix: ["/"] },
            backends: [
              { service: "orders", weight: 100 },
              { service: "orders", weight: 0 },
              { service: "orders", weight: 1 },
            ],
          },
        ],
      },
    ],
    [
      "an answer of every class",
      {
        routes: [200, 204, 301, 404, 444, 499, 500, 599].map((status) => ({
          name: `r-${String(status)}`,
          match: { exact: [`/${String(status)}`] },
          respond: { status, body: "x" },
        })),
      },
    ],
    [
      "many members of the error body",
      {
        policies: {
          errorBody: {
            members: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`m${String(i)}`, "x".repeat(256)])),
          },
        },
      },
    ],
  ];
  test.each(cases)("%s", async (_, change) => {
    const { value, diagnostics } = check(small(change));
    if (!value) {
      expect(diagnostics.map((d) => d.code)).toContain("model/invalid-value");
      return;
    }
    expect(await complaints(await wheel(), render(value, "production"))).toEqual([]);
  });
});

describe("hosts that differ in their names alone", () => {
  const nameLines = (change: Partial<GatewayInput>): string[] =>
    render(goodModel(small(change)), "production")
      .split("\n")
      .filter((line) => /^\s+(server_name|limit_req_zone)/.test(line))
      .map((line) => line.trim());
  const alone = { policies: { bodySize: { max: "2MiB" } } };

  test("share a server, each with a flood guard of its own", () => {
    const lines = nameLines({ hosts: { "a.test": {}, "b.test": alone, "c.test": {} } });
    expect(lines.filter((line) => line.includes("c.test"))).toEqual([
      "server_name a.test c.test b.test;",
      "server_name a.test c.test;",
    ]);
    expect(lines.filter((line) => line.startsWith("limit_req_zone")).map((line) => line.includes("$host"))).toEqual([
      true,
      false,
    ]);
  });

  test("of tenants are one, whatever their number", () => {
    const lines = nameLines({ hosts: { "a.test": {}, "*.a.test": { tenants: { one: 1, two: 2 } } } });
    expect(lines).toContain("server_name *.a.test;");
    expect(lines.filter((line) => line.includes("one.a.test"))).toEqual([]);
  });
});

describe("what names become stays apart", () => {
  const variablesOf = (conf: string): string[] => {
    const [http] = parseNginx(conf).filter((d) => d.name === "http");
    return (http?.block ?? []).filter((d) => DATA.includes(d.name)).map((d) => d.args[d.args.length - 1]?.text ?? "");
  };
  const route = { name: "r", match: { prefix: ["/r"] }, service: "orders" };
  const origins = (name: string): object => ({ policies: { cors: { origins: [`https://${name}.test`] } } });
  test.each<[string, Partial<GatewayInput>, number]>([
    ["origins of two hosts", { hosts: { "a-b.test": origins("one"), "a.b.test": origins("two") } }, 2],
    [
      "rewrites",
      {
        routes: ["/r-a", "/r.a", "/r_a", "/R_a"].map((prefix, i) => ({
          ...route,
          name: `r${String(i)}`,
          match: { prefix: [prefix] },
          policies: { rewrite: { prefix, replacement: "/x" } },
        })),
      },
      4,
    ],
    [
      "addresses",
      {
        hosts: { "a.test": {}, "a.test-b": { policies: { bodySize: { max: "2MiB" } } } },
        routes: ["b-c", "c"].map((name) => ({
          ...route,
          name,
          match: { prefix: [`/${name}`] },
          policies: { addresses: { deny: [`2001:db8::${String(name.length)}`] } },
        })),
      },
      4,
    ],
  ])("%s", (name, change, count) => {
    const variables = variablesOf(render(goodModel(small(change)), "production"));
    expect(variables.filter((v, i) => variables.indexOf(v) !== i)).toEqual([]);
    const own = {
      "origins of two hosts": /^\$gateway_cors_origin_/,
      rewrites: /^\$gateway_target_/,
      addresses: /^\$gateway_denied_/,
    }[name];
    expect(variables.filter((v) => own?.test(v)).length).toBe(count);
  });
});
