import { createHash, createHmac, randomUUID } from "node:crypto";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pino } from "pino";
import { readPlan } from "../../lib/decision/plan-text";
import { KEY_TIMES } from "../../lib/filter/keys";
import { startFilter } from "../../lib/filter/server";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import type { GatewayModel } from "../../lib/model";
import { apiKey } from "../../lib/policy/kinds/api-key";
import { signature } from "../../lib/policy/kinds/signature";
import { Connection } from "./connection";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { startIstioOf, startNginx, startServer, type Change } from "./gateways";
import { Issuer, newKey } from "./issuer";
import { startLoad } from "./load";
import { HOST } from "./question";
import { Store } from "./store";
import { sleep, timeUntil } from "./wait";

/** Keys of callers, of signatures, of an issuer, and the one that services see, changed again and again under load. */

const REFRESH_MS = 200;
const SETTLED_MS = 10_000;
const TURNS = 3;
/** How long each state is looked at. */
const PHASE_MS = 1_500;

const SECRETS = ["callers", "signers", "inside"] as const;
type Secret = (typeof SECRETS)[number];

class Files {
  constructor(private readonly directory: string) {}

  of(name: Secret): string {
    return path.join(this.directory, name);
  }

  /** The version that was current is the previous one now, as long as it is. */
  write(turn: number, withPrevious: boolean): void {
    for (const name of SECRETS) {
      const text = (n: number): string =>
        name === "inside" ? `${name}-${String(n)}` : JSON.stringify({ id: `${name}-${String(n)}` });
      const put = (file: string, content: string): void => {
        writeFileSync(`${file}.next`, content);
        renameSync(`${file}.next`, file);
      };
      const previous = `${this.of(name)}.previous`;
      if (withPrevious) put(previous, text(turn - 1));
      put(this.of(name), text(turn));
      if (!withPrevious) rmSync(previous, { force: true });
    }
  }
}

const withKeys =
  (files: Files, filterPort: number): Change =>
  (model: GatewayModel): GatewayModel => {
    const [issuer] = Object.values(model.issuers);
    const own: Readonly<Record<string, object>> = {
      open: {
        apiKey: apiKey.schema.parse({ secret: "callers", header: "x-api-key" }),
        requestHeaders: { set: { "x-inside": { secret: "inside" } }, remove: [] },
      },
      tenant: { signature: signature.schema.parse({ secret: "signers" }), jwt: null, tenant: null },
    };
    return {
      ...model,
      // Envoy's own check learns of a key later than the filter, and is of no use to drills of that.
      issuers: { main: { ...issuer, requestAuthentication: false } as never },
      filter: { ...model.filter, throughPort: filterPort + 1, reportPort: filterPort + 2 },
      secrets: Object.fromEntries(SECRETS.map((name) => [name, { file: files.of(name) }])),
      routes: model.routes.map((r) => (own[r.name] ? { ...r, policies: { ...r.policies, ...own[r.name] } } : r)),
    };
  };

/** Of a key that is known, and not signed by it: what nobody knows would be asked about. */
const broken = (token: string): string => token.replace(/.{8}$/, "AAAAAAAA");

/** A request by the keys of one turn, of each kind. */
function requestOf(kind: number, turn: number | "never", issuer: Issuer): Buffer {
  const lines: string[] = [];
  let [method, target] = ["GET", "/open/a"];
  if (kind === 0) lines.push(`X-Api-Key: callers-${String(turn)}`);
  if (kind === 1) {
    [method, target] = ["POST", `/tenant/${randomUUID()}`];
    const [time, nonce] = [String(Math.floor(Date.now() / 1000)), randomUUID()];
    const hash = createHash("sha256").update("").digest("hex");
    const signed = createHmac("sha256", `signers-${String(turn)}`).update(
      [method, target, time, nonce, hash].join("\n"),
    );
    const values = { "Key-Id": "id", Timestamp: time, Nonce: nonce };
    lines.push(...Object.entries(values).map(([name, value]) => `X-Signature-${name}: ${value}`));
    lines.push(`X-Signature: ${signed.digest("base64url")}`, "Content-Length: 0");
  }
  if (kind === 2) {
    target = "/read/a";
    lines.push(
      `Authorization: Bearer ${turn === "never" ? broken(issuer.token()) : issuer.token(issuer.published.at(-1))}`,
    );
  }
  return Buffer.from(`${[`${method} ${target} HTTP/1.1`, `Host: ${HOST}`, ...lines].join("\r\n")}\r\n\r\n`);
}

const KINDS = ["callers", "signers", "tokens"];

type Begin = (
  run: Run,
  files: Files,
  at: { keysUrl: string; serviceAddress: string; redis: string },
) => Promise<number>;

const nodeGateway: Begin = async (run, files, { redis, ...at }) => {
  const made = compiledFiles({ ...at, target: "node-gateway", change: withKeys(files, 1) });
  const plan = readPlan(made.find((f) => f.path.endsWith("plan.json"))?.content ?? "");
  const running = await startFilter({
    ...{ plan, host: "127.0.0.1", port: 0, redis, log: pino({ level: "silent" }), storeTimeoutMs: 1_000 },
    secretTimes: { refreshMs: REFRESH_MS },
    keyTimes: { ...KEY_TIMES, refreshMs: REFRESH_MS },
    gateway: { http: 0, https: 0 },
  });
  run.after(() => running.stop());
  return running.gateway?.https ?? 0;
};

const behind =
  (start: (run: Run, at: never, change: Change) => Promise<{ port: number }>, target: string): Begin =>
  async (run, files, { redis, ...at }) => {
    const env = {
      SECRETS_REFRESH_MS: String(REFRESH_MS),
      KEYS_REFRESH_MS: String(REFRESH_MS),
      STORE_TIMEOUT_MS: "1000",
    };
    const plan = planOf(compiledFiles({ ...at, target, change: withKeys(files, 1) }));
    const filter = await FilterProcess.start({ directory: run.directory, plan, redisUrl: redis, env });
    run.after(() => filter.stop());
    const placed = { ...at, filterAddress: `127.0.0.1:${String(filter.port)}` };
    return (await start(run, placed as never, withKeys(files, filter.port))).port;
  };

const TARGETS: Readonly<Record<string, Begin>> = {
  "node-gateway": nodeGateway,
  nginx: behind(startNginx, "nginx"),
  istio: behind(startIstioOf({}), "istio"),
};

async function change(run: Run, target: string): Promise<void> {
  const issuer = new Issuer();
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const store = await Store.start(run);
  const files = new Files(run.directory);
  files.write(0, false);
  /** What services may see, and have seen that is something else. */
  let inside = new Set(["inside-0"]);
  const strange = new Set<string>();
  const service = await startServer(run, (message, response) => {
    const seen = message.headers["x-inside"];
    if (message.url?.startsWith("/open") && !inside.has(String(seen))) strange.add(String(seen));
    response.end("ok");
  });
  const at = {
    keysUrl: `http://127.0.0.1:${String(keys.port)}/keys`,
    serviceAddress: `127.0.0.1:${String(service)}`,
    redis: `redis://127.0.0.1:${String(store.port)}`,
  };
  const port = await (TARGETS[target] as Begin)(run, files, at);
  const status = async (bytes: Buffer): Promise<number> => {
    const connection = await Connection.open(port);
    try {
      return (await connection.ask(bytes)).status;
    } finally {
      connection.close();
    }
  };
  let turn = 0;
  const all = async (of: number | "never", expected: number): Promise<boolean> => {
    const said = await Promise.all(KINDS.map((_, kind) => status(requestOf(kind, of, issuer))));
    return said.every((one) => one === expected);
  };
  run.atMost(`ms until ${target} passes on`, await timeUntil(() => all(0, 200), SETTLED_MS), SETTLED_MS);

  const load = (of: () => number | "never"): ReturnType<typeof startLoad> =>
    startLoad({
      ...{ connections: 3, port: () => port, statusOf: (a) => a.status },
      next: (n) => requestOf(n % KINDS.length, of(), issuer),
    });
  const [known, strangers] = [load(() => turn), load(() => "never")];
  for (let next = 1; next <= TURNS; next++) {
    inside = new Set([`inside-${String(turn)}`, `inside-${String(next)}`]);
    files.write(next, true);
    issuer.published = [...issuer.published.slice(-1), newKey()];
    // Whoever has the new key is let in as soon as it is known, and nobody is refused meanwhile.
    run.atMost(
      `turn ${String(next)}: ms until the new keys hold`,
      await timeUntil(() => all(next, 200), SETTLED_MS),
      SETTLED_MS,
    );
    await sleep(PHASE_MS);
    turn = next;
    await sleep(PHASE_MS);
    inside = new Set([`inside-${String(next)}`]);
    files.write(next, false);
    const old = async (): Promise<boolean> => {
      const said = await Promise.all([0, 1].map((kind) => status(requestOf(kind, next - 1, issuer))));
      return said.every((one) => one === 401);
    };
    run.atMost(`turn ${String(next)}: ms until the old ones are dead`, await timeUntil(old, SETTLED_MS), SETTLED_MS);
  }
  const [good, bad] = [await known.stop(), await strangers.stop()];
  run.equal("who has good keys", [good.statuses, good.failures], [{ "200": good.requests }, {}]);
  run.equal("who has none", [bad.statuses, bad.failures], [{ "401": bad.requests }, {}]);
  run.equal("what services have seen besides", [...strange], []);
  run.note(`${String(good.requests)} good requests, ${String(bad.requests)} others, ${String(TURNS)} turns`);
}

export const changingKeyDrills: readonly Drill[] = Object.keys(TARGETS).map((target) => ({
  name: `56 all keys change under load, on ${target}`,
  run: (run) => change(run, target),
}));
