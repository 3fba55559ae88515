import { identity, limits, security, tenants } from "./guards";
import type { DashboardDefinition } from "./panels";
import { breakers, cache, process_, proxies } from "./parts";
import { compare, objectives, overview, routes, service } from "./traffic";

/** All dashboards, in the order in which somebody who is called at night opens them. */
export const DASHBOARDS: readonly DashboardDefinition[] = [
  ...[overview, objectives, routes, service, identity, tenants, limits],
  ...[cache, breakers, process_, proxies, security, compare],
];
