import { boundLabel } from "../decision/filter-plan";
import type { Objective } from "./objectives";

/**
 * Alerts on how fast a budget of thirty days is used, each by a long window and a short one, so that it is true soon and over soon
 * (Site Reliability Workbook, chapter 5; the windows are those of kubernetes-mixin).
 */

interface Burn {
  severity: "page" | "ticket";
  long: string;
  short: string;
  /** Times the rate at which the budget would last for thirty days. */
  factor: number;
  /** How long it must be so. */
  for: string;
}

const BURNS: readonly Burn[] = [
  { severity: "page", long: "1h", short: "5m", factor: 14.4, for: "2m" },
  { severity: "page", long: "6h", short: "30m", factor: 6, for: "15m" },
  { severity: "ticket", long: "1d", short: "2h", factor: 3, for: "1h" },
  { severity: "ticket", long: "3d", short: "6h", factor: 1, for: "3h" },
];

export const WINDOWS: readonly string[] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/** Name of the recorded part of requests that fail an objective, by window. */
export const ratioName = ({ bound }: Objective, window: string): string =>
  bound === undefined
    ? `route:http_requests:error_ratio_rate${window}`
    : `route:http_request_duration_seconds:slow_ratio_rate${window}`;

/** The part of requests that fail an objective, by route. */
export function ratioOf({ routes, bound }: Objective, selector: string, window: string): string {
  const rate = (metric: string, more: string): string =>
    `sum by (route) (rate(${metric}{${selector}${routes}${more}}[${window}]))`;
  if (bound === undefined) {
    const all = rate("http_requests_total", "");
    // Without an answer 5xx there is no series of them, and the part is nothing.
    return `(${rate("http_requests_total", ',status=~"5.."')} or ${all} * 0) / ${all}`;
  }
  const quick = rate("http_request_duration_seconds_bucket", `,le="${boundLabel(bound)}"`);
  return `1 - ${quick} / ${rate("http_request_duration_seconds_count", "")}`;
}

/** Labels that tell objectives of one metric apart. */
export const objectiveLabels = ({ name, of, budget }: Objective): Record<string, string> => ({
  objective: name,
  of,
  budget: String(budget),
});

interface BurnAlert {
  severity: Burn["severity"];
  expr: string;
  for: string;
  windows: string;
}

/** The alerts of one objective; none that could not be true, as with a budget so large that no rate exceeds it so far. */
export function burnAlerts(objective: Objective, selector: string): BurnAlert[] {
  const own = Object.entries(objectiveLabels(objective)).map(([name, value]) => `,${name}="${value}"`);
  const of = `${selector}${own.join("")}`;
  return BURNS.filter(({ factor }) => factor * objective.budget < 1).map(
    ({ severity, long, short, factor, for: lasting }) => {
      const most = Number((factor * objective.budget).toFixed(7));
      const above = (window: string): string => `${ratioName(objective, window)}{${of}} > ${String(most)}`;
      return { severity, expr: `${above(long)} and ${above(short)}`, for: lasting, windows: `${long} and ${short}` };
    },
  );
}
