import path from "node:path";
import { readFileSync } from "node:fs";
import type { GatewayInput } from "../../lib/model";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { modelFile, ROOT, run, SERHAFEN } from "./run";
import { ask, Echo, FREE_PORTS, shop, started, stopAll } from "./serving";

/** Where the gateway listens, what it reads from its environment, and how it takes another model. */

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

const until = async (what: () => Promise<boolean> | boolean): Promise<void> => {
  for (let left = 100; left > 0; left--) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("It does not happen.");
};

describe("the address", () => {
  const answers = (port: string, at: string): Promise<boolean> =>
    ask(port, "/api/orders", at).then(
      () => true,
      () => false,
    );

  test.each<[string, string[], NodeJS.ProcessEnv, string]>([
    ["is this machine's own by default", [], {}, "127.0.0.1"],
    ["is LISTEN_HOST", [], { LISTEN_HOST: "127.0.0.2" }, "127.0.0.2"],
    ["is --host before LISTEN_HOST", ["--host", "127.0.0.3"], { LISTEN_HOST: "127.0.0.2" }, "127.0.0.3"],
  ])("%s", async (_, args, env, address) => {
    const { port, said } = await started([file, "--plain", ...FREE_PORTS, ...args], env);
    expect(said).toContain(`on ${address}: http `);
    for (const name of ["http", "https", "metrics"] as const) {
      const heard = [];
      for (const at of ["127.0.0.1", "127.0.0.2", "127.0.0.3"]) if (await answers(port(name), at)) heard.push(at);
      expect([name, heard]).toEqual([name, [address]]);
    }
  });

  test("is the model's where that has one", async () => {
    const bound = modelFile(shop("127.0.0.1:1", { name: "bound", listeners: { bind: "127.0.0.2" } }));
    const { said } = await started([bound, "--plain", ...FREE_PORTS]);
    expect(said).toContain("on 127.0.0.2: http ");
  });
});

describe("the environment", () => {
  test("says ports, and flags win", async () => {
    const env = { HTTP_PORT: "0", HTTPS_PORT: "0", ADMIN_PORT: "1" };
    const { port, said } = await started([file, "--plain", "--admin", "0"], env);
    expect(Number(port("metrics"))).toBeGreaterThan(1);
    expect((await ask(port("https"), "/api/orders")).status).toBe(200);
    expect(said).toContain("in this process alone");
  });

  test("names the shared store", async () => {
    const { said } = await started([file, "--plain", ...FREE_PORTS], { REDIS_URL: "redis://127.0.0.1:1" });
    expect(said).toContain("counters and cache shared");
  });

  test("says how long it drains", async () => {
    const { child, port, ended } = await started([file, "--plain", ...FREE_PORTS], { DRAIN_MS: "1500" });
    child.kill("SIGTERM");
    await until(async () => (await ask(port("metrics"), "/actuator/readiness")).status === 503);
    expect((await ask(port("https"), "/api/orders")).status).toBe(200);
    expect(await ended).toBe(0);
  });

  test("names the certificate", async () => {
    const env = { TLS_CERTIFICATE: "/nowhere/tls.crt", TLS_KEY: "/nowhere/tls.key" };
    await expect(started([file, ...FREE_PORTS], env)).rejects.toThrow("exit 2: There is no /nowhere/tls.crt");
  });

  test.each([
    ["KEYS_REFRESH_MS", "oops"],
    ["DRAIN_MS", "-1"],
    ["STORE_TIMEOUT_MS", ""],
  ])("with %s=%j nothing starts", async (name, value) => {
    await expect(started([file, "--plain", ...FREE_PORTS], { [name]: value })).rejects.toThrow(
      `exit 2: ${name} is "${value}": write whole milliseconds`,
    );
  });
});

describe("SIGHUP", () => {
  const answering = (names: string[], change: Partial<GatewayInput> = {}): GatewayInput => {
    const routes = names.map((name) => ({
      name,
      match: { exact: [`/${name}`] },
      respond: { status: 200, body: name },
    }));
    return shop("", { services: {}, routes, ...change });
  };
  const bodyOf = async (port: string, target: string): Promise<string> => (await ask(port, `/api/${target}`)).text;

  test("takes the model anew; a bad one leaves the old", async () => {
    const folder = temporaryDirectory();
    const write = (text: string): string => writeIn(folder, "shop.json", text);
    const model = write(JSON.stringify(answering(["one"])));
    const { child, port, saidSoFar, ended } = await started([model, "--plain", ...FREE_PORTS]);
    const https = port("https");
    expect(await bodyOf(https, "one")).toBe("one");

    write(JSON.stringify(answering(["two"])));
    child.kill("SIGHUP");
    await until(async () => (await bodyOf(https, "two")) === "two");
    expect((await ask(https, "/api/one")).status).toBe(404);

    write(JSON.stringify({ ...answering(["three"]), hosts: {} }));
    child.kill("SIGHUP");
    await until(() => saidSoFar().includes("the old one stays"));
    expect(saidSoFar()).toContain("error model/invalid-value");
    expect(await bodyOf(https, "two")).toBe("two");

    write(JSON.stringify(answering(["three"], { name: "other" })));
    child.kill("SIGHUP");
    await until(() => saidSoFar().includes("other"));
    expect(await bodyOf(https, "two")).toBe("two");

    write(JSON.stringify(answering(["three"])));
    child.kill("SIGHUP");
    await until(async () => (await bodyOf(https, "three")) === "three");
    const { text } = await ask(port("metrics"), "/metrics");
    expect(text).toContain('gateway_plan_reloads_total{outcome="ok"} 2');
    expect(text).toContain('gateway_plan_reloads_total{outcome="failed"} 2');
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });

  test("takes a model in TypeScript anew, with what it imports", async () => {
    const folder = temporaryDirectory();
    const write = (names: string[]): string =>
      writeIn(folder, "routes.ts", `export const names: string[] = ${JSON.stringify(names)};\n`);
    write(["one"]);
    const model = writeIn(
      folder,
      "shop.ts",
      `import { defineGateway } from ${JSON.stringify(path.join(ROOT, "lib/model"))};
       import { names } from "./routes";
       const routes = names.map((name) => ({ name, match: { exact: ["/" + name] }, respond: { status: 200, body: name } }));
       export default defineGateway({ ...${JSON.stringify(answering([]))}, routes });`,
    );
    const { child, port } = await started([model, "--plain", ...FREE_PORTS]);
    expect(await bodyOf(port("https"), "one")).toBe("one");
    write(["two"]);
    child.kill("SIGHUP");
    await until(async () => (await bodyOf(port("https"), "two")) === "two");
  });
});

describe("--service", () => {
  test("puts another address in a service's place, and keeps it there", async () => {
    const other = new Echo("other ");
    const address = await other.start();
    const { child, port, saidSoFar } = await started([
      file,
      "--plain",
      ...FREE_PORTS,
      "--service",
      `orders=${address}`,
    ]);
    expect((await ask(port("https"), "/api/orders/1")).text).toBe("other GET /orders/1");
    child.kill("SIGHUP");
    await until(() => saidSoFar().includes("read anew"));
    expect((await ask(port("https"), "/api/orders/2")).text).toBe("other GET /orders/2");
    await other.stop();
  });

  test.each([
    ["a service that is not there", "nobody=127.0.0.1:1", 'no service "nobody"; there are orders.'],
    ["no address", "orders", "--service as NAME=HOST:PORT"],
    ["no port", "orders=127.0.0.1", "--service as NAME=HOST:PORT"],
    ["a port that is too high", "orders=127.0.0.1:65536", "--service as NAME=HOST:PORT"],
  ])("%s is wrong use", async (_, value, expected) => {
    const ran = await run("serve", file, "--plain", ...FREE_PORTS, "--service", value);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain(expected);
  });
});

describe("the README's try-out", () => {
  const readme = readFileSync(path.join(ROOT, "README.md"), "utf8");
  const command = /npm run gatewright -- serve policies\/serhafen\.ts(.*--service.*)$/m.exec(readme)?.[1] ?? "";

  test("does what it says", async () => {
    const iam = new Echo();
    const address = await iam.start();
    const args = command
      .trim()
      .replace(/iam=\S+/, `iam=${address}`)
      .split(" ");
    expect(args).toContain(`iam=${address}`);
    const { port } = await started([SERHAFEN, ...args, ...FREE_PORTS]);
    const curls = [...readme.matchAll(/^curl -i -H "Host: (\S+)" http:\/\/127\.0\.0\.1:8443(\S+) +# (\d+)/gm)];
    expect(curls.map((c) => c[3])).toEqual(["401", "200"]);
    for (const [, host = "", target = "", status] of curls) {
      const answer = await ask(port("https"), target, "127.0.0.1", host);
      expect([target, String(answer.status)]).toEqual([target, status]);
      if (answer.status === 200) expect(answer.text).toBe(`GET ${target}`);
    }
    await iam.stop();
  });
});
