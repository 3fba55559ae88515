import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { faultsOf, type Gate } from "../../lib/commands/rollout-gate";
import { removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";
import { run, type Ran } from "./run";

/** A rollout on the command line; drill 53 asks a real Prometheus, here are the answers that a healthy one does not give. */

afterAll(removeTemporaryDirectories);

const LONG_AGO = "2026-11-01T00:00:00.000Z";

function repository(): {
  folder: string;
  rollout: (...words: string[]) => Promise<Ran>;
  shares: () => unknown;
  wait: () => void;
} {
  const folder = temporaryDirectory();
  mkdirSync(path.join(folder, "policies"));
  const services = {
    old: { address: "old.shop.svc.cluster.local:80" },
    fresh: { address: "fresh.shop.svc.cluster.local:80" },
  };
  const model = small({
    targets: ["node-gateway"],
    services,
    routes: [{ name: "all", match: { prefix: ["/"] }, service: "old" }],
    rollouts: { move: { from: "old", to: "fresh" } },
  });
  const file = writeIn(path.join(folder, "policies"), "shop.json", JSON.stringify(model));
  const stateFile = path.join(folder, "policies/rollouts.json");
  return {
    folder,
    rollout: (...words) => run("rollout", ...words, file, ...(words.includes("--out") ? [] : ["--out", folder])),
    shares: () =>
      JSON.parse(readFileSync(stateFile, "utf8"), (key, value: unknown) =>
        key !== "" && typeof value === "object" && value !== null && "at" in value ? value.at : value,
      ) as unknown,
    /** As if its last step had been written long ago. */
    wait: () => {
      writeFileSync(
        stateFile,
        readFileSync(stateFile, "utf8").replaceAll(/"since": "[^"]*"/g, `"since": "${LONG_AGO}"`),
      );
    },
  };
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Something at Prometheus' address. */
async function at(
  answer: (query: string, message: IncomingMessage) => { status?: number; body: string },
): Promise<string> {
  const server = createServer((message, response) => {
    const query = new URL(message.url ?? "", "http://a").searchParams.get("query") ?? "";
    const { status = 200, body } = answer(query, message);
    response.writeHead(status).end(body);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

const vector = (value: string | undefined): { body: string } => ({
  body: JSON.stringify({ status: "success", data: { result: value === undefined ? [] : [{ value: [0, value] }] } }),
});

test("forwards, back, and what is written of it; others' rollouts stay", async () => {
  const { folder, rollout, shares } = repository();
  writeFileSync(
    path.join(folder, "policies/rollouts.json"),
    JSON.stringify({ other: { production: { a: { at: 10, since: LONG_AGO } } } }),
  );
  expect(await rollout("status")).toMatchObject({
    code: 0,
    out: "shop, production: move: old to fresh, at 0 %, next 10 %\n",
  });
  expect(await rollout("next", "move")).toMatchObject({ code: 0, err: "" });
  expect(shares()).toEqual({ other: { production: { a: 10 } }, shop: { production: { move: 10 } } });
  const plan = readFileSync(path.join(folder, "kubernetes/shop/production/node-gateway/plan.json"), "utf8");
  expect(plan).toContain('"service": "fresh"');
  expect(await rollout("next", "move")).toMatchObject({
    code: 2,
    err: expect.stringContaining("--prometheus URL") as unknown,
  });
  expect(await rollout("next", "move", "--force")).toMatchObject({ code: 0 });
  expect(await rollout("next", "move", "--force")).toMatchObject({ code: 0 });
  expect(await rollout("next", "move", "--force")).toMatchObject({
    code: 2,
    err: expect.stringContaining("write fresh in place of old") as unknown,
  });
  expect(await rollout("back", "move")).toMatchObject({
    code: 0,
    out: expect.stringContaining("100 to 50 %") as unknown,
  });
  expect(await rollout("back", "move", "--all")).toMatchObject({
    code: 0,
    out: expect.stringContaining("50 to 0 %") as unknown,
  });
  expect(await rollout("back", "move")).toMatchObject({ code: 2 });
});

test.each([
  [["forth", "move"], "Write rollout status"],
  [["next"], "No model has a rollout"],
  [["next", "gone"], 'No model has a rollout "gone" in production; there are move'],
  [["next", "move", "--environment", "moon"], 'No model has a rollout "move" in moon'],
  [["status", "--prometheus", "ftp://a"], "at 0 %"],
])("%j", async (words, said) => {
  const { code, out, err } = await repository().rollout(...words);
  expect([code === 0, `${out}${err}`.includes(said)]).toEqual([words[0] === "status", true]);
});

test.each<[string, Parameters<typeof at>[0], string]>([
  ["says no", () => ({ status: 400, body: '{"status":"error","error":"bad query"}' }), "bad query"],
  ["is no Prometheus", () => ({ body: "<html>" }), "does not answer as Prometheus does"],
  ["leads elsewhere", () => ({ status: 302, body: "" }), "does not answer as Prometheus does"],
  ["knows no series", () => vector(undefined), "it had 0 calls"],
  ["has no number", () => vector("NaN"), "it had 0 calls"],
  ["saw too few", () => vector("99"), "it had 99 calls in 10 minutes, and 100 are needed"],
  [
    "saw failures",
    (query) => vector(query.includes("failed") ? "0.02" : "1000"),
    "2.00 % of its calls failed, and 1.00 % may be",
  ],
])("what %s lets nothing go on", async (_, answer, said) => {
  const { rollout, shares, wait } = repository();
  await rollout("next", "move");
  wait();
  const { code, err } = await rollout("next", "move", "--prometheus", await at(answer));
  expect([code, err.includes(said), err]).toEqual([1, true, err]);
  expect(shares()).toEqual({ shop: { production: { move: 10 } } });
});

test("a step that was written a moment ago says nothing yet", async () => {
  const { rollout, shares, wait } = repository();
  await rollout("next", "move");
  const url = await at((query) => vector(query.includes("failed") ? "0" : "1000"));
  const { code, err } = await rollout("next", "move", "--prometheus", url);
  expect([code, err]).toEqual([1, expect.stringContaining("its window is not over yet")]);
  wait();
  expect(await rollout("next", "move", "--prometheus", url)).toMatchObject({ code: 0 });
  expect(shares()).toEqual({ shop: { production: { move: 50 } } });
});

test("where its output cannot be written it is as far as it was", async () => {
  const { folder, rollout, shares } = repository();
  await rollout("next", "move");
  writeFileSync(path.join(folder, "blocked"), "");
  const { code } = await rollout("back", "move", "--out", path.join(folder, "blocked"));
  expect([code, shares()]).toEqual([2, { shop: { production: { move: 10 } } }]);
});

test("the way back waits for no other model, and for no step", async () => {
  const { folder, rollout, shares } = repository();
  await rollout("next", "move");
  const file = path.join(folder, "policies/rollouts.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"at": 10', '"at": 33'));
  const other = writeIn(path.join(folder, "policies"), "broken.yaml", "name: [");
  expect(await rollout("back", "move", other)).toMatchObject({ code: 0 });
  expect(shares()).toEqual({ shop: { production: { move: 10 } } });
});

test("one that no target could keep is told before it begins", async () => {
  const grpc = (name: string): object => ({ address: `${name}.shop.svc.cluster.local:80`, protocol: "grpc" });
  const model = small({
    targets: ["istio"],
    services: { old: grpc("old"), fresh: grpc("fresh") },
    routes: [{ name: "all", match: { prefix: ["/"] }, service: "old" }],
    rollouts: { move: { from: "old", to: "fresh" } },
  });
  const { code, err } = await run("check", writeIn(temporaryDirectory(), "shop.json", JSON.stringify(model)));
  expect([code, err.includes("Once it has begun (move): ")]).toEqual([1, true]);
});

test("one that nobody answers at, too", async () => {
  const { rollout } = repository();
  await rollout("next", "move");
  const url = await at(() => ({ body: "" }));
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  expect(await rollout("next", "move", "--prometheus", url)).toMatchObject({
    code: 1,
    err: expect.stringContaining("ECONNREFUSED") as unknown,
  });
});

test("the query names the new side, the window and the selector, and a token goes along", async () => {
  const { rollout, wait } = repository();
  await rollout("next", "move");
  wait();
  const seen: string[] = [];
  const url = await at((query, { headers }) => {
    seen.push(`${String(headers.authorization)} ${query}`);
    return vector(query.includes("failed") ? "0" : "1000");
  });
  process.env["PROMETHEUS_TOKEN"] = "t0";
  try {
    expect(await rollout("next", "move", "--prometheus", url, "--selector", 'namespace="gateway"')).toMatchObject({
      code: 0,
    });
  } finally {
    delete process.env["PROMETHEUS_TOKEN"];
  }
  expect(seen).toHaveLength(3);
  for (const query of seen) expect(query).toMatch(/^Bearer t0 .*service="fresh",namespace="gateway".*\[600s\]/);
});

const GATE: Gate = { errorRatio: 0.01, p95: 300, over: 600_000, requests: 100 };

test.each([
  [{ requests: 100, errorRatio: 0.01, p95: 0.3 }, 0],
  [{ requests: 100, errorRatio: 0.0101, p95: 0.3 }, 1],
  [{ requests: 100, errorRatio: 0, p95: 0.301 }, 1],
  [{ requests: 100, errorRatio: 1, p95: 9 }, 2],
  // What nobody knows holds nothing open.
  [{ requests: 100, errorRatio: NaN, p95: 0.1 }, 1],
  [{ requests: 100, errorRatio: 0, p95: NaN }, 1],
  [{ requests: 100, errorRatio: 0, p95: Infinity }, 1],
])("of %j %i things do not hold", (measured, faults) => {
  expect(faultsOf(GATE, measured)).toHaveLength(faults);
});
