import { ApiObject, App, Chart } from "cdk8s";
import { scrapedOf, type Scraped } from "../charts/places";
import type { Gateway } from "../decision/gateway";
import { edgeTargetOf, modelIn, type GatewayModel } from "../model";
import { configOf } from "../decision/gateway";
import type { Compiled, OutputFile } from "../targets";
import { toYaml } from "../targets/yaml";
import type { KindName } from "../policy";
import { ALERTS, exprOf, type Alert } from "./alerts";
import { burnAlerts, objectiveLabels, ratioName, ratioOf, WINDOWS } from "./burn-rates";
import { objectivesOf } from "./objectives";

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export { dashboards } from "./dashboard-files";

export interface RuleGroup {
  name: string;
  rules: Rule[];
}

/** Whether a system can have what an alert is about. */
function concerns(
  { only }: Alert,
  model: GatewayModel,
  { hosts, environment }: Gateway,
  plans: Compiled["plans"],
): boolean {
  const has = (kind: KindName): boolean =>
    hosts.some(({ routes }) => routes.some(({ policies }) => configOf(policies, kind) !== undefined));
  const concerned: Record<NonNullable<Alert["only"]>, () => boolean> = {
    "with-reports": () => plans.some(({ reports }) => reports),
    "with-breakers": () => has("circuitBreaker"),
    "with-lockouts": () => has("lockout"),
    "with-cache": () => has("cache"),
    // Of several targets a cluster runs one: nobody misses a Kong that is not the one.
    "with-kong": () => model.targets.includes("kong") && edgeTargetOf(model, environment) === "kong",
    "with-certificates": () => model.front.tls === "gateway" && model.targets.includes("node-gateway"),
  };
  return only === undefined || concerned[only]();
}

/** Recording rules and alerts of one environment, as Prometheus reads them. */
export function ruleGroups(whole: GatewayModel, { gateway, plans }: Compiled): RuleGroup[] {
  const { system, environment } = gateway;
  const model = modelIn(whole, environment);
  const own = { system, environment };
  const selector = `system="${system}",environment="${environment}"`;
  const objectives = objectivesOf(model, gateway);
  const { runbooks } = model.monitoring;
  const told = (alert: string, summary: string): Record<string, string> => ({
    summary,
    runbook: `docs/runbooks/${alert}.md`,
    ...(runbooks !== undefined && { runbook_url: `${runbooks.replace(/\/$/, "")}/${alert}.md` }),
  });
  const ratios = objectives.flatMap((objective) =>
    WINDOWS.map((window) => ({
      record: ratioName(objective, window),
      expr: ratioOf(objective, selector, window),
      labels: { ...own, ...objectiveLabels(objective) },
    })),
  );
  const burning = objectives.flatMap((objective) =>
    burnAlerts(objective, selector).map(({ severity, expr, for: lasting, windows }) => {
      const alert = objective.bound === undefined ? "GatewayErrors" : "GatewaySlow";
      const failing =
        objective.bound === undefined ? "are answered by 5xx" : `take longer than ${String(objective.bound)} s`;
      return {
        alert,
        expr,
        for: lasting,
        labels: { ...own, severity, objective: objective.name, windows },
        annotations: told(alert, `Too many requests of {{ $labels.route }} ${failing} (${windows}).`),
      };
    }),
  );
  const others = ALERTS.filter((alert) => concerns(alert, model, gateway, plans)).map((alert) => ({
    alert: alert.alert,
    expr: exprOf(alert, selector),
    for: alert.for,
    labels: { ...own, severity: alert.severity },
    annotations: told(alert.alert, alert.summary),
  }));
  // The names that dashboards of these systems have had.
  const former = ["hits", "misses"].map((what) => ({
    record: `redis_cache_${what}`,
    expr: `sum (gateway_cache_${what}_total{${selector}})`,
    labels: own,
  }));
  return [
    { name: `${system}-${environment}-recorded`, rules: [...ratios, ...former] },
    { name: `${system}-${environment}-alerts`, rules: [...burning, ...others] },
  ];
}

/** A workload's pods, as Prometheus' operator finds them; what they say has the system's and the environment's name. */
function podMonitor(chart: Chart, model: GatewayModel, { system, environment }: Gateway, scraped: Scraped): void {
  const { name, namespace, port, component } = scraped;
  const label = (targetLabel: string, replacement: string): object => ({ targetLabel, replacement });
  new ApiObject(chart, `pod-monitor-${name}`, {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: {
      name: `${system}-${environment}-${name}`,
      namespace: model.kubernetes.monitoringNamespace,
      labels: model.monitoring.labels,
    },
    spec: {
      namespaceSelector: { matchNames: [namespace] },
      selector: { matchLabels: { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": system } },
      podMetricsEndpoints: [
        {
          port,
          path: "/metrics",
          interval: `${String(Math.max(1, Math.round(model.monitoring.interval / 1000)))}s`,
          relabelings: [label("system", system), label("environment", environment), label("component", component)],
        },
      ],
    },
  });
}

/** What Prometheus' operator reads of one environment: PodMonitors and a PrometheusRule. */
export function monitoring(whole: GatewayModel, compiled: Compiled): OutputFile[] {
  const { gateway } = compiled;
  const { system, environment } = gateway;
  const model = modelIn(whole, environment);
  // Without a filter nobody tells anything that is asked for here.
  if (!compiled.plans.some(({ placements }) => placements.some(({ place }) => place !== "native"))) return [];
  const chart = new Chart(new App(), "monitoring", { disableResourceNameHashes: true });
  for (const scraped of scrapedOf(model, environment, compiled.files)) podMonitor(chart, model, gateway, scraped);
  new ApiObject(chart, "rules", {
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PrometheusRule",
    metadata: {
      name: `${system}-${environment}`,
      namespace: model.kubernetes.monitoringNamespace,
      labels: model.monitoring.labels,
    },
    spec: { groups: ruleGroups(whole, compiled) },
  });
  const content =
    `# Generated by "gatewright synth" from the model "${system}", environment ${environment}. DO NOT EDIT.\n` +
    "# For Prometheus' operator; docs/observability.md has the metrics, docs/runbooks/ a page for each alert.\n" +
    toYaml(...(chart.toJson() as unknown[]));
  return [{ path: `kubernetes/${system}/${environment}/monitoring/monitoring.yaml`, content }];
}
