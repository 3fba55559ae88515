import { createHash } from "node:crypto";
import type { Construct } from "constructs";
import { VirtualService, type VirtualServiceSpecHttp } from "../../../imports/networking.istio.io";
import { inObjects } from "../object-size";
import type { IstioDraft } from "./draft";
import { metadata } from "./names";

/** Entries of one host as few as they can be, in VirtualServices as large as may be. */

/** The route of an entry: one may have another for handshakes, and one for what is sent once. */
const routeOf = ({ name = "" }: VirtualServiceSpecHttp): string => name.split("/").slice(0, 2).join("/");

/** Ways into the same route that stand next to each other are one entry. */
export function merged(items: readonly VirtualServiceSpecHttp[]): VirtualServiceSpecHttp[] {
  const out: VirtualServiceSpecHttp[] = [];
  // Of the route that stands last.
  const last = new Map<string | undefined, number>();
  for (const item of items) {
    const before = out.at(-1);
    if (before && routeOf(before) !== routeOf(item)) last.clear();
    const at = last.get(item.name);
    const known = out[at ?? -1];
    if (known && at !== undefined) {
      out[at] = { ...known, match: [...(known.match ?? []), ...(item.match ?? [])] };
    } else {
      last.set(item.name, out.length);
      out.push(item);
    }
  }
  return out;
}

/** Without ways in that an earlier one has taken whole, such as a prefix's own path beside an exact one. */
export function reachable(items: readonly VirtualServiceSpecHttp[]): VirtualServiceSpecHttp[] {
  const taken = new Set<string>();
  return items.flatMap((item) => {
    if (!item.match) return [item];
    const match = item.match.filter((m) => {
      const key = JSON.stringify(m);
      return !taken.has(key) && taken.add(key);
    });
    return match.length > 0 ? [{ ...item, match }] : [];
  });
}

/** An entry with more ways in than an object may hold is several of that name. */
const pieces = (item: VirtualServiceSpecHttp): VirtualServiceSpecHttp[] =>
  item.match ? inObjects(item.match).map((match) => ({ ...item, match })) : [item];

/** What stands for a part in its name: a number, as the last label of no host is. */
const digits = (part: object): string => BigInt(`0x${createHash("sha256").update(JSON.stringify(part)).digest("hex").slice(0, 12)}`).toString();

interface Routed {
  id: string;
  name: string;
  hosts: string[];
  gateways: string[];
  http: readonly VirtualServiceSpecHttp[];
}

/** One VirtualService where it holds all entries, else one that delegates to others in their order. */
export function inServices(scope: Construct, draft: IstioDraft, { id, name, http: all, ...own }: Routed): void {
  const [http = [], ...others] = inObjects(all.flatMap(pieces));
  if (others.length === 0) {
    new VirtualService(scope, id, { metadata: metadata(draft, name), spec: { ...own, http } });
    return;
  }
  // Named by what they hold, and before the one that names them: until it is applied, the former ones hold.
  const parts = [http, ...others].map((part) => ({ part, ...metadata(draft, `${name}.0.${digits(part)}`) }));
  for (const { part, ...meta } of parts) new VirtualService(scope, `${id}-${meta.name}`, { metadata: meta, spec: { http: part } });
  // One beside the other they would be heeded by their age: this one says which comes first. Istio's analyzer takes a part
  // without a match of its own for the last that is reached.
  const delegates = parts.map((part, i) => ({
    match: [{ statPrefix: `part-${String(i + 1)}` }],
    delegate: { name: part.name, namespace: part.namespace },
  }));
  new VirtualService(scope, id, { metadata: metadata(draft, name), spec: { ...own, http: delegates } });
}
