import http from "node:http";
import type { Socket } from "node:net";
import { pino } from "pino";
import { readPlan } from "../../lib/decision/plan-text";
import { startFilter } from "../../lib/filter/server";
import { freePorts } from "../../lib/conformance/parts/process";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import type { GatewayModel } from "../../lib/model";
import { retries, timeouts } from "../../lib/policy/kinds/upstream";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import type { Drill, Run } from "./drill";
import { startIstioOf, startNginx, type Addresses } from "./gateways";
import { Issuer } from "./issuer";
import { startLoad } from "./load";
import { HOST } from "./question";
import { sleep, timeUntil } from "./wait";

/** A service at two addresses, of which one dies, comes back, hangs and breaks off, while it is asked without pause. */

const EJECTION_MS = 2_000;
const PER_TRY_MS = 500;
/** How long each state lasts. */
const PHASE_MS = 4_000;

type State = "well" | "dead" | "hangs" | "breaks-off";

/** One instance: what it does is said from outside, and it counts each request by its id. */
class Instance {
  readonly seen = new Map<string, number>();
  answered = 0;
  #state: State = "well";
  readonly #sockets = new Set<Socket>();
  readonly #server = http.createServer({ keepAliveTimeout: 120_000 }, (message, response) => {
    message.resume();
    const id = String(message.headers["x-drill-id"]);
    this.seen.set(id, (this.seen.get(id) ?? 0) + 1);
    if (this.#state === "breaks-off") message.socket.destroy();
    if (this.#state !== "well") return;
    this.answered += 1;
    response.end("ok");
  });

  constructor(readonly port: number) {
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    });
  }

  async become(state: State): Promise<void> {
    this.#state = state;
    // Whoever was kept waiting is told nothing any more.
    for (const socket of this.#sockets) socket.destroy();
    if (state === "dead") await new Promise((resolve) => this.#server.close(resolve));
    else if (!this.#server.listening)
      await new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
  }
}

const withTwo =
  (ports: readonly number[]) =>
  (model: GatewayModel): GatewayModel => {
    const addresses = ports.map((port) => `127.0.0.1:${String(port)}`);
    const { one } = model.services;
    return {
      ...model,
      kubernetes: { ...model.kubernetes, mtls: "none" },
      services: {
        one: { ...one, address: addresses[0], addresses, health: { failures: 3, ejectionTime: EJECTION_MS } } as never,
      },
      policies: {
        ...model.policies,
        retries: retries.schema.parse({ tries: 2, perTry: "500ms" }),
        timeouts: timeouts.schema.parse({ firstByte: "500ms" }),
      },
    };
  };

type Begin = (run: Run, at: Addresses, ports: readonly number[]) => Promise<number>;

const nodeGateway: Begin = async (run, { keysUrl, serviceAddress }, ports) => {
  const files = compiledFiles({ keysUrl, target: "node-gateway", serviceAddress, change: withTwo(ports) });
  const plan = readPlan(files.find((f) => f.path.endsWith("plan.json"))?.content ?? "");
  const running = await startFilter({
    ...{ plan, host: "127.0.0.1", port: 0, redis: "redis://127.0.0.1:1", log: pino({ level: "silent" }) },
    gateway: { http: 0, https: 0 },
  });
  run.after(() => running.stop());
  return running.gateway?.https ?? 0;
};

const TARGETS: Readonly<Record<string, Begin>> = {
  "node-gateway": nodeGateway,
  nginx: async (run, at, ports) => (await startNginx(run, at, withTwo(ports))).port,
  istio: async (run, at, ports) => (await startIstioOf({})(run, at, withTwo(ports))).port,
};

const ask = (id: string, method: string): Buffer => {
  const lines = [`${method} /open/${id} HTTP/1.1`, `Host: ${HOST}`, `X-Drill-Id: ${id}`];
  return Buffer.from(`${[...lines, ...(method === "POST" ? ["Content-Length: 0"] : [])].join("\r\n")}\r\n\r\n`);
};

async function lives(run: Run, target: string): Promise<void> {
  const keys = await startKeyServer(new Issuer().keySet);
  run.after(() => keys.stop());
  const instances = (await freePorts(2)).map((port) => new Instance(port));
  run.after(() => Promise.all(instances.map((i) => i.become("dead"))));
  for (const instance of instances) await instance.become("well");
  const [first, second] = instances as [Instance, Instance];
  const ports = instances.map(({ port }) => port);
  const at = {
    keysUrl: `http://127.0.0.1:${String(keys.port)}/keys`,
    serviceAddress: `127.0.0.1:${String(first.port)}`,
  };
  const plan = planOf(compiledFiles({ ...at, change: withTwo(ports) }));
  const filter = await FilterProcess.start({ directory: run.directory, plan });
  run.after(() => filter.stop());
  const begin = TARGETS[target] as Begin;
  const port = await begin(run, { ...at, filterAddress: `127.0.0.1:${String(filter.port)}` }, ports);

  let id = 0;
  const load = (method: string, connections: number): ReturnType<typeof startLoad> =>
    startLoad({
      ...{ connections, port: () => port, statusOf: (a) => a.status },
      next: () => ask(`${method}-${String((id += 1))}`, method),
    });
  const settled = await timeUntil(async () => {
    const probe = load("GET", 1);
    await sleep(100);
    const { statuses, failures, requests } = await probe.stop();
    return requests > 0 && statuses["200"] === requests && Object.keys(failures).length === 0;
  }, 10_000);
  run.atMost(`ms until ${target} passes on`, settled, 10_000);

  for (const state of ["well", "dead", "well", "hangs", "well", "breaks-off", "well"] as const) {
    const before = second.answered;
    await second.become(state);
    const reads = load("GET", 4);
    const writes = load("POST", 2);
    await sleep(PHASE_MS);
    const [read, written] = [await reads.stop(), await writes.stop()];
    run.equal(`${state}: reads`, [read.statuses, read.failures], [{ "200": read.requests }, {}]);
    run.equal(`${state}: writes without an answer`, written.failures, {});
    // It is left alone but for a look now and then: each may cost as many writes as are on their way.
    const refused = written.requests - (written.statuses["200"] ?? 0);
    const looks = Math.ceil(PHASE_MS / EJECTION_MS) + 1;
    run.atMost(`${state}: writes that it does not answer`, refused, state === "well" ? 0 : looks * 2 * 3);
    const slow = read.ms.filter((ms) => ms >= PER_TRY_MS).length;
    run.atMost(`${state}: reads that wait for it`, slow, state === "hangs" ? looks * 4 * 3 : 0);
    run.check(`${state}: it has its turn`, second.answered > before === (state === "well"));
    run.note(
      `${state}: ${String(read.requests)} reads, ${String(refused)} of ${String(written.requests)} writes failed`,
    );
  }
  const twice = [...first.seen.keys()].filter((k) => k.startsWith("POST") && second.seen.has(k));
  const again = instances.flatMap(({ seen }) => [...seen].filter(([k, n]) => k.startsWith("POST") && n > 1));
  run.equal("writes that were sent twice", twice.length + again.length, 0);
}

export const addressDrills: readonly Drill[] = Object.keys(TARGETS).map((target) => ({
  name: `54 two addresses of a service, of which one fails in each way, on ${target}`,
  run: (run) => lives(run, target),
}));
