import type { GatewayModel } from "../model";
import type { Infrastructure } from "../model/infrastructure";
import { MOST_REPLICAS } from "../charts/figures";
import { billOf, gatewayOf, podsIn, type Bill, type Wanted } from "./bill";
import { cents } from "./lines";
import { INSTANCES, nodesFor } from "./nodes";
import { podsOf, type Pods } from "./pods";
import { synthesize } from "./synthesized";
import { peakPerSecond, type Usage } from "./usage";

/** Other models of the same system, each synthesized and priced like the first. */

type Change = (infrastructure: Infrastructure) => Infrastructure;

export function changed(model: GatewayModel, environment: string, change: Change): GatewayModel {
  const before = model.infrastructure[environment];
  if (!before) return model;
  return { ...model, infrastructure: { ...model.infrastructure, [environment]: change(before) } };
}

/** The model with one target, whose pods the balancer asks. */
function behind(model: GatewayModel, environment: string, target: string): GatewayModel {
  const narrowed = changed(model, environment, (i) => ({ ...i, edge: { ...i.edge, target } }));
  return { ...narrowed, targets: [target] };
}

/** The model with as many nodes as its pods ask for, and no fewer than one in each zone. */
function withNodes({ model, environment, usage }: Wanted, gateway: string): GatewayModel {
  const infrastructure = model.infrastructure[environment];
  const instance = INSTANCES[infrastructure?.cluster.nodes.instanceType ?? ""];
  if (!infrastructure || !instance) return model;
  const pods = podsIn(synthesize(model, environment), usage, gateway);
  const count = Math.max(infrastructure.zones.length, nodesFor(pods, instance) ?? 0);
  return changed(model, environment, (i) => {
    const { nodes } = i.cluster;
    return { ...i, cluster: { ...i.cluster, nodes: { ...nodes, min: count, max: Math.max(count, nodes.max) } } };
  });
}

export interface Solution {
  name: string;
  bill: Bill;
}

/**
 * The gateways that a system may stand behind. Kong's own configuration is not compiled yet: its pods are those that the
 * usage file states, and the filter beside them is the one behind ingress-nginx.
 */
const SOLUTIONS: readonly { name: string; target: string; gateway: string }[] = [
  { name: "Node gateway", target: "node-gateway", gateway: "node-gateway" },
  { name: "Kong, without a database", target: "ingress-nginx", gateway: "kong" },
  { name: "Istio", target: "istio", gateway: "istio" },
];

export function solutionsOf({ model, environment, usage }: Wanted): Solution[] {
  return SOLUTIONS.filter(({ target }) => model.targets.includes(target)).map(({ name, target, gateway }) => ({
    name,
    bill: billOf({
      model: withNodes({ model: behind(model, environment, target), environment, usage }, gateway),
      environment,
      usage,
      gateway,
    }),
  }));
}

/** The environment as the model has it: one gateway runs. */
export const presentBill = ({ model, environment, usage }: Wanted): Bill =>
  billOf({ model: behind(model, environment, gatewayOf(model, environment)), environment, usage });

export interface Saving {
  change: string;
  /** What is given up for it. */
  loses: string;
  usd: number;
}

const SAVINGS: readonly (Omit<Saving, "usd"> & { apply: Change })[] = [
  {
    change: "network.natGateways: 1",
    loses: "While its zone is away, nothing in the cluster reaches the internet.",
    apply: (i) => ({ ...i, network: { ...i.network, natGateways: 1 } }),
  },
  {
    change: "cluster.nodes.capacity: spot",
    loses: "AWS takes a node back with two minutes' notice; the spot price moves.",
    apply: (i) => ({ ...i, cluster: { ...i.cluster, nodes: { ...i.cluster.nodes, capacity: "spot" } } }),
  },
  {
    change: "edge.firewallLogs: matched",
    loses: "What no rule has anything against stands in the gateway's own log alone.",
    apply: (i) => ({ ...i, edge: { ...i.edge, firewallLogs: "matched" } }),
  },
  {
    change: "database.class: t4g.medium",
    loses: "Memory, and CPU that is there for bursts alone. It stays in two zones.",
    apply: (i) => (i.database ? { ...i, database: { ...i.database, class: "t4g.medium" } } : i),
  },
  {
    change: "cache.nodeType: cache.t4g.small",
    loses: "Memory, and CPU that is there for bursts alone. It keeps its replica.",
    apply: (i) => (i.cache ? { ...i, cache: { ...i.cache, nodeType: "cache.t4g.small" } } : i),
  },
  {
    change: "without search",
    loses: "Lines are looked through in CloudWatch, without dashboards of OpenSearch.",
    apply: ({ search: _, ...i }) => i,
  },
];

/** Each change on top of those before it, so that nothing is saved twice; what saves nothing here is left out. */
export function savingsOf(wanted: Wanted): { savings: Saving[]; bill: Bill } {
  let { model } = wanted;
  let bill = presentBill(wanted);
  const savings: Saving[] = [];
  for (const { apply, ...saving } of SAVINGS) {
    const next = changed(model, wanted.environment, apply);
    const nextBill = presentBill({ ...wanted, model: next });
    const usd = cents(bill.total - nextBill.total);
    if (usd <= 0) continue;
    savings.push({ ...saving, usd });
    model = next;
    bill = nextBill;
  }
  return { savings, bill };
}

/** Classes of a database by their CPUs. */
const DATABASE_CLASSES: readonly { class: string; cpu: number }[] = [
  { class: "m7g.large", cpu: 2 },
  { class: "m7g.xlarge", cpu: 4 },
  { class: "m7g.2xlarge", cpu: 8 },
  { class: "m7g.4xlarge", cpu: 16 },
  { class: "m7g.8xlarge", cpu: 32 },
  { class: "m7g.16xlarge", cpu: 64 },
];

/** Days that lines are kept in search, and what an index and its copy take of a line. */
const SEARCH_DAYS = 14;
const SEARCH_FACTOR = 2.2;
/** The largest disk of a search node, GiB: burstable ones take less. */
const mostSearchDisk = (type: string): number =>
  type.startsWith("t3.small") ? 100 : type.startsWith("t3.") ? 200 : 1_024;

/** What a system asks for at so many requests: the model's own sizes, or larger ones. */
function sizedFor(usage: Usage): Change {
  const cpu = (peakPerSecond(usage) * usage.databaseShare) / usage.databasePerCpu;
  const fits = DATABASE_CLASSES.find((c) => c.cpu >= cpu) ?? DATABASE_CLASSES.at(-1);
  const lines = (usage.requestsPerDay * usage.podLogBytesPerRequest * SEARCH_DAYS * SEARCH_FACTOR) / 1024 ** 3;
  return (i) => ({
    ...i,
    ...(i.database &&
      fits && {
        database: { ...i.database, class: cpu <= cpuOfClass(i.database.class) ? i.database.class : fits.class },
      }),
    ...(i.search && {
      search: {
        ...i.search,
        storageGiB: Math.min(
          mostSearchDisk(i.search.instanceType),
          Math.max(i.search.storageGiB, Math.ceil(lines / i.search.dataNodes)),
        ),
      },
    }),
  });
}

const cpuOfClass = (name: string): number => DATABASE_CLASSES.find((c) => c.class === name)?.cpu ?? 2;

export interface Step {
  requestsPerDay: number;
  bill: Bill;
}

const STEPS = [1e6, 1e7, 1e8, 1e9];

/** The same system at other sizes. */
export function curveOf(wanted: Wanted): Step[] {
  return STEPS.map((requestsPerDay) => {
    const usage = { ...wanted.usage, requestsPerDay };
    const sized = changed(wanted.model, wanted.environment, sizedFor(usage));
    const gateway = gatewayOf(sized, wanted.environment);
    const own = { ...wanted, model: behind(sized, wanted.environment, gateway), usage };
    return { requestsPerDay, bill: billOf({ ...own, model: withNodes(own, gateway) }) };
  });
}

export interface Limit {
  what: string;
  requestsPerDay: number;
}

/** From how many requests a day the busiest second asks for more than this many. */
const dayOf = (perSecond: number, { peak }: Usage): number => Math.floor((perSecond / peak) * 86_400);

/** The most requests a day, to three digits, for which something still fits. */
function mostFor(fits: (requestsPerDay: number) => boolean): number {
  let [low, high] = [0, 1e11];
  while (high - low > Math.max(1, low / 1_000)) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** From where pods ask for more than the model lets nodes and replicas be. */
function clusterLimits(wanted: Wanted, { instanceType, max }: Infrastructure["cluster"]["nodes"]): Limit[] {
  const { model, environment, usage } = wanted;
  const instance = INSTANCES[instanceType];
  if (!instance) return [];
  const gateway = gatewayOf(model, environment);
  const synthesized = synthesize(behind(model, environment, gateway), environment);
  const podsAt = (requestsPerDay: number): Pods[] => podsIn(synthesized, { ...usage, requestsPerDay }, gateway);
  const own = synthesized.manifests.flatMap(podsOf).map(({ name }) => name);
  return [
    {
      what: `cluster.nodes.max: more than ${String(max)} × ${instanceType}`,
      requestsPerDay: mostFor((requests) => (nodesFor(podsAt(requests), instance) ?? Infinity) <= max),
    },
    {
      what: `more than ${String(MOST_REPLICAS)} replicas of ${own.join(" and ")}, which its autoscaler makes at most`,
      requestsPerDay: mostFor((requests) =>
        podsAt(requests).every(({ name, replicas }) => !own.includes(name) || replicas <= MOST_REPLICAS),
      ),
    },
  ];
}

/** What is outgrown, and when: the smallest first. */
export function limitsOf(wanted: Wanted): Limit[] {
  const { model, environment, usage } = wanted;
  const infrastructure = model.infrastructure[environment];
  if (!infrastructure) return [];
  const { cluster, database, cache, search } = infrastructure;
  const limits = cluster.compute === "nodes" ? clusterLimits(wanted, cluster.nodes) : [];
  if (database) {
    const perCpu = usage.databasePerCpu / usage.databaseShare;
    const own = cpuOfClass(database.class);
    limits.push({ what: `database.class: more than ${database.class}`, requestsPerDay: dayOf(own * perCpu, usage) });
    const most = DATABASE_CLASSES.at(-1);
    if (most) {
      const what = `a database that writes in more than one place (Aurora Limitless, shards): more than ${most.class}`;
      limits.push({ what, requestsPerDay: dayOf(most.cpu * perCpu, usage) });
    }
  }
  if (cache) {
    const what = "a shared store in shards (cluster mode), or a larger type: one primary counts no more";
    limits.push({ what, requestsPerDay: dayOf(usage.cachePerNode / usage.cacheCommands, usage) });
  }
  if (search) {
    const perRequest = usage.podLogBytesPerRequest * SEARCH_DAYS * SEARCH_FACTOR;
    const day = (gib: number): number => Math.floor((gib * search.dataNodes * 1024 ** 3) / perRequest);
    limits.push({
      what: `search.storageGiB: ${String(SEARCH_DAYS)} days of lines`,
      requestsPerDay: day(search.storageGiB),
    });
    limits.push({
      what: "more than three search nodes, or fewer lines",
      requestsPerDay: day(mostSearchDisk(search.instanceType)),
    });
  }
  return limits.sort((a, b) => a.requestsPerDay - b.requestsPerDay);
}
