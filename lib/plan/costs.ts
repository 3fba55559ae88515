import { kindNamed, type PolicyKind } from "../policy";
import type { Gateway } from "../decision/gateway";
import { isShownBody, placementsOf, type TargetPlan } from "./placement";
import { columns } from "./columns";

/** What a request on a route costs beside the proxy itself, and for whose sake. */
export interface RouteCost {
  host: string;
  route: string;
  /** By target. */
  cells: Readonly<Record<string, string>>;
}

function costOf(plan: TargetPlan, host: string, route: string): string {
  const own = [...placementsOf(plan, host), ...placementsOf(plan, host, route)];
  const carried = own.filter((p) => p.place === "proxied");
  if (carried.length === 0) {
    const asked = own.some((p) => p.place !== "native");
    const judged = own.filter(isShownBody).map((p) => p.kind);
    const withBody = judged.length > 0 ? ` with the body (${judged.join(", ")})` : "";
    return asked ? `a call${withBody}${plan.reports ? " and a report" : ""}` : "-";
  }
  const causes = carried.filter((p) => p.forces).map((p) => p.kind);
  const held = carried.filter((p) => (kindNamed(p.kind) as PolicyKind).sees === "body" && p.kind !== "bodyCount");
  const why = plan.carriesAll ? "" : ` (${causes.join(", ")})`;
  const hop = plan.target === "node-gateway" ? "-" : `a hop${why}`;
  return held.length === 0 ? hop : `${hop}, body held (${held.map((p) => p.kind).join(", ")})`;
}

export function costsOf(gateway: Gateway, plans: readonly TargetPlan[]): RouteCost[] {
  return gateway.hosts.flatMap((host) =>
    host.routes.map((route) => ({
      host: host.name,
      route: route.name,
      cells: Object.fromEntries(plans.map((plan) => [plan.target, costOf(plan, host.name, route.name)])),
    })),
  );
}

export function formatCosts(costs: readonly RouteCost[], targets: readonly string[]): string {
  return columns([
    ["host", "route", ...targets],
    ...costs.map(({ host, route, cells }) => [host, route, ...targets.map((target) => cells[target] ?? "")]),
  ]);
}
