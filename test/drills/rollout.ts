import { pino } from "pino";
import { chooseService } from "../../lib/decision/call";
import type { FilterPlan } from "../../lib/decision/filter-plan";
import { readPlan } from "../../lib/decision/plan-text";
import { startFilter } from "../../lib/filter/server";
import { until } from "../../lib/conformance/parts/process";
import type { Exchange } from "../../lib/policy";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { rollout } from "../../lib/model/rollout-schema";
import { Connection } from "./connection";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { startIstioOf, startNginx, startServer, type Addresses, type Change, type ChangeableGateway } from "./gateways";
import { Issuer } from "./issuer";
import { startLoad } from "./load";
import { METRICS } from "./metrics";
import { HOST } from "./question";
import { timeUntil } from "./wait";

/** A rollout under load, to its end and back: nobody is refused, and who is on the new side stays there. */

const USERS = 2_000;
const STEPS = [0, 10, 50, 100, 50, 0];
const CALLS = 4_000;
/** Points that a step's share may be off. */
const OFF = 2;
/** Until all parts have another configuration. */
const SETTLED_MS = 10_000;

/** Says who it is. */
const startService = (run: Run, name: string): Promise<number> =>
  startServer(run, (_, response) => response.writeHead(200, { "content-length": name.length }).end(name));

const at =
  (share: number, next: string, filterPort: number): Change =>
  (model) => ({
    ...model,
    // From 1.27.4 on a reload ends no connection that somebody is sending on.
    nginx: { ...model.nginx, version: "1.28.0" },
    // Envoy takes the end of a second check later than the routes that have none (docs/rollout.md).
    issuers: { main: { ...model.issuers["main"], requestAuthentication: false } as never },
    filter: { ...model.filter, throughPort: filterPort + 1, reportPort: filterPort + 2 },
    services: { ...model.services, next: { ...model.services["one"], address: next } as never },
    rollouts: { move: rollout.parse({ from: "one", to: "next", sticky: "user", at: { production: share } }) },
  });

/** On which side a user is, by the model's own meaning. */
function sideOf(n: number, share: number): string {
  const backends = [
    { service: "next", weight: share },
    { service: "one", weight: 100 - share },
  ];
  const policies = [{ kind: "weights" as const, config: { rollout: { to: "next", sticky: "user" } } }];
  const route = { name: "read", match: { paths: [] }, backends, policies };
  return chooseService(route, { identity: { issuer: "main", user: `user-${String(n)}` } } as Exchange);
}

/** Who is asked about whether a step is there. */
const SAMPLE = Array.from({ length: 40 }, (_, n) => n * 7);

/** All that carries a request, and takes another plan. */
interface Stand {
  port: number;
  /** The filter first, then the proxy, as they are applied. */
  update(share: number): Promise<void>;
}

type Begin = (run: Run, places: { keysUrl: string; one: number; next: number }) => Promise<Stand>;

const behind =
  (
    target: string,
    begin: (run: Run, at: Addresses, change: Change, next: number) => Promise<ChangeableGateway>,
  ): Begin =>
  async (run, { keysUrl, one, next }) => {
    const local = (name: string, port: number): string =>
      (target === "istio" ? `${name}.drill.internal` : "127.0.0.1") + `:${String(port)}`;
    const plan = (share: number, port: number): string =>
      planOf(
        compiledFiles({
          ...{ keysUrl, target, serviceAddress: `127.0.0.1:${String(one)}` },
          change: at(share, `127.0.0.1:${String(next)}`, port),
        }),
      );
    const filter = await FilterProcess.start({ directory: run.directory, plan: plan(0, 1) });
    run.after(() => filter.stop());
    const proxied = (share: number): Change => at(share, local("next", next), filter.port);
    const addresses = {
      keysUrl,
      filterAddress: `127.0.0.1:${String(filter.port)}`,
      serviceAddress: `127.0.0.1:${String(one)}`,
    };
    const gateway = await begin(run, addresses, proxied(0), next);
    let taken = 0;
    return {
      port: gateway.port,
      async update(share) {
        filter.take(plan(share, filter.port));
        taken += 1;
        await until("the filter's plan", async () => {
          return (await filter.metrics()).sum(METRICS.planReloads, { outcome: "ok" }) === taken;
        });
        gateway.update(proxied(share));
      },
    };
  };

const nodeGateway: Begin = async (run, { keysUrl, one, next }) => {
  const planAt = (share: number): FilterPlan => {
    const files = compiledFiles({
      ...{ keysUrl, target: "node-gateway", serviceAddress: `127.0.0.1:${String(one)}` },
      change: at(share, `127.0.0.1:${String(next)}`, 1),
    });
    return readPlan(files.find((f) => f.path.endsWith("plan.json"))?.content ?? "");
  };
  const running = await startFilter({
    ...{ plan: planAt(0), host: "127.0.0.1", port: 0, redis: "redis://127.0.0.1:1", log: pino({ level: "silent" }) },
    gateway: { http: 0, https: 0 },
  });
  run.after(() => running.stop());
  return {
    port: running.gateway?.https ?? 0,
    async update(share) {
      run.equal(`${String(share)} %: the plan is taken`, await running.reload(() => planAt(share)), true);
    },
  };
};

const drill = (target: string, begin: Begin): Drill => ({
  name: `52 a rollout under load, to its end and back, on ${target}`,
  async run(run) {
    const issuer = new Issuer();
    const keys = await startKeyServer(issuer.keySet);
    run.after(() => keys.stop());
    const [one, next] = [await startService(run, "one"), await startService(run, "next")];
    const stand = await begin(run, { keysUrl: `http://127.0.0.1:${String(keys.port)}/keys`, one, next });
    const heads = Array.from({ length: USERS }, (_, n) => {
      const lines = [`GET /read/${String(n)} HTTP/1.1`, `Host: ${HOST}`, "X-Forwarded-For: 198.51.100.7"];
      const token = issuer.token(undefined, { sub: `user-${String(n)}` });
      return Buffer.from(`${[...lines, `Authorization: Bearer ${token}`].join("\r\n")}\r\n\r\n`);
    });
    const ask = async (n: number): Promise<{ status: number; side: string }> => {
      const connection = await Connection.open(stand.port);
      try {
        const { status, body } = await connection.ask(heads[n % USERS] as Buffer);
        return { status, side: body };
      } finally {
        connection.close();
      }
    };
    const first = await timeUntil(async () => (await ask(0)).status === 200, SETTLED_MS);
    run.atMost(`ms until ${target} passes on`, first, SETTLED_MS);

    let sides = new Map<number, string>();
    let before = 0;
    for (const share of STEPS) {
      const load = startLoad({
        connections: 4,
        port: () => stand.port,
        next: (n) => heads[n % USERS] as Buffer,
        statusOf: (a) => a.status,
      });
      await stand.update(share);
      const settled = await timeUntil(async () => {
        const some = await Promise.all(SAMPLE.map(ask));
        return some.every(({ side }, n) => side === sideOf(SAMPLE[n] ?? 0, share));
      }, SETTLED_MS);
      run.atMost(`ms until ${String(share)} % is there`, settled, SETTLED_MS);
      const now = new Map<number, string>();
      let asked = 0;
      while (asked < CALLS) {
        const batch = Array.from({ length: 8 }, async (_, i) => {
          const n = (asked + i) % USERS;
          const { status, side } = await ask(n);
          run.check(`at ${String(share)} %: a user's status`, status === 200, String(status));
          run.check(`at ${String(share)} %: a user's side`, side === sideOf(n, share), `${side}, user ${String(n)}`);
          now.set(n, side);
        });
        await Promise.all(batch);
        asked += batch.length;
      }
      const { statuses, failures, requests } = await load.stop();
      run.equal(
        `from ${String(before)} to ${String(share)} %: calls meanwhile`,
        [statuses, failures],
        [{ "200": requests }, {}],
      );
      const moved = [...now.values()].filter((side) => side === "next").length;
      const part = (100 * moved) / USERS;
      run.atMost(`at ${String(share)} %: points off`, Math.abs(part - share), OFF);
      const backwards = [...now].filter(
        ([n, side]) => (sides.get(n) ?? side) !== side && (side === "one") === share > before,
      );
      run.equal(`from ${String(before)} to ${String(share)} %: users who go the other way`, backwards.length, 0);
      run.note(`${String(share)} %: ${part.toFixed(1)} % of users, ${String(requests + asked)} requests`);
      [sides, before] = [now, share];
    }
  },
});

export const rolloutDrills: readonly Drill[] = [
  drill("node-gateway", nodeGateway),
  drill("nginx", behind("nginx", startNginx)),
  drill(
    "istio",
    behind("istio", (run, addresses, change, next) => startIstioOf({ next })(run, addresses, change)),
  ),
];
