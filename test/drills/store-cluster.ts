import { mkdirSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { Redis } from "ioredis";
import { RedisStore } from "../../lib/filter/redis-store";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { freePorts, portOpen, startPart, until, type Part } from "../../lib/conformance/parts/process";
import { wheels } from "../../lib/conformance/parts/wheels";
import type { Counter } from "../../lib/policy";
import { Skip, type Drill, type Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { newClient } from "./question";
import { sleep, timeUntil } from "./wait";

/** A real cluster of three stores, which divides all keys among them, and one of which dies. */

const SLOTS = 16_384;

async function send(port: number, ...words: string[]): Promise<unknown> {
  const client = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: null, enableReadyCheck: false });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const [name = "", ...args] = words;
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}

interface Node {
  port: number;
  part: Part;
  start(): Promise<Part>;
}

/** A port whose second, 10,000 above it, is free as well: nodes speak to each other there. */
async function nodePort(): Promise<number> {
  for (;;) {
    const [port = 0] = await freePorts(1);
    if (port + 10_000 > 65_535) continue;
    const free = await new Promise<boolean>((resolve) => {
      const server = net.createServer();
      server.once("error", () => {
        resolve(false);
      });
      server.listen(port + 10_000, "127.0.0.1", () =>
        server.close(() => {
          resolve(true);
        }),
      );
    });
    if (free) return port;
  }
}

async function startNode(run: Run, binary: string): Promise<Node> {
  const port = await nodePort();
  const directory = path.join(run.directory, String(port));
  mkdirSync(directory);
  const settings = { port: String(port), bind: "127.0.0.1", save: "", appendonly: "no" };
  // What is left of a cluster goes on by itself.
  const own = { "cluster-enabled": "yes", "cluster-node-timeout": "1000", "cluster-require-full-coverage": "no" };
  const args = Object.entries({ ...settings, ...own }).flatMap(([name, value]) => [`--${name}`, value]);
  const start = async (): Promise<Part> => {
    const part = startPart(binary, args, { logFile: path.join(directory, "valkey.log"), cwd: directory });
    await until("valkey", () => portOpen(port), part);
    return part;
  };
  return { port, part: await start(), start };
}

async function startCluster(run: Run): Promise<{ url: string; nodes: Node[] }> {
  const programs = await wheels();
  if (!programs) throw new Skip("Valkey cannot be installed");
  const nodes: Node[] = [];
  run.after(() => Promise.all(nodes.map(({ part }) => part.stop("SIGKILL"))));
  for (let n = 0; n < 3; n++) nodes.push(await startNode(run, programs.valkey));
  for (const [i, { port }] of nodes.entries()) {
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * SLOTS) / nodes.length));
    await send(port, "CLUSTER", "ADDSLOTSRANGE", String(from), String((to ?? 0) - 1));
    for (const other of nodes) await send(port, "CLUSTER", "MEET", "127.0.0.1", String(other.port));
  }
  const isWhole = async ({ port }: Node): Promise<boolean> => {
    const info = String(await send(port, "CLUSTER", "INFO"));
    return info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:3");
  };
  const ms = await timeUntil(async () => (await Promise.all(nodes.map(isWhole))).every(Boolean), 20_000);
  run.atMost("ms until the cluster is whole", ms, 20_000);
  return { url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${String(port)}`).join(",")}`, nodes };
}

const counter = (owner: string, requests: number): Counter => ({
  ...{ key: `limit:{drill:production:${owner}}:calls`, requests, perMs: 3_600_000 },
  burst: requests - 1,
});

async function openStore(run: Run, url: string): Promise<RedisStore> {
  const store = new RedisStore(url, 1_000);
  store.start({ onError: () => undefined, onReady: () => undefined });
  run.after(() => {
    store.stop();
    return Promise.resolve();
  });
  run.atMost("ms until the store is there", await timeUntil(() => store.ready, 10_000), 10_000);
  return store;
}

/** Names that are spread over all nodes. */
const NAMES = Array.from({ length: 60 }, (_, n) => `user-${String(n)}`);

async function keeps(run: Run): Promise<void> {
  const { url, nodes } = await startCluster(run);
  const [store, other] = [await openStore(run, url), await openStore(run, url)];
  let admitted = 0;
  for (let n = 0; n < 6; n++) {
    const { waitMs } = await (n % 2 === 0 ? store : other).take([counter("shared", 4)]);
    if (waitMs === 0) admitted += 1;
  }
  run.equal("admitted of 6, by two replicas", admitted, 4);

  // Where one of two owners has none left, the other's is not used up.
  await store.take([counter("empty", 1)]);
  for (const name of NAMES) {
    const { waitMs, usedMs } = await store.take([counter(name, 2), counter("empty", 1)]);
    run.check("refused for one owner", waitMs > 0 && usedMs.length === 2, String(waitMs));
  }
  await sleep(200);
  let left = 0;
  for (const name of NAMES) {
    const first = await other.take([counter(name, 2)]);
    const second = await other.take([counter(name, 2)]);
    if (first.waitMs === 0 && second.waitMs === 0) left += 1;
  }
  run.equal("owners who have both of theirs left", left, NAMES.length);

  for (const name of [...NAMES, "a{b}c", "a}b{c", "{}", "{a"]) {
    const waits: boolean[] = [];
    for (let n = 0; n < 3; n++) {
      waits.push((await store.attempt(`login:${name}`, 2, 60_000)) > 0);
      await other.attempted(`login:${name}`, "failed", 2, 60_000);
    }
    run.equal(`${name}: blocked after two attempts`, waits, [false, false, true]);
    run.equal(
      `${name}: a nonce counts once`,
      [await store.once(name, 60_000), await other.once(name, 60_000)],
      [true, false],
    );
    run.equal(
      `${name}: a lease of one`,
      [await store.lease(`slot:${name}`, "a", 1, 60_000), await other.lease(`slot:${name}`, "b", 1, 60_000)],
      [true, false],
    );
    await store.keep(name, "key", undefined, Buffer.from("kept"), 60_000);
    run.equal(`${name}: kept`, String((await other.cached(name, "key")).value), "kept");
    await other.drop(name);
    run.equal(`${name}: dropped`, (await store.cached(name, "key")).value, undefined);
  }
  const shares = await Promise.all(nodes.map(async ({ port }) => Number(await send(port, "DBSIZE"))));
  run.check(
    "every node has its share",
    shares.every((n) => n > 50),
    shares.join(" "),
  );
  run.note(`keys: ${shares.join(", ")}`);
}

async function lives(run: Run): Promise<void> {
  const { url, nodes } = await startCluster(run);
  const issuer = new Issuer();
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
  const filter = await FilterProcess.start({ directory: run.directory, plan, redisUrl: url });
  run.after(() => filter.stop());
  const statuses = async (route: string): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    await Promise.all(
      NAMES.map(async () => {
        const { verdict: status } = await filter.ask({ route, client: newClient() });
        counts[String(status)] = (counts[String(status)] ?? 0) + 1;
      }),
    );
    return counts;
  };
  const settled = await timeUntil(async () => (await statuses("strict"))["200"] === NAMES.length, 10_000);
  run.atMost("ms until all are counted", settled, 10_000);
  const last = nodes[2] as Node;
  await last.part.stop("SIGKILL");
  await sleep(1_500);
  const away = await statuses("strict");
  run.check(
    "a third of strict limits is away, and no more",
    (away["200"] ?? 0) > NAMES.length / 3 && (away["503"] ?? 0) > 0,
    JSON.stringify(away),
  );
  run.equal("others hold for each replica alone", await statuses("local"), { "200": NAMES.length });
  last.part = await last.start();
  const back = await timeUntil(async () => (await statuses("strict"))["200"] === NAMES.length, 20_000);
  run.atMost("ms until the node is back", back, 20_000);
  run.note(`without one node: ${JSON.stringify(away)}; back after ${String(Math.round(back))} ms`);
}

export const storeClusterDrills: readonly Drill[] = [
  { name: "55 a cluster of three stores keeps what one keeps", run: keeps },
  { name: "55 a cluster of three stores, of which one dies and comes back", run: lives },
];
