import { packHosts, unpackHosts, type HostsText } from "../decision/plan-text";
import type { Gateway, Host } from "../decision/gateway";
import type { GatewayModel } from "../model";
import { PLACES } from "../plan/capabilities";
import type { Placement, TargetPlan } from "../plan/placement";
import type { KindName } from "../policy";

/** Systems as a page holds them: what a decision goes by, and where each promise is kept. Both sides of the page read this. */

export interface Named {
  claims: Readonly<Record<string, unknown>>;
}

export interface PageSystem {
  gateway: Gateway;
  /** As much of a model's issuers as makes a token of theirs. */
  issuers: GatewayModel["issuers"];
  plans: readonly TargetPlan[];
  /** Who calls, by the names that cases use. */
  identities: Readonly<Record<string, Named>>;
}

/** By kind, a letter for each target. */
type Letters = Readonly<Record<string, string>>;

export interface PackedSystem extends Omit<PageSystem, "gateway" | "plans"> {
  system: string;
  environment: string;
  hosts: HostsText<Host>;
  targets: readonly Pick<TargetPlan, "target" | "proven" | "reports" | "carriesAll">[];
  /** What there is of them; hosts and routes name theirs by its position. */
  letters: readonly Letters[];
  places: readonly (readonly [host: string, route: string, letters: number])[];
  /** What is kept approximately, by place, kind and target: the difference's name. */
  differences: Readonly<Record<string, string>>;
}

/** A place each; a capital where it is what sends the exchange through the filter. */
const LETTERS = "nebrp";
const NOWHERE = "-";

const letterOf = ({ place, forces }: Placement): string => {
  const letter = LETTERS[PLACES.indexOf(place)] ?? NOWHERE;
  return forces ? letter.toUpperCase() : letter;
};

export function pack({ gateway, plans, issuers, identities }: PageSystem): PackedSystem {
  const { system, environment } = gateway;
  const byPlace = new Map<string, Record<string, string[]>>();
  plans.forEach((plan, at) => {
    for (const placement of plan.placements) {
      const key = `${placement.host} ${placement.route ?? ""}`;
      const kinds = byPlace.get(key) ?? {};
      byPlace.set(key, kinds);
      (kinds[placement.kind] ??= plans.map(() => NOWHERE))[at] = letterOf(placement);
    }
  });
  const letters: Letters[] = [];
  const known = new Map<string, number>();
  const places = [...byPlace].map(([key, kinds]): [string, string, number] => {
    const own = Object.fromEntries(Object.entries(kinds).map(([kind, all]) => [kind, all.join("")]));
    const text = JSON.stringify(own);
    const at = known.get(text) ?? letters.push(own) - 1;
    known.set(text, at);
    const [host = "", route = ""] = key.split(" ");
    return [host, route, at];
  });
  const differences = Object.fromEntries(
    plans.flatMap(({ target, placements }) =>
      placements.flatMap(({ host, route = "", kind, difference }) =>
        difference === undefined ? [] : [[[host, route, kind, target].join(" "), difference] as const],
      ),
    ),
  );
  const targets = plans.map(({ target, proven, reports, carriesAll }) => ({ target, proven, reports, carriesAll }));
  return { system, environment, issuers, identities, hosts: packHosts(gateway), targets, letters, places, differences };
}

export function unpack(packed: PackedSystem): PageSystem {
  const { system, environment, issuers, identities, hosts, targets, letters, places, differences } = packed;
  const plans = targets.map((target, at) => ({
    ...target,
    placements: places.flatMap(([host, route, own]) =>
      Object.entries(letters[own] ?? {}).flatMap(([kind, all]): Placement[] => {
        const letter = all[at] ?? NOWHERE;
        const place = PLACES[LETTERS.indexOf(letter.toLowerCase())];
        if (place === undefined) return [];
        const difference = differences[[host, route, kind, target.target].join(" ")];
        const what = { kind: kind as KindName, config: undefined, features: [], claim: 0 };
        return [
          {
            host,
            ...(route !== "" && { route }),
            ...what,
            place,
            ...(difference !== undefined && { difference }),
            ...(letter !== letter.toLowerCase() && { forces: true }),
          },
        ];
      }),
    ),
  }));
  return { gateway: { system, environment, ...unpackHosts(hosts) }, plans, issuers, identities };
}
