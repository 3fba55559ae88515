import { readdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import { checkModel, type GatewayInput } from "../../lib/model";
import { compile } from "../../lib/targets";
import { freePair, freePorts, portOpen, startPart, until } from "../../lib/conformance/parts/process";
import { Connection } from "./connection";
import type { Drill, Run } from "./drill";
import { quantile } from "./load";
import { sleep } from "./wait";

/** One caller does his worst: others do not notice, and nothing of his is left when he has gone. */

const ROOT = path.join(__dirname, "../..");
/** Of the others, while he is at it. */
const P99_MS = 50;

const MODEL: GatewayInput = {
  name: "callers",
  targets: ["node-gateway"],
  environments: ["production"],
  front: { kind: "alb", tls: "front", networks: ["127.0.0.0/8"] },
  hosts: { "api.callers.test": { policies: { floodGuard: null } } },
  services: { one: { address: "127.0.0.1:1" } },
  routes: [
    { name: "open", match: { prefix: ["/open"] }, service: "one", policies: { bodySize: { max: "10MiB" } } },
    {
      name: "judged",
      match: { prefix: ["/judged"] },
      service: "one",
      policies: { bodySize: { max: "10MiB" }, bodySchema: { schema: { type: "object" } } },
    },
    { name: "guarded", match: { prefix: ["/guarded"] }, service: "one", policies: { circuitBreaker: {} } },
    { name: "graphql", match: { exact: ["/graphql"] }, service: "one", policies: { graphql: {} } },
  ],
};

interface Gateway {
  pid: number;
  port: number;
  admin: number;
  /** Connections that are open at the service. */
  atService(): number;
}

/** A service that answers at once, with the status that the path ends with, and never reads a body, behind the Node gateway. */
async function start(run: Run): Promise<Gateway> {
  let open = 0;
  const service = http.createServer((message, response) => {
    // It answers whoever has sent his body.
    if (message.url?.endsWith("/wait")) return void message.resume().on("end", () => response.end("ok"));
    response.statusCode = Number(/\/([45]\d\d)$/.exec(message.url ?? "")?.[1] ?? 200);
    return void response.end("ok");
  });
  service.on("connection", (socket) => {
    open += 1;
    socket.once("close", () => (open -= 1));
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  run.after(() => {
    service.closeAllConnections();
    return new Promise((resolve) => service.close(resolve));
  });
  const at = { file: "test/drills/one-caller.ts" };
  const address = `127.0.0.1:${String((service.address() as AddressInfo).port)}`;
  const model = checkModel({ ...at, value: { ...MODEL, services: { one: { address } } }, locate: () => at }).value;
  const plan = model && compile(model, "production").value?.files.find((f) => f.path.endsWith("plan.json"));
  if (!plan) throw new Error("The model does not compile.");
  const file = path.join(run.directory, "plan.json");
  writeFileSync(file, plan.content);
  const [plain = 0, port = 0, door = 0] = await freePorts(3);
  const admin = await freePair();
  const ports = { LISTEN_PORT: door, HTTP_PORT: plain, HTTPS_PORT: port, ADMIN_PORT: admin };
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(ports).map(([name, value]) => [name, String(value)])),
    REDIS_URL: "redis://127.0.0.1:1",
  };
  const part = startPart(process.execPath, ["--import", "tsx", path.join(ROOT, "bin/filter.ts"), file], {
    logFile: path.join(run.directory, "filter.log"),
    env,
    cwd: ROOT,
  });
  run.after(() => part.stop());
  await until("the gateway", () => portOpen(port), part);
  return { pid: part.pid, port, admin, atService: () => open };
}

const headOf = (method: string, target: string, client: string, more = ""): string =>
  `${method} ${target} HTTP/1.1\r\nHost: api.callers.test\r\nX-Forwarded-For: ${client}\r\n${more}\r\n`;

const descriptors = (pid: number): number => readdirSync(`/proc/${String(pid)}/fd`).length;

/** What others see for as long as something goes on: each asks when the one before was answered. */
async function others(run: Run, { port }: Gateway, during: Promise<unknown>, target = "/open"): Promise<void> {
  const over = new AbortController();
  void during.finally(() => {
    over.abort();
  });
  const ms: number[] = [];
  const statuses: Record<string, number> = {};
  const connection = await Connection.open(port);
  while (!over.signal.aborted || ms.length < 50) {
    const answer = await connection.ask(Buffer.from(headOf("GET", target, "203.0.113.9")), 10_000);
    statuses[String(answer.status)] = (statuses[String(answer.status)] ?? 0) + 1;
    ms.push(answer.ms);
    await sleep(2);
  }
  connection.close();
  await during;
  ms.sort((a, b) => a - b);
  run.note(`others: ${String(ms.length)} requests, p99 ${quantile(ms, 0.99).toFixed(1)} ms`);
  run.equal("others", Object.keys(statuses), ["200"]);
  run.atMost("p99 ms of others", quantile(ms, 0.99), P99_MS);
}

/** Sends one request and gives the status, however long it takes. */
function send(port: number, head: string, limitMs = 30_000, body?: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(head);
      if (body) socket.write(body);
    });
    let got = "";
    socket.setTimeout(limitMs, () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      got += chunk.toString("latin1");
      if (got.includes("\r\n\r\n")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      resolve(Number(/^HTTP\/1.1 (\d+)/.exec(got)?.[1] ?? 0));
    });
  });
}

/** Bodies that are dear to read: at the bound of what is judged, and far above it. */
const deep: Drill = {
  name: "41 one caller sends bodies that are dear to read",
  async run(run) {
    const gateway = await start(run);
    const mebibyte = 1024 * 1024;
    // Bytes, made once: who measures the others must not be held up by making them.
    const bodies = [
      ["/judged", "[".repeat(mebibyte)],
      ["/judged", "[".repeat(10 * mebibyte)],
      ["/judged", `[${"1,".repeat(mebibyte / 2 - 2)}1]`],
      ["/judged", `{${Array.from({ length: 40_000 }, (_, i) => `"m${String(i)}":[{}]`).join(",")}}`],
      ["/judged", `{"a":"${"\\u0061".repeat(mebibyte / 6 - 10)}"}`],
      ["/graphql", `{"query":"${"{a".repeat(200_000)}"}`],
    ].map(([target = "", body = ""]) => ({ target, body: Buffer.from(body) }));
    const statuses = new Set<number>();
    const worst = async (): Promise<void> => {
      const until = performance.now() + 3_000;
      for (let i = 0; performance.now() < until; i++) {
        const { target, body } = bodies[i % bodies.length] as (typeof bodies)[number];
        const length = `Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n`;
        statuses.add(await send(gateway.port, headOf("POST", target, "198.51.100.7", length), 30_000, body));
      }
    };
    await others(run, gateway, worst());
    run.equal(
      "his own",
      [...statuses].filter((s) => ![200, 400, 413].includes(s)),
      [],
    );
  },
};

/** Bodies that begin and never end, more than there are places: his share is his own. */
const slow: Drill = {
  name: "42 one caller begins thousands of bodies and leaves",
  async run(run) {
    const gateway = await start(run);
    const before = descriptors(gateway.pid);
    const head = headOf("POST", "/open", "198.51.100.7", "Content-Length: 100000\r\n");
    const sockets: net.Socket[] = [];
    const begin = async (): Promise<void> => {
      for (let i = 0; i < 5_100; i++) {
        const socket = net.connect(gateway.port, "127.0.0.1", () => socket.write(`${head}x`));
        socket.on("error", () => undefined);
        sockets.push(socket);
        if (i % 100 === 99) await sleep(30);
      }
    };
    await others(run, gateway, begin());
    run.atMost("connections to the service", gateway.atService(), 600);
    for (const socket of sockets) socket.destroy();
    await sleep(1_000);
    run.atMost("connections to the service a second after he has left", gateway.atService(), 2);
    await sleep(4_000);
    run.atMost("descriptors more than before", descriptors(gateway.pid) - before, 5);
  },
};

/** Half a head, on every port that anybody can reach: 15 seconds, and no longer. A body that pauses has 30. */
const halfHeads: Drill = {
  name: "43 one caller never ends his heads and bodies",
  async run(run) {
    const gateway = await start(run);
    const before = descriptors(gateway.pid);
    const sockets = [gateway.port, gateway.admin].flatMap((port) =>
      Array.from({ length: 320 }, (_, i) => {
        const socket = net.connect(port, "127.0.0.1", () => {
          if (i % 2 === 0) socket.write("GET /open HTTP/1.1\r\nHost: api.ca");
        });
        socket.on("error", () => undefined);
        socket.resume();
        return socket;
      }),
    );
    run.after(() => {
      for (const socket of sockets) socket.destroy();
      return Promise.resolve();
    });
    const head = headOf("POST", "/open/wait", "198.51.100.7", "Content-Length: 1000\r\n");
    const bodies = Promise.all(Array.from({ length: 60 }, () => send(gateway.port, `${head}x`, 40_000)));
    await others(run, gateway, sleep(18_000));
    run.equal("half heads still open", sockets.filter((s) => !s.closed).length, 0);
    run.equal("answer to a body that pauses", [...new Set(await bodies)], [408]);
    await sleep(500);
    run.atMost("descriptors more than before", descriptors(gateway.pid) - before, 5);
    const health = await fetch(`http://127.0.0.1:${String(gateway.admin)}/actuator/liveness`);
    run.equal("live", health.status, 200);
  },
};

/** What a service cannot do for one of them is no reason to keep it from the others, whatever it says. */
const failing: Drill = {
  name: "45 one caller makes a service fail",
  async run(run) {
    const gateway = await start(run);
    const got: Record<string, number> = {};
    const fail = async (): Promise<void> => {
      const connection = await Connection.open(gateway.port);
      for (const status of [500, 502, 503, 504]) {
        for (let i = 0; i < 50; i++) {
          const answer = await connection.ask(Buffer.from(headOf("GET", `/guarded/${String(status)}`, "198.51.100.7")));
          got[String(answer.status)] = (got[String(answer.status)] ?? 0) + 1;
        }
      }
      connection.close();
    };
    await others(run, gateway, fail(), "/guarded");
    run.equal("his own", got, { "500": 50, "502": 50, "503": 50, "504": 50 });
  },
};

export const oneCallerDrills: readonly Drill[] = [deep, slow, halfHeads, failing];
