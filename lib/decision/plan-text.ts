import { KINDS } from "../policy";
import { FORMAT_VERSION, type FilterPlan, type PlannedHost } from "./filter-plan";
import type { ConfiguredPolicy, Host } from "./gateway";

/** Hosts of which every policy is written once, by its kind: `"jwt/0"` is the first one of `policies.jwt`. */
export interface HostsText<H extends Host = PlannedHost> {
  policies: Record<string, unknown[]>;
  hosts: readonly HostText<H>[];
  otherHosts?: HostText<H>;
}

/** A plan as the filter reads it. */
type PlanText = Omit<FilterPlan, "hosts" | "otherHosts"> & HostsText;

/** Hosts of a plan, or of a gateway that nobody has planned yet. */
interface Hosts<H extends Host = PlannedHost> {
  hosts: readonly H[];
  otherHosts?: H;
}

type Named<T> = Omit<T, "policies"> & { policies: readonly string[] };
type HostText<H extends Host = PlannedHost> = Named<Omit<H, "routes">> & {
  routes: readonly Named<H["routes"][number]>[];
};

/** Behind the name of a policy that refuses nothing; a filter that does not know of it knows no such name, and does not start. */
const SHADOW = "/shadow";

export function packHosts<H extends Host>({ hosts, otherHosts }: Hosts<H>): HostsText<H> {
  const policies: HostsText<H>["policies"] = {};
  const names = new Map<string, string>();
  const placeOf = ({ kind, config }: ConfiguredPolicy): string => {
    const key = `${kind} ${JSON.stringify(config)}`;
    const known = names.get(key);
    if (known !== undefined) return known;
    const all = (policies[kind] ??= []);
    const name = `${kind}/${String(all.length)}`;
    all.push(config);
    names.set(key, name);
    return name;
  };
  const nameOf = (policy: ConfiguredPolicy): string => `${placeOf(policy)}${policy.shadow ? SHADOW : ""}`;
  const named = <T extends { policies: readonly ConfiguredPolicy[] }>(item: T): Named<T> => ({
    ...item,
    policies: item.policies.map(nameOf),
  });
  const hostText = (host: H): HostText<H> => ({ ...named(host), routes: host.routes.map(named) });
  const packed = { ...(otherHosts && { otherHosts: hostText(otherHosts) }), hosts: hosts.map(hostText) };
  return { policies, ...packed };
}

/** A plan as JSON. */
export function writePlan({ hosts, otherHosts, ...rest }: FilterPlan): string {
  const text: PlanText = { ...rest, ...packHosts({ hosts, ...(otherHosts && { otherHosts }) }) };
  return `${JSON.stringify(text, null, 2)}\n`;
}

const isLists = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.values(value).every(Array.isArray);

/** Reads a plan as `synth` wrote it; throws where it is none, or of another release. */
export function readPlan(text: string): FilterPlan {
  const found = JSON.parse(text) as (Partial<PlanText> & { formatVersion?: number }) | null;
  if (!found || !Array.isArray(found.hosts)) throw new Error("This is no plan.");
  if (found.formatVersion !== FORMAT_VERSION) {
    throw new Error(
      `The plan's format is ${String(found.formatVersion)}, this filter reads ${String(FORMAT_VERSION)}.`,
    );
  }
  const { policies, hosts, otherHosts, ...rest } = found as PlanText;
  if (!isLists(policies)) throw new Error("This is no plan.");
  return { ...rest, ...unpackHosts({ policies, hosts, ...(otherHosts && { otherHosts }) }) };
}

/** What `packHosts` has packed; throws where it names what it does not have. */
export function unpackHosts<H extends Host>({ policies, hosts, otherHosts }: HostsText<H>): Hosts<H> {
  const strange = Object.keys(policies).find((name) => !KINDS.some(({ kind }) => kind === name));
  if (strange !== undefined) throw new Error(`This filter knows no policy "${strange}".`);
  const known = new Map<string, ConfiguredPolicy>(
    Object.entries(policies).flatMap(([kind, configs]) =>
      configs.flatMap((config, i): [string, ConfiguredPolicy][] => {
        const policy = { kind, config } as ConfiguredPolicy;
        const name = `${kind}/${String(i)}`;
        return [
          [name, policy],
          [`${name}${SHADOW}`, { ...policy, shadow: true }],
        ];
      }),
    ),
  );
  const policyOf = (name: string): ConfiguredPolicy => {
    const policy = known.get(name);
    if (!policy) throw new Error(`The plan names a policy "${name}", which it does not have.`);
    return policy;
  };
  // Whoever has the same ones has one list: what follows from it is found out once.
  const lists = new Map<string, ConfiguredPolicy[]>();
  const listOf = (names: readonly string[]): ConfiguredPolicy[] => {
    const key = names.join(" ");
    const list = lists.get(key) ?? names.map(policyOf);
    lists.set(key, list);
    return list;
  };
  const resolved = <T extends { policies: readonly string[] }>(
    item: T,
  ): Omit<T, "policies"> & { policies: ConfiguredPolicy[] } => ({
    ...item,
    policies: listOf(item.policies),
  });
  const host = (of: HostText<H>): H => ({ ...resolved(of), routes: of.routes.map(resolved) }) as unknown as H;
  return { ...(otherHosts && { otherHosts: host(otherHosts) }), hosts: hosts.map(host) };
}
