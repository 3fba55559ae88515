import { MOST_REPLICAS } from "../charts/places";
import { edgeTargetOf } from "../model";
import type { Infrastructure } from "../model/infrastructure";
import { billOf, podsIn, type Bill, type Wanted } from "./bill";
import { INSTANCES, nodesFor } from "./nodes";
import { podsOf, type Pods } from "./pods";
import { manifestsOf } from "./synthesized";
import { peakPerSecond, type Usage } from "./usage";
import { behind, changed, withNodes, type Change } from "./variants";

/** The same system with more requests: what it costs, and what is outgrown. */

/** Classes that a database grows to. */
const DATABASE_CLASSES = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge"].map((size) => `m7g.${size}`);
const LARGEST = "m7g.16xlarge";

/** CPUs by a class's size: two up to `large`, four as `xlarge`, and so many times four. */
function cpuOfClass(name: string): number {
  const [, times] = /\.(\d*)xlarge$/.exec(name) ?? [];
  return times === undefined ? 2 : 4 * Number(times || "1");
}

/** Days that lines are kept in search, and what an index and its copy take of a line. */
const SEARCH_DAYS = 14;
const SEARCH_FACTOR = 2.2;
/** The largest disk of a search node, GiB: burstable ones take less. */
const mostSearchDisk = (type: string): number =>
  type.startsWith("t3.small") ? 100 : type.startsWith("t3.") ? 200 : 1_024;

/** What a system asks for at so many requests: the model's own sizes, or larger ones. */
function sizedFor(usage: Usage): Change {
  const cpu = (peakPerSecond(usage) * usage.databaseShare) / usage.databasePerCpu;
  const fits = DATABASE_CLASSES.find((name) => cpuOfClass(name) >= cpu) ?? LARGEST;
  const lines = (usage.requestsPerDay * usage.podLogBytesPerRequest * SEARCH_DAYS * SEARCH_FACTOR) / 1024 ** 3;
  return (i) => ({
    ...i,
    ...(i.database && {
      database: { ...i.database, class: cpu <= cpuOfClass(i.database.class) ? i.database.class : fits },
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
    const gateway = edgeTargetOf(sized, wanted.environment);
    const own = { ...wanted, model: behind(sized, wanted.environment, gateway), usage };
    return { requestsPerDay, bill: billOf({ ...own, model: withNodes(own) }) };
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
  const gateway = edgeTargetOf(model, environment);
  const one = { ...wanted, model: behind(model, environment, gateway) };
  const manifests = manifestsOf(one.model, environment);
  const podsAt = (requestsPerDay: number): Pods[] => podsIn({ ...one, usage: { ...usage, requestsPerDay } }, manifests);
  const own = manifests.flatMap(podsOf).map(({ name }) => name);
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
    limits.push({
      what: `a database that writes in more than one place (Aurora Limitless, shards): more than ${LARGEST}`,
      requestsPerDay: dayOf(cpuOfClass(LARGEST) * perCpu, usage),
    });
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
