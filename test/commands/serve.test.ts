import { compileAll } from "../../lib/commands/load";
import { gatewayPlan, startGateway } from "../../lib/commands/serve";
import { removeTemporaryDirectories, small } from "../support";
import { modelFile, run, SERHAFEN } from "./run";
import { ask, Echo, FREE_PORTS, shop, started, stopAll } from "./serving";

const service = new Echo();
let file = "";

beforeAll(async () => {
  file = modelFile(shop(await service.start()));
});
afterEach(stopAll);
afterAll(async () => {
  await service.stop();
  removeTemporaryDirectories();
});

test("it says what it enforces and where it is, serves, and ends when it is told to", async () => {
  const { child, said, port, ended } = await started([file, "--plain", ...FREE_PORTS]);
  const [head, ...rows] = said.split("\n\n")[0]?.split("\n") ?? [];
  expect(head).toMatch(/^phase +promise +where +node-gateway$/);
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.filter((row) => !row.endsWith(" proxied"))).toEqual([]);
  expect(said).toContain("shop, production, on 127.0.0.1: http ");
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

  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

test("serhafen is served as the README says", async () => {
  const { said } = await started([SERHAFEN, "--plain", ...FREE_PORTS]);
  expect(said).toMatch(/^15 +circuitBreaker +api\.serhafen\.com 16 routes +proxied$/m);
});

describe("wrong use", () => {
  test.each<[string, string[], RegExp]>([
    ["a port that is none", ["--http", "http"], /--http as a port/],
    ["a port that is too high", ["--https", "65536"], /--https as a port/],
    ["an address that is none", ["--host", "127.0.0.1:80"], /--host as an address/],
    ["an empty address", ["--host", ""], /--host as an address/],
    ["a store that is none", ["--redis", "localhost"], /--redis as redis:/],
    ["an environment that does not exist", ["--environment", "nowhere"], /No model fits/],
    ["no certificate where TLS ends here", FREE_PORTS, /tls\.crt.*--plain/],
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
  const { compiled } = compileAll([modelFile(small({ targets: ["nginx"], issuers: {} }))], { target: "node-gateway" });
  const [first] = compiled;
  if (!first) throw new Error("not compiled");
  expect(gatewayPlan(first)).toMatchObject({ system: "shop", environment: "production", proxy: "node-gateway" });
  await expect(startGateway(first.model, first, { plain: false })).rejects.toThrow("--plain where TLS ends in front");
});
