import { spawn, type ChildProcess } from "node:child_process";
import { createServer, get, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { compileAll } from "../../lib/commands/load";
import { gatewayPlan, startGateway } from "../../lib/commands/serve";
import { removeTemporaryDirectories, small } from "../support";
import { modelFile, ROOT, run, SERHAFEN } from "./run";

/** A gateway of one model without a proxy, as README says to start it, and a service behind it. */

const upstream: Server = createServer((message, response) => {
  response.end(`${message.method ?? ""} ${message.url ?? ""}`);
});
let file = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const { port } = upstream.address() as AddressInfo;
  file = modelFile(
    small({
      targets: ["node-gateway"],
      listeners: { bind: "127.0.0.1" },
      hosts: { "api.shop.test": { basePath: "/api" } },
      services: { orders: { address: `127.0.0.1:${String(port)}` } },
      issuers: {},
    }),
  );
});

afterAll(async () => {
  await new Promise((resolve) => upstream.close(resolve));
  removeTemporaryDirectories();
});

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

interface Started {
  child: ChildProcess;
  said: string;
  port: (name: "http" | "https" | "metrics") => string;
}

/** Resolves when it has said where it listens. */
function started(...args: string[]): Promise<Started> {
  const command = ["--import", "tsx", path.join(ROOT, "bin/gatewright.ts"), "serve", ...args];
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("exit", (code) => {
      reject(new Error(`exit ${String(code)}: ${said}`));
    });
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes("counters and cache")) return;
      resolve({ child, said, port: (name) => new RegExp(`\\b${name} (\\d+)`).exec(said)?.[1] ?? "" });
    });
  });
}

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Not by fetch, which sets Host itself. */
const ask = (port: string, target: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: target, headers: { host: "api.shop.test" }, agent: false };
    get(options, (message) => {
      let text = "";
      message.on("data", (chunk: Buffer) => (text += chunk.toString()));
      message.once("end", () => {
        resolve({ status: message.statusCode, headers: message.headers, text });
      });
    }).once("error", reject);
  });

test("it says what it enforces and where it is, serves, and ends when it is told to", async () => {
  const { child, said, port } = await started(file, "--plain", "--http", "0", "--https", "0", "--admin", "0");
  const [head, ...rows] = said.split("\n\n")[0]?.split("\n") ?? [];
  expect(head).toMatch(/^phase +promise +where +node-gateway$/);
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.filter((row) => !row.endsWith(" through"))).toEqual([]);
  expect(said).toContain("shop, production: http ");
  expect(said).toContain("in this process alone (name --redis to share)");

  const passed = await ask(port("https"), "/api/orders/7?x=%2F");
  expect([passed.status, passed.text]).toEqual([200, "GET /orders/7?x=%2F"]);
  const redirected = await ask(port("http"), "/api/orders");
  expect([redirected.status, redirected.headers["location"]]).toEqual([301, "https://api.shop.test/api/orders"]);
  const refused = await ask(port("https"), "/api/nothing");
  expect([refused.status, refused.headers["x-gateway-reason"]]).toEqual([404, "unknown-path"]);
  const metrics = (await ask(port("metrics"), "/metrics")).text;
  const counted = metrics
    .split("\n")
    .filter((line) => /^http_requests_total\{.*route="orders".*status="200"/.test(line));
  expect(counted.map((line) => line.split(" ").at(-1))).toEqual(["1"]);
  expect(metrics).toContain('gateway_refusals_total{reason="unknown-path"} 1');

  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

test("serhafen is served as the README says", async () => {
  const { said } = await started(SERHAFEN, "--plain", "--http", "0", "--https", "0", "--admin", "0");
  expect(said).toMatch(/^15 +circuitBreaker +api\.serhafen\.com 16 routes +through$/m);
});

describe("wrong use", () => {
  test.each<[string, string[], RegExp]>([
    ["a port that is none", ["--http", "http"], /--http as a port/],
    ["a port that is too high", ["--https", "65536"], /--https as a port/],
    ["an environment that does not exist", ["--environment", "nowhere"], /No model fits/],
    ["no certificate where TLS ends here", ["--http", "0", "--https", "0", "--admin", "0"], /tls\.crt.*--plain/],
    ["a certificate that is not there", ["--certificate", "/nowhere.crt"], /There is no \/nowhere\.crt/],
  ])("%s is exit 2 with a word on it", async (_, args, expected) => {
    const ran = await run("serve", file, ...args);
    expect(ran).toMatchObject({ code: 2, out: "" });
    expect(ran.err).toMatch(expected);
  });

  test("several models at once", async () => {
    const other = modelFile(small({ name: "other", issuers: {} }));
    const ran = await run("serve", file, other, "--plain");
    expect(ran.code).toBe(2);
    expect(ran.err).toContain("Name one model");
  });

  test("a model with errors is exit 1, and nothing listens", async () => {
    const ran = await run("serve", modelFile(small({ hosts: {} })), "--plain");
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("error model/invalid-value");
  });
});

test("a model for other targets is served all the same, by its own plan", async () => {
  const { compiled } = compileAll([modelFile(small({ targets: ["nginx"], issuers: {} }))], "node-gateway");
  const [first] = compiled;
  if (!first) throw new Error("not compiled");
  expect(gatewayPlan(first)).toMatchObject({ system: "shop", environment: "production", proxy: "node-gateway" });
  await expect(startGateway(first.model, first, { plain: false })).rejects.toThrow("--plain where TLS ends in front");
});
