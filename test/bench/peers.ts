import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { defineGateway } from "../../lib/model";
import { freePorts } from "../../lib/conformance/parts/process";
import { ISSUERS } from "./model";
import { checkout, OWN } from "./parts/checkout";
import { startCaddy, startTraefik } from "./parts/go-peers";
import { median } from "./parts/measure";
import { upstreamConf } from "./parts/nginx-confs";
import { observe, type Seen } from "./parts/observe";
import { gatewayRequest, orderRequest, writeRequests } from "./parts/requests";
import { startNodeGateway } from "./parts/node-gateway";
import { nginxServer, startGenerated, type Stand } from "./parts/stands";
import { withStage } from "./parts/stage";
import { CORES } from "./parts/cores";
import { atMost, print, progress, table, targetList } from "./parts/table";

/**
 * What this version's gateways cost beside an older version of them, and beside others that ask the same door: CPU of proxy and
 * filter for the same call, rounds side by side. `bench:peers [--quick] [--old FOLDER]`.
 */
const { values } = parseArgs({ options: { quick: { type: "boolean", default: false }, old: { type: "string" } } });
const ROUNDS = values.quick ? 3 : 7;
const TIMES = { seconds: values.quick ? 1 : 1.5, warmUp: 0.3 };

/** What a system promises on every route as a rule: a token, a role, a breaker, compression, a time for all of it. */
const model = defineGateway({
  name: "bench",
  environments: ["production"],
  targets: ["nginx", "node-gateway"],
  accept: [{ difference: "nginx-gzip", reason: "Clients take gzip, and no answer here is that large." }],
  // Traefik asks its authorization service by that one's own name.
  hosts: { "api.bench.test": {}, localhost: {} },
  issuers: ISSUERS,
  services: { orders: { address: "orders.bench.svc.cluster.local:8080" } },
  policies: {
    // The guard would be the first thing that a load test meets.
    floodGuard: null,
    jwt: { issuers: ["main"], claimHeaders: { "x-user-id": "sub" } },
    authorization: { anyOf: [{ roles: ["clerk"] }] },
    circuitBreaker: {},
    compression: {},
  },
  routes: [
    { name: "plain", match: { prefix: ["/plain"] }, service: "orders" },
    {
      name: "judged",
      match: { prefix: ["/judged"] },
      service: "orders",
      policies: {
        bodySchema: {
          schema: {
            type: "object",
            properties: { item: { type: "string", maxLength: 40 }, count: { type: "integer", minimum: 1 } },
            required: ["item", "count"],
            additionalProperties: false,
          },
        },
      },
    },
    {
      name: "cached",
      match: { prefix: ["/cached"] },
      service: "orders",
      policies: { cache: { ttl: "300s", by: "user", group: "orders" } },
    },
  ],
});

const REQUESTS = { plain: gatewayRequest, judged: orderRequest, cached: gatewayRequest } as const;
type RouteName = keyof typeof REQUESTS;
const ROUTES = Object.keys(REQUESTS) as RouteName[];
/** The peers' own configuration knows one route. */
const TARGET = "/plain/17?page=2";

const NGINX = "nginx + filter";
const NODE = "Node gateway";
const TRAEFIK = "Traefik + filter";
const CADDY = "Caddy + filter";
const older = (name: string): string => `older ${name}`;

async function main(): Promise<void> {
  if (values.old !== undefined && !existsSync(values.old)) throw new Error(`${values.old} is not there.`);
  await withStage(async (stage) => {
    const [service = 0, traefik = 0, caddy = 0] = await freePorts(3);
    const upstream = await nginxServer(stage, "upstream", CORES.helpers, service, upstreamConf(service));
    const of = async (folder: string, named: (name: string) => string): Promise<Required<Stand>[]> => {
      const code = await checkout(folder);
      const files = (target: string, at: Parameters<typeof code.files>[2]): ReturnType<typeof code.files> =>
        code.files(model, target, at);
      const program = await code.program();
      const own = { name: named(NGINX), files, program };
      const node = await startNodeGateway(stage, service, { name: named(NODE), files, program });
      return [await startGenerated(stage, service, own), { name: named(NODE), proxy: node, door: node }];
    };
    const now = await of(OWN, (name) => name);
    const door = now[0]?.door.port ?? 0;
    const ports = { upstream: service, door };
    const peers: Stand[] = [
      { name: TRAEFIK, proxy: await startTraefik(stage, { ...ports, listen: traefik }, TARGET) },
      { name: CADDY, proxy: await startCaddy(stage, { ...ports, listen: caddy }, TARGET) },
    ].map((peer) => ({ ...peer, ...(now[0] && { door: now[0].door }) }));
    const before = values.old === undefined ? [] : await of(values.old, older);
    const stands = [...now, ...before, ...peers];
    const [token = ""] = await stage.tokens.good("RS256", 1);
    const seen = new Map<string, Seen[]>();
    for (let round = 1; round <= ROUNDS; round++) {
      progress(`round ${String(round)} of ${String(ROUNDS)}`);
      for (const route of ROUTES) {
        const file = path.join(stage.directory, `${route}.requests`);
        const requests = writeRequests(file, [REQUESTS[route](route, token)]);
        for (const stand of stands) {
          if (peers.includes(stand) && route !== "plain") continue;
          const key = `${route} ${stand.name}`;
          seen.set(key, [...(seen.get(key) ?? []), await observe(stand, upstream, requests, TIMES)]);
        }
      }
    }
    const all = (route: RouteName, name: string): Seen[] => seen.get(`${route} ${name}`) ?? [];
    // The gateway that is its own filter is counted once.
    const cpu = ({ proxy, door: asked }: Seen, name: string): number => (name.endsWith(NODE) ? proxy : proxy + asked);
    const rows = ROUTES.flatMap((route) =>
      stands
        .filter(({ name }) => all(route, name).length > 0)
        .map(({ name }) => {
          const each = all(route, name).map((s) => cpu(s, name));
          const sum = (of: (s: Seen) => number): string =>
            all(route, name)
              .reduce((total, s) => total + of(s), 0)
              .toFixed(0);
          return [
            ...[
              route,
              name,
              median(each).toFixed(0),
              `${Math.min(...each).toFixed(0)}–${Math.max(...each).toFixed(0)}`,
              median(all(route, name).map(({ door }) => door)).toFixed(0),
            ],
            ...[sum((s) => s.report.answered), sum((s) => s.report.unexpected + s.report.errors + s.report.unsent)],
          ];
        }),
    );
    print(
      "CPU of proxy and filter a request, µs:",
      table(["route", "gateway", "median", "range", "of it the filter's", "answers", "unexpected"], rows),
    );
    const ratio = (route: RouteName, a: string, b: string): number =>
      median(all(route, a).map((s, round) => cpu(s, a) / cpu(all(route, b)[round] as Seen, b)));
    print(
      targetList([
        ...(values.old === undefined
          ? []
          : [
              atMost("plain: nginx / older", ratio("plain", NGINX, older(NGINX)), 0.45),
              atMost("judged: nginx / older", ratio("judged", NGINX, older(NGINX)), 0.7),
              atMost("cached: nginx / older", ratio("cached", NGINX, older(NGINX)), 0.45),
              ...ROUTES.map((r) => atMost(`${r}: Node gateway / older`, ratio(r, NODE, older(NODE)), 0.6)),
            ]),
        atMost("plain: nginx / Traefik", ratio("plain", NGINX, TRAEFIK), 1),
        atMost("plain: nginx / Caddy", ratio("plain", NGINX, CADDY), 1),
        atMost("plain: Node gateway / Traefik", ratio("plain", NODE, TRAEFIK), 1),
        atMost("plain: Node gateway / Caddy", ratio("plain", NODE, CADDY), 1),
      ]),
    );
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 2;
});
