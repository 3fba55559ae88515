import { setTimeout as sleep } from "node:timers/promises";
import { readCases } from "../../lib/conformance/case";
import { STANDS } from "../conformance/stands";
import { knownSystem } from "../conformance/systems";
import type { Stand } from "../../lib/conformance/stands/stand";
import type { WireRequest } from "../../lib/conformance/wire";
import { Skip, type Drill, type Run } from "./drill";
import { descendants } from "./process-table";

/** A minute of load on the whole of Serhafen, in which a worker dies, the store is restarted and a key is changed. */

const SECONDS = 60;
const LANES = 8;
const PAUSE_MS = 40;
const KILL_AT = 12;
const STORE_AWAY_AT = 25;
const STORE_BACK_AT = 28;
const ROTATE_AT = 40;
const RETIRE_AT = 52;
const USERS = 400;

interface Kind {
  name: string;
  share: number;
  /** Statuses that the model allows, whatever happens around it. */
  allowed: readonly number[];
  /** A method that may be sent once only: what is under way on a worker that dies is lost. */
  once?: true;
  request(stand: Stand, n: number): Partial<WireRequest> & { token?: string; tenant?: string };
}

const user = (stand: Stand, n: number, key?: "other"): string =>
  stand.identities.sign(
    {
      sub: `load-${String(n % USERS)}`,
      realm_access: { roles: ["VIEWER"] },
      business_unit: "SERHAFEN",
      country_code: "CL",
    },
    key ?? "published",
  );

const KINDS: readonly Kind[] = [
  {
    name: "read",
    share: 50,
    allowed: [200],
    request: (s, n) => ({ target: `/customs/${String(n)}`, token: user(s, n) }),
  },
  {
    name: "cached read",
    share: 10,
    allowed: [200],
    request: (s, n) => ({ target: `/users/${String(n % 20)}`, token: user(s, n) }),
  },
  {
    ...{ name: "write", share: 20, allowed: [200], once: true },
    request: (s, n) => ({
      method: "POST",
      target: `/customs/${String(n)}`,
      token: user(s, n),
      body: Buffer.from("{}"),
    }),
  },
  {
    name: "forged",
    share: 10,
    allowed: [401],
    request: (s, n) => ({ target: "/customs/1", token: user(s, n, "other") }),
  },
  { name: "no token", share: 5, allowed: [401], request: () => ({ target: "/customs/1" }) },
  {
    name: "foreign tenant",
    share: 5,
    allowed: [403],
    request: (s, n) => ({ target: "/customs/1", token: user(s, n), tenant: "PE" }),
  },
];

function kindOf(n: number): Kind {
  let at = (n * 37) % 100;
  return KINDS.find((kind) => (at -= kind.share) < 0) ?? (KINDS[0] as Kind);
}

function wireOf(stand: Stand, kind: Kind, n: number): WireRequest {
  const { token, tenant, ...own } = kind.request(stand, n);
  return {
    scheme: "https",
    httpVersion: "1.1",
    method: "GET",
    host: "api.serhafen.com",
    target: "/",
    headers: [
      ["X-Request-Id", `load-${String(n)}`],
      ...(token === undefined ? [] : [["Authorization", `Bearer ${token}`] as const]),
      ...(tenant === undefined ? [] : [["X-Country-Code", tenant] as const]),
      ...(own.body
        ? ([
            ["Content-Type", "application/json"],
            ["Content-Length", String(own.body.length)],
          ] as const)
        : []),
    ],
    body: undefined,
    chunked: false,
    client: `198.51.100.${String(n % 250)}`,
    websocket: false,
    ...own,
  };
}

async function events(stand: Stand, started: number): Promise<void> {
  const { around } = stand;
  if (!around) throw new Error("There are no parts around it.");
  const at = (seconds: number): Promise<void> => sleep(Math.max(0, started + seconds * 1000 - performance.now()));
  await at(KILL_AT);
  const [filter] = around.filters;
  const [worker] = descendants(filter?.part.pid ?? 0);
  if (worker !== undefined) process.kill(worker, "SIGKILL");
  await at(STORE_AWAY_AT);
  await around.valkey.stop();
  await at(STORE_BACK_AT);
  await around.valkey.resume();
  await at(ROTATE_AT);
  stand.identities.rotate();
  await at(RETIRE_AT);
  stand.identities.retire();
}

async function load(run: Run, target: string): Promise<void> {
  process.env["FILTER_WORKERS"] = "2";
  const stand = await STANDS[target]?.({ system: knownSystem("serhafen"), environment: "production", replicas: 1 });
  delete process.env["FILTER_WORKERS"];
  if (!stand || "unavailable" in stand) throw new Skip(stand?.unavailable ?? target);
  run.after(() => stand.stop());
  const [anyCase] = readCases("test/conformance/cases/serhafen");
  if (!anyCase) throw new Skip("There is no case to begin with.");
  await stand.begin({ ...anyCase, upstreams: {}, away: [] });
  const counts = new Map<string, number>();
  const wrong: string[] = [];
  const lost: string[] = [];
  const started = performance.now();
  let n = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - started < SECONDS * 1000) {
      n += 1;
      const [id, kind] = [n, kindOf(n)];
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const status = await stand.send(wireOf(stand, kind, id), 0).then(
        ({ answer, socket }) => {
          socket.destroy();
          return answer.status;
        },
        () => 0,
      );
      counts.set(`${kind.name} ${String(status)}`, (counts.get(`${kind.name} ${String(status)}`) ?? 0) + 1);
      if (!kind.allowed.includes(status))
        (status >= 200 && status < 300 ? wrong : lost).push(`${kind.name} ${String(status)} at ${seconds} s`);
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all([events(stand, started), ...Array.from({ length: LANES }, lane)]);
  const sent = new Map<string, number>();
  for (const { method, headers } of stand.services.seen) {
    const id = headers.find(([name]) => name.toLowerCase() === "x-request-id")?.[1] ?? "";
    if (method === "POST") sent.set(id, (sent.get(id) ?? 0) + 1);
  }
  run.equal("wrongly allowed", wrong, []);
  run.equal("writes sent twice", [...sent.values()].filter((times) => times > 1).length, 0);
  // What was under way on the worker that died: a write is not repeated, and a gateway alone has nobody who repeats.
  const mayBeLost = target === "node-gateway" ? LANES : LANES / 2;
  run.atMost(`lost: ${lost.slice(0, 12).join(", ")}`, lost.length, mayBeLost);
  const late = lost.filter((l) => Number(/at ([\d.]+)/.exec(l)?.[1]) > KILL_AT + 3);
  run.equal("lost long after", late, []);
  run.note(
    [...counts.entries()]
      .sort()
      .map(([name, count]) => `${name}: ${String(count)}`)
      .join(", "),
  );
}

export const loadDrills: readonly Drill[] = ["nginx", "istio", "node-gateway"].map((target) => ({
  name: `load: a minute through ${target}, a worker killed, the store restarted, a key changed`,
  slow: true,
  run: (run) => load(run, target),
}));
