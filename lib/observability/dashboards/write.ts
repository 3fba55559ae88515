import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  ConstantVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DASHBOARDS } from "./definitions";
import { built, type DashboardDefinition } from "./panels";

/**
 * Writes templates/dashboards/, which `synth` copies with a system's name in the place of `__SYSTEM__`: `npm run dashboards`.
 * Apart from the compiler, which needs no SDK for it.
 */

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const FOLDER = path.join(__dirname, "../../../templates/dashboards");

/** A label's values among the metrics of the system and environment. */
const labelOf = (name: string, metric: string, own: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(name)
    .datasource(DATASOURCE)
    .query(`label_values(${metric}{${own}}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged);

export function dashboardOf({ name, title, variables = {}, panels }: DashboardDefinition): object {
  // The form that every Grafana reads, by file or ConfigMap: the newer one is for its API alone.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const dashboard = new DashboardBuilder(`__SYSTEM__: ${title}`)
    .uid(`__SYSTEM__-${name}`)
    .tags(["gatewright", "__SYSTEM__"])
    .refresh("1m")
    .time({ from: "now-6h", to: "now" })
    .timezone("browser")
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder("datasource").label("datasource").type("prometheus"))
    .withVariable(new ConstantVariableBuilder("system").value("__SYSTEM__"))
    .withVariable(labelOf("environment", "gateway_build_info", 'system="$system"'));
  for (const [variable, from] of Object.entries(variables)) {
    dashboard.withVariable(
      "text" in from
        ? new TextBoxVariableBuilder(variable).label(variable).defaultValue(from.text)
        : labelOf(variable, from.label, 'system="$system",environment="$environment"').multi(true).includeAll(true),
    );
  }
  for (const panel of panels) dashboard.withPanel(built(panel));
  return dashboard.build();
}

if (require.main === module) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const definition of DASHBOARDS)
    writeFileSync(
      path.join(FOLDER, `${definition.name}.json`),
      `${JSON.stringify(dashboardOf(definition), null, 2)}\n`,
    );
}
