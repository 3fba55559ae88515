import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import {
  ReduceDataOptionsBuilder,
  StackingMode,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
  StackingConfigBuilder,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
} from "@grafana/grafana-foundation-sdk/common";

/** Panels as data: what is asked, and how it is shown. */

type Unit = "reqps" | "percentunit" | "s" | "bytes" | "short" | "none" | "ops";

interface Query {
  expr: string;
  legend?: string;
}

export interface Panel {
  title: string;
  unit: Unit;
  /** What a reader should see in it. */
  description: string;
  queries: readonly Query[];
  /** One number in place of a curve. */
  stat?: true;
  /** Curves above each other, where their sum means something. */
  stacked?: true;
}

export interface DashboardDefinition {
  name: string;
  title: string;
  /** Variables beside datasource and environment: a label that is chosen from its values, or a text with what it begins with. */
  variables?: Readonly<Record<string, { label: string } | { text: string }>>;
  panels: readonly Panel[];
}

/** Whose metrics: variables of each dashboard. */
export const OWN = 'system="$system",environment="$environment"';
export const RATE = "$__rate_interval";

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

const targets = ({ queries }: Panel): DataqueryBuilder[] =>
  queries.map(({ expr, legend = "" }, i) => {
    const query = new DataqueryBuilder().expr(expr).refId(String.fromCharCode(65 + i));
    return legend === "" ? query : query.legendFormat(legend);
  });

/** Grafana's grid has 24 columns. */
const HALF = 12;
const QUARTER = 6;

export function built(panel: Panel): StatBuilder | TimeseriesBuilder {
  const { title, unit, description, stat, stacked } = panel;
  if (stat) {
    const builder = new StatBuilder()
      .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
      .span(QUARTER)
      .height(4);
    return builder.title(title).unit(unit).description(description).datasource(DATASOURCE).targets(targets(panel));
  }
  const builder = new TimeseriesBuilder()
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending))
    .fillOpacity(stacked ? 40 : 5)
    .min(0)
    .span(HALF)
    .height(8);
  if (stacked) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  return builder.title(title).unit(unit).description(description).datasource(DATASOURCE).targets(targets(panel));
}

/** Requests in a second, of those that more selects, by some labels. */
export const requests = (more = "", by = ""): string =>
  `sum ${by === "" ? "" : `by (${by}) `}(rate(http_requests_total{${OWN}${more}}[${RATE}]))`;

export const refusals = (reasons: string, by = "reason"): string =>
  `sum by (${by}) (rate(gateway_refusals_total{${OWN},reason=~"${reasons}"}[${RATE}]))`;

/** Seconds in which a part of the requests is answered. */
export const quantile = (part: number, more = "", by = ""): string =>
  `histogram_quantile(${String(part)}, sum by (${by === "" ? "" : `${by}, `}le) (rate(http_request_duration_seconds_bucket{${OWN}${more}}[${RATE}])))`;

/** A part of a whole, each an expression. */
export const part = (of: string, all: string): string => `${of} / ${all}`;
