import type { GatewayModel } from "../../lib/model";
import { FaultProxy } from "../parts/fault-proxy";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { RECOVERY_MS } from "./bounds";
import { Connection, type Answer } from "./connection";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { startIstio, startNginx, startUpstream, type Addresses, type Gateway, type Upstream } from "./gateways";
import { Issuer, newKey } from "./issuer";
import { METRICS } from "./metrics";
import { HOST } from "./question";
import { sleep, timeUntil } from "./wait";

interface Behind {
  issuer: Issuer;
  upstream: Upstream;
  /** Between the proxy and the filter. */
  network: FaultProxy;
  filter: FilterProcess;
  gateway: Gateway;
}

async function start(run: Run, target: string, begin: (run: Run, at: Addresses) => Promise<Gateway>): Promise<Behind> {
  const issuer = new Issuer();
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const upstream = await startUpstream();
  run.after(() => upstream.stop());
  const keysUrl = `http://127.0.0.1:${String(keys.port)}/keys`;
  const plan = planOf(compiledFiles({ keysUrl, target }));
  const filter = await FilterProcess.start({ directory: run.directory, plan });
  run.after(() => filter.stop());
  const network = await FaultProxy.start(filter.port);
  run.after(() => network.stop());
  const gateway = await begin(run, {
    keysUrl,
    filterAddress: `127.0.0.1:${String(network.port)}`,
    serviceAddress: `127.0.0.1:${String(upstream.port)}`,
  });
  return { issuer, upstream, network, filter, gateway };
}

async function call(gateway: Gateway, path: string, token?: string): Promise<Answer> {
  const lines = [
    `GET ${path} HTTP/1.1`,
    ...[`Host: ${HOST}`, "X-Forwarded-For: 198.51.100.7", "Connection: close"],
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
  ];
  const connection = await Connection.open(gateway.port);
  try {
    return await connection.ask(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
  } finally {
    connection.close();
  }
}

/** The model's `filter.timeout`, and what a proxy needs beside it. */
const TIMEOUT_MS = 500;

interface Down {
  what: string;
  boundMs: number;
  begin(behind: Behind): Promise<void> | void;
  end(behind: Behind): Promise<void> | void;
}

const DOWNS: readonly Down[] = [
  {
    what: "refused",
    boundMs: 200,
    async begin({ network }) {
      await network.set("refuse");
      network.cut();
    },
    end: ({ network }) => network.set("pass"),
  },
  {
    what: "reset",
    boundMs: 200,
    async begin({ network }) {
      await network.set("reset");
      network.cut();
    },
    end: ({ network }) => network.set("pass"),
  },
  {
    what: "blackholed",
    boundMs: 2 * TIMEOUT_MS,
    begin: ({ network }) => network.set("blackhole"),
    end: ({ network }) => network.set("pass"),
  },
  {
    what: "hanging",
    boundMs: 2 * TIMEOUT_MS,
    begin({ filter }) {
      filter.part.signal("SIGSTOP");
    },
    end({ filter }) {
      filter.part.signal("SIGCONT");
    },
  },
];

const filterDown = (target: string, begin: (run: Run, at: Addresses) => Promise<Gateway>): Drill => ({
  name: `37 filter down behind ${target}`,
  async run(run) {
    const behind = await start(run, target, begin);
    const { gateway, upstream, issuer, filter } = behind;
    const token = issuer.token();
    const ready = await timeUntil(async () => (await call(gateway, "/read", token)).status === 200, RECOVERY_MS);
    run.atMost(`ms until ${target} passes on`, ready, RECOVERY_MS);
    run.equal("without a token", (await call(gateway, "/read")).status, 401);
    for (const down of DOWNS) {
      await down.begin(behind);
      const seen = upstream.requests;
      const answers = [];
      for (let i = 0; i < 5; i++) answers.push(await call(gateway, i % 2 === 0 ? "/read" : "/local", token));
      run.equal(`${down.what}: status`, [...new Set(answers.map((a) => a.status))], [503]);
      run.equal(`${down.what}: requests that reached the service`, upstream.requests - seen, 0);
      run.atMost(`${down.what}: ms`, Math.max(...answers.map((a) => a.ms)), down.boundMs);
      run.equal(
        `${down.what}: no detail of the door`,
        answers.filter((a) => /nginx|upstream|auth/i.test(a.body)),
        [],
      );
      run.equal(`${down.what}: a route without a door`, (await call(gateway, "/open")).status, 200);
      await down.end(behind);
      const again = await timeUntil(async () => (await call(gateway, "/read", token)).status === 200, RECOVERY_MS);
      run.atMost(`${down.what}: ms to recover`, again, RECOVERY_MS);
      run.equal(`${down.what}: without a token afterwards`, (await call(gateway, "/read")).status, 401);
    }
    await sleep(200);
    const logged = gateway
      .log()
      .split("\n")
      .filter((line) => /"status":"?503/.test(line));
    run.equal("503s in the proxy's log", logged.length, 5 * DOWNS.length);
    run.atLeast(
      "decisions counted by the filter",
      (await filter.metrics()).sum(METRICS.requests) ?? 0,
      2 + DOWNS.length,
    );
  },
});

/** A GitOps tool applies files in its own order: what is newer than the rest is answered, and asked about, by nobody. */
const oneByOne: Drill = {
  name: "44 istio's routes arrive before their guard",
  async run(run) {
    const newer = (model: GatewayModel): GatewayModel => ({
      ...model,
      routes: model.routes.map((r) => (r.name === "open" ? { ...r, name: "opened" } : r)),
    });
    const begin = (r: Run, at: Addresses): Promise<Gateway> => startIstio(r, at, newer);
    const { issuer, upstream, gateway } = await start(run, "istio", begin);
    const answered = async (path: string): Promise<number> => (await call(gateway, path, issuer.token())).status;
    run.equal("a route that the guard knows", [await answered("/read"), upstream.requests], [200, 1]);
    run.equal("one that it does not know", [await answered("/open"), upstream.requests], [503, 1]);
  },
};

/** Nothing that looks at tokens beside the filter may hold older keys than the filter does. */
const freshKey = (target: string, begin: (run: Run, at: Addresses) => Promise<Gateway>): Drill => ({
  name: `47 a key signs as soon as it is published behind ${target}`,
  async run(run) {
    const { issuer, upstream, gateway } = await start(run, target, begin);
    const old = issuer.token();
    const ready = await timeUntil(async () => (await call(gateway, "/read", old)).status === 200, RECOVERY_MS);
    run.atMost(`ms until ${target} passes on`, ready, RECOVERY_MS);
    const fresh = newKey();
    run.equal("its tokens before", (await call(gateway, "/read", issuer.token(fresh))).status, 401);
    const seen = upstream.requests;
    const another = newKey();
    issuer.published = [...issuer.published, another];
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push((await call(gateway, "/read", issuer.token(another))).status);
    run.equal("its tokens from then on", answers, [200, 200, 200, 200, 200]);
    run.equal("tokens of the key before it", (await call(gateway, "/read", old)).status, 200);
    run.equal("requests that reached the service", upstream.requests - seen, 6);
  },
});

export const proxyDrills: readonly Drill[] = [
  filterDown("nginx", startNginx),
  filterDown("istio", startIstio),
  oneByOne,
  freshKey("nginx", startNginx),
  freshKey("istio", startIstio),
];
