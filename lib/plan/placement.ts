import { kindNamed, type Feature, type KindName, type PolicyKind } from "../policy";
import { once } from "../once";
import type { Place } from "./capabilities";

/** One promise, and where it is kept on one target. */
export interface Placement {
  host: string;
  /** Absent where the promise stands for the whole host. */
  route?: string;
  kind: KindName;
  config: unknown;
  features: readonly Feature[];
  place: Place;
  /** The claim that keeps it, by its position among the target's claims for that kind. */
  claim: number;
  difference?: string;
  /** Nothing that sees less of an exchange keeps it: the route goes through the filter for its sake. */
  forces?: true;
}

/** The proxy shows the filter the body for its sake. */
export const isShownBody = ({ place, kind }: Placement): boolean =>
  place === "ext-auth-body" || (place === "reported" && (kindNamed(kind) as PolicyKind).reported?.seesBody === true);

export interface TargetPlan {
  target: string;
  proven: boolean;
  /** The proxy tells the filter how exchanges have ended that it has asked about. */
  reports: boolean;
  /** The proxy keeps nothing itself: every exchange goes through the filter. */
  carriesAll: boolean;
  placements: readonly Placement[];
}

/** By host and route. */
const placed = once(({ placements }: TargetPlan) => {
  const found = new Map<string, Placement[]>();
  for (const placement of placements) {
    const key = `${placement.host} ${placement.route ?? ""}`;
    const known = found.get(key);
    if (known) known.push(placement);
    else found.set(key, [placement]);
  }
  return found;
});

/** What is promised of a route, or of a host as a whole where none is named. */
export const placementsOf = (plan: TargetPlan, host: string, route = ""): readonly Placement[] =>
  placed(plan).get(`${host} ${route}`) ?? [];
