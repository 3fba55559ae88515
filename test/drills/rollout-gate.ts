import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pino } from "pino";
import { runCommand } from "../../lib/commands";
import type { FilterPlan } from "../../lib/decision/filter-plan";
import { readPlan } from "../../lib/decision/plan-text";
import { startFilter } from "../../lib/filter/server";
import { Prometheus, prometheusPrograms } from "../parts/prometheus";
import { Connection } from "./connection";
import { startServer } from "./gateways";
import { Skip, type Drill, type Run } from "./drill";
import { sleep } from "./wait";

/** The command that moves a rollout on, which asks a real Prometheus whether the new side is well. */

const GATE = { errorRatio: 0.05, p95: "1s", over: "6s", requests: 50 };

const TRAFFIC_MS = 8_000;

/** A service that answers with what it is told to. */
async function startService(run: Run): Promise<{ port: number; status: number }> {
  const service = { port: 0, status: 200 };
  service.port = await startServer(run, (_, response) => {
    response.writeHead(service.status, { "content-length": 0 }).end();
  });
  return service;
}

const gate: Drill = {
  name: "53 a rollout goes on while its gate holds, by a real Prometheus",
  async run(run) {
    const programs = await prometheusPrograms();
    if (!programs) throw new Skip("Prometheus cannot be had");
    const [old, fresh] = [await startService(run), await startService(run)];
    const folder = path.join(run.directory, "policies");
    mkdirSync(folder, { recursive: true });
    const file = path.join(folder, "shop.json");
    const address = ({ port }: { port: number }): object => ({ address: `127.0.0.1:${String(port)}` });
    const model = {
      name: "shop",
      environments: ["production"],
      targets: ["node-gateway"],
      front: { kind: "alb", tls: "front", networks: ["127.0.0.0/8"] },
      hosts: { "api.shop.test": {} },
      services: { orders: address(old), "orders-2": address(fresh) },
      policies: { floodGuard: null },
      routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders" }],
      rollouts: { move: { from: "orders", to: "orders-2", gate: GATE } },
    };
    writeFileSync(file, JSON.stringify(model));
    const out = path.join(run.directory, "out");
    const plan = (): FilterPlan =>
      readPlan(readFileSync(path.join(out, "kubernetes/shop/production/node-gateway/plan.json"), "utf8"));
    let said = "";
    const command = async (...words: string[]): Promise<number> => {
      said = "";
      const take = (text: string): void => void (said += text);
      return runCommand(words, { out: take, err: take });
    };
    run.equal("synth", await command("synth", file, "--out", out), 0);
    const running = await startFilter({
      ...{ plan: plan(), host: "127.0.0.1", port: 0, redis: "redis://127.0.0.1:1", log: pino({ level: "silent" }) },
      gateway: { http: 0, https: 0 },
    });
    run.after(() => running.stop());
    const dir = path.join(run.directory, "prometheus");
    mkdirSync(dir);
    const prometheus = await Prometheus.start(programs.prometheus, dir, { groups: [] });
    run.after(() => prometheus.stop());
    prometheus.scrape([{ address: `127.0.0.1:${String(running.adminPort)}`, labels: { namespace: "gateway" } }]);
    const step = async (...words: string[]): Promise<number> => {
      const options = ["--prometheus", prometheus.url, "--selector", 'namespace="gateway"', "--out", out];
      const code = await command("rollout", ...words, file, ...(words[0] === "back" ? ["--out", out] : options));
      await running.reload(plan);
      return code;
    };
    /** For as long as Prometheus takes to see a change. */
    const traffic = async (): Promise<void> => {
      const asked = Buffer.from("GET /orders HTTP/1.1\r\nHost: api.shop.test\r\n\r\n");
      const connection = await Connection.open(running.gateway?.https ?? 0);
      const end = performance.now() + TRAFFIC_MS;
      while (performance.now() < end) {
        await connection.ask(asked);
        await sleep(5);
      }
      connection.close();
    };
    const shares = (): string[] =>
      (plan().hosts[0]?.routes[0]?.backends ?? []).map(({ service, weight }) => `${service} ${String(weight)}`);

    run.equal("the first step is free", await step("next", "move"), 0);
    run.equal("shares", shares(), ["orders-2 10", "orders 90"]);
    run.equal("without requests nothing is known", [await step("next", "move"), /50 are needed/.test(said)], [1, true]);
    await traffic();
    run.equal(
      "a healthy side goes on",
      [await step("next", "move"), said.split("\n")[0]?.includes("10 to 50 %")],
      [0, true],
    );
    fresh.status = 503;
    await traffic();
    run.equal(
      "one that fails stays",
      [await step("next", "move"), /calls failed, and 5\.00 % may be/.test(said)],
      [1, true],
    );
    run.equal("shares of one that fails", shares(), ["orders-2 50", "orders 50"]);
    await command("rollout", "status", file, "--prometheus", prometheus.url);
    run.check("status tells why", /at 50 %, next 100 %[^]*the gate does not hold/.test(said), said);
    run.equal("back", [await step("back", "move"), shares()[0]], [0, "orders-2 10"]);
    run.equal("and to its beginning", [await step("back", "move"), shares()], [0, ["orders 100"]]);
    run.note(said.trim());
  },
};

export const rolloutGateDrills: readonly Drill[] = [gate];
