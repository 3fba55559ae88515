import { edgeTargetOf, type GatewayModel } from "../model";
import { lineOf, sumOf, type Item, type Line } from "./lines";
import { OF_EVERY_CLUSTER, withSidecar } from "./nodes";
import { podsOf, type Pods } from "./pods";
import { ANY, besideTemplates, beyond, FREE, PRICED, Unpriced, type Resource, type Surroundings } from "./resources";
import { manifestsOf, templatesOf } from "./synthesized";
import { peakPerSecond, trafficOf, type Usage } from "./usage";

/** What is priced: one environment of a model, as it is used, behind one gateway. */
export interface Wanted {
  model: GatewayModel;
  environment: string;
  usage: Usage;
}

export type State = "priced" | "by usage" | "free" | "unpriced";

/** A resource of a template, and what became of it. */
export interface Covered {
  stack: string;
  id: string;
  type: string;
  state: State;
  /** Why it has no price. */
  why?: string;
}

/** A month of one environment at list prices. */
export interface Bill {
  lines: Line[];
  /** US dollars. */
  total: number;
  /** Every resource of every template, once. */
  resources: Covered[];
  pods: Pods[];
}

/** Whether static files, and a part of the requests, are CloudFront's. */
const hasWebsite = ({ model, environment }: Wanted): boolean =>
  model.infrastructure[environment]?.edge.website !== undefined;

/** Pods of the environment, with those that grow with the requests grown to what the busiest second asks for. */
export function podsIn(wanted: Wanted, manifests = manifestsOf(wanted.model, wanted.environment)): Pods[] {
  const { usage } = wanted;
  const gateway: string = edgeTargetOf(wanted.model, wanted.environment);
  const generated = manifests.flatMap(podsOf).map((pods) => ({ pods, scales: true }));
  const stated = Object.entries(usage.workloads)
    .filter(([, { only }]) => only === undefined || (only as string[]).includes(gateway))
    .map(([name, { scales, ...pods }]) => ({ pods: { name, ...pods }, scales }));
  const growing = [...generated, ...stated].filter(({ scales }) => scales);
  const cpu = growing.reduce((sum, { pods }) => sum + pods.cpu * pods.replicas, 0);
  const { all, balancer } = trafficOf(usage, hasWebsite(wanted));
  const asked = (peakPerSecond(usage) * (balancer / all) * usage.hops) / usage.requestsPerCpu;
  const factor = Math.max(1, asked / cpu);
  const own = [...generated, ...stated].map(({ pods, scales }) =>
    scales ? { ...pods, replicas: Math.ceil(pods.replicas * factor) } : pods,
  );
  return [...OF_EVERY_CLUSTER, ...(gateway === "istio" ? own.map(withSidecar) : own)];
}

/** Items that say the same are one line: ten alarms, three NAT gateways. */
function linesOf(priced: readonly { from: string; item: Item }[]): Line[] {
  const merged = new Map<string, { from: string; item: Item }>();
  for (const { from, item } of priced.filter(({ item: { quantity } }) => quantity > 0)) {
    const key = [from, item.what, item.price].join("\n");
    const before = merged.get(key)?.item.quantity ?? 0;
    merged.set(key, { from, item: { ...item, quantity: before + item.quantity } });
  }
  return [...merged.values()].map(({ from, item }) => lineOf(from, item));
}

/** What becomes of a resource: exactly one of the states. */
export function cover(resource: Resource, around: Surroundings): { covered: Covered; items: Item[] } {
  const { stack, id, type } = resource;
  const covered = { stack, id, type };
  const unpriced = (why: string): { covered: Covered; items: Item[] } => ({
    covered: { ...covered, state: "unpriced", why },
    items: [],
  });
  const priced = Object.hasOwn(PRICED, type) ? PRICED[type] : undefined;
  const takes = priced?.takes ?? (Object.hasOwn(FREE, type) ? FREE[type] : undefined);
  if (takes === undefined) return unpriced(`lib/cost/resources does not know the type ${type}.`);
  const said = takes === ANY ? undefined : beyond(resource.properties, takes);
  if (said !== undefined) return unpriced(`lib/cost/resources does not know what it costs with ${said}.`);
  try {
    const items = priced?.price(resource, around) ?? "free";
    if (items === "free") return { covered: { ...covered, state: "free" }, items: [] };
    const state = items.some(({ byUsage }) => !byUsage) ? "priced" : "by usage";
    return { covered: { ...covered, state }, items };
  } catch (error) {
    if (!(error instanceof Unpriced)) throw error;
    return unpriced(error.message);
  }
}

/** Prices an environment, from what was synthesized of it. */
export function billOf(wanted: Wanted): Bill {
  const { model, environment, usage } = wanted;
  const resources = templatesOf(model, environment).flatMap(({ stack, resources: beside }) =>
    Object.entries(beside).map(([id, { Type: type, Properties: properties = {} }]): Resource => ({
      stack,
      id,
      type,
      properties,
      beside,
    })),
  );
  const pods = podsIn(wanted);
  const around: Surroundings = {
    usage,
    traffic: trafficOf(usage, hasWebsite(wanted)),
    pods,
    count: (type) => resources.filter((resource) => resource.type === type).length,
  };
  const all = resources.map((resource) => ({ from: resource.stack, ...cover(resource, around) }));
  const lines = linesOf(
    [...all, ...besideTemplates(around)].flatMap(({ from, items }) => items.map((item) => ({ from, item }))),
  );
  return { lines, total: sumOf(lines), resources: all.map(({ covered }) => covered), pods };
}
