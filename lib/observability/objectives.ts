import type { Gateway, Route } from "../decision/gateway";
import { configOf } from "../decision/gateway";
import type { GatewayModel } from "../model";
import { latenciesOf, type Slo } from "../model/slo";
import type { KindName } from "../policy";

/** What the model promises of its answers, as parts of requests that may fail it. */
export interface Objective {
  /** `availability`, or the percentile. */
  name: string;
  /** Whose it is: `all`, or the first of the routes that have it. */
  of: string;
  /** Selector of the routes, with a comma in front; nothing where it holds for all. */
  routes: string;
  /** The part of requests that may fail it. */
  budget: number;
  /** Seconds; of a latency alone. */
  bound?: number;
}

/** Exact in decimals: 100 - 99.9 is 0.1 to a reader. */
const budgetOf = (percent: number): number => Number(((100 - percent) / 100).toFixed(7));

/** Whether an exchange lasts as long as somebody wants it to. */
function isOpenEnded({ policies }: Route): boolean {
  const has = (kind: KindName, is: (config: Record<string, unknown>) => boolean): boolean => {
    const config = configOf(policies, kind) as Record<string, unknown> | undefined;
    return config !== undefined && is(config);
  };
  return (
    has("webSocket", ({ allowed }) => allowed === true) ||
    has("streaming", () => true) ||
    has("timeouts", ({ idle }) => idle === null)
  );
}

const named = (operator: "=~" | "!~", routes: readonly string[]): string =>
  `,route${operator}"${[...routes].sort().join("|")}"`;

/** Objectives by the routes that have them: the model's own for all routes but those that say otherwise. */
export function objectivesOf(model: GatewayModel, gateway: Gateway): Objective[] {
  const own = model.routes.filter((route) => route.slo !== undefined);
  const groups = new Map<string, { slo: Slo | null; routes: string[] }>();
  for (const { name, slo = null } of own) {
    const key = JSON.stringify(slo);
    groups.set(key, { slo, routes: [...(groups.get(key)?.routes ?? []), name] });
  }
  const open = new Set(gateway.hosts.flatMap((h) => h.routes.filter(isOpenEnded).map(({ name }) => name)));
  const objectives = (
    of: string,
    slo: Slo | null,
    selector: (without: readonly string[]) => string | undefined,
  ): Objective[] => {
    if (!slo) return [];
    const all = selector([]);
    const ended = selector([...open]);
    const latencies = latenciesOf(slo).flatMap(({ percentile, bound }): Objective[] =>
      ended === undefined
        ? []
        : [{ name: `p${String(percentile)}`, of, routes: ended, budget: budgetOf(percentile), bound }],
    );
    return [
      ...(all === undefined ? [] : [{ name: "availability", of, routes: all, budget: budgetOf(slo.availability) }]),
      ...latencies,
    ];
  };
  const ofAll = objectives("all", model.slo, (without) => {
    const except = [...new Set([...own.map(({ name }) => name), ...without])];
    return except.length === 0 ? "" : named("!~", except);
  });
  const ofSome = [...groups.values()].flatMap(({ slo, routes }) =>
    objectives(routes[0] ?? "", slo, (without) => {
      const left = routes.filter((name) => !without.includes(name));
      return left.length === 0 ? undefined : named("=~", left);
    }),
  );
  return [...ofAll, ...ofSome];
}
