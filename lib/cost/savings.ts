import { isDeepStrictEqual } from "node:util";
import type { Bill, Wanted } from "./bill";
import { cents } from "./lines";
import { changed, presentBill, type Change } from "./variants";

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
export function savingsOf(wanted: Wanted, present = presentBill(wanted)): { savings: Saving[]; bill: Bill } {
  let { model } = wanted;
  let bill = present;
  const savings: Saving[] = [];
  for (const { apply, ...saving } of SAVINGS) {
    const next = changed(model, wanted.environment, apply);
    if (isDeepStrictEqual(next, model)) continue;
    const nextBill = presentBill({ ...wanted, model: next });
    const usd = cents(bill.total - nextBill.total);
    if (usd <= 0) continue;
    savings.push({ ...saving, usd });
    model = next;
    bill = nextBill;
  }
  return { savings, bill };
}
