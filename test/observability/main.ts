import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readCases } from "../../lib/conformance/case";
import { runCases } from "../../lib/conformance/run";
import type { StandFactory } from "../../lib/conformance/stands/stand";
import { ruleGroups, type RuleGroup } from "../../lib/observability";
import { ALERTS } from "../../lib/observability/alerts";
import { burnAlerts } from "../../lib/observability/burn-rates";
import { objectivesOf } from "../../lib/observability/objectives";
import { compile } from "../../lib/targets";
import { STANDS } from "../conformance/stands";
import { modelOf, systemOf } from "../conformance/systems";
import { Prometheus, prometheusPrograms, type PrometheusPrograms, type ScrapeTarget } from "../parts/prometheus";
import { speak, Tally } from "../tally";
import { ALERT_SERIES } from "./alert-series";

/**
 * What Prometheus itself says of rules, alerts and dashboards: `npm run observability`. promtool reads all rules and makes each alert
 * true and not true; a real Prometheus asks the filters of running gateways, and every expression gives something.
 */
const ROOT = path.join(__dirname, "../..");
const ENVIRONMENT = "production";
const SYSTEMS = ["serhafen", "maternal", "mmr", "equb"];
const OF_TOLD = "serhafen";

/** Equb prefers Kong: here it has nothing else. */
function groupsOf(system: string): RuleGroup[] {
  const found = modelOf(system);
  const model = found && system === "equb" ? { ...found, targets: ["kong"], infrastructure: {} } : found;
  const compiled = model && compile(model, ENVIRONMENT, "plans").value;
  if (!model || !compiled) throw new Error(`${system} has no plan.`);
  return ruleGroups(model, compiled);
}

/** All alerts that there are, whichever system has them. */
function everyAlert(): { system: string; groups: RuleGroup[] }[] {
  const seen = new Set<string>();
  return SYSTEMS.flatMap((system) => {
    const groups = groupsOf(system);
    const names = groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
    const isNew = names.some((name) => !seen.has(name));
    names.forEach((name) => seen.add(name));
    return isNew ? [{ system, groups }] : [];
  });
}

/** A series with the labels of its system. */
const ofSystem = (series: string, system: string): string => {
  const own = `system="${system}",environment="${ENVIRONMENT}"`;
  return series.includes("{") ? series.replace("{", `{${own},`) : `${series}{${own}}`;
};

async function readRules(promtool: string, folder: string, tally: Tally): Promise<void> {
  for (const system of SYSTEMS) {
    const file = path.join(folder, `${system}.json`);
    writeFileSync(file, JSON.stringify({ groups: groupsOf(system) }));
    const said = await speak(promtool, ["check", "rules", file]);
    tally.note(`promtool check rules ${system}`, said.code === 0 ? [] : [`${said.stdout}${said.stderr}`]);
  }
}

/** Each alert in a test of its own: true with what makes it so, not with what is near. */
async function makeTrue(promtool: string, folder: string, tally: Tally): Promise<void> {
  const told = new Set<string>();
  for (const { system, groups } of everyAlert()) {
    const file = path.join(folder, `${system}.json`);
    const names = [...new Set(groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? [])))];
    for (const alert of names.filter((name) => !told.has(name))) {
      told.add(alert);
      const series = ALERT_SERIES[alert];
      if (!series) {
        tally.note(alert, ["no series make it true (test/observability/alert-series.ts)"]);
        continue;
      }
      const test = (is: number, given: Readonly<Record<string, string>>): object => ({
        interval: "30s",
        input_series: Object.entries(given).map(([name, values]) => ({ series: ofSystem(name, system), values })),
        promql_expr_test: [
          {
            expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) > bool 0 or vector(0)`,
            eval_time: series.at,
            exp_samples: [{ labels: "{}", value: is }],
          },
        ],
      });
      const tests = {
        rule_files: [file],
        evaluation_interval: "30s",
        tests: [test(1, series.fires), test(0, series.quiet)],
      };
      const testFile = path.join(folder, "test.json");
      writeFileSync(testFile, JSON.stringify(tests));
      const said = await speak(promtool, ["test", "rules", testFile]);
      tally.note(`${system}: ${alert}`, said.code === 0 ? [] : [`${said.stdout}${said.stderr}`.trim()]);
    }
  }
  for (const name of Object.keys(ALERT_SERIES))
    if (!told.has(name)) tally.note(name, ["no system has this alert: its series are of no use"]);
}

interface Dashboard {
  title: string;
  panels: { title: string; targets: { expr: string }[] }[];
}

const VARIABLES: Readonly<Record<string, string>> = {
  system: OF_TOLD,
  environment: ENVIRONMENT,
  __rate_interval: "1m",
  route: ".*",
  service: ".*",
  one: ".*",
  other: ".*",
};

/** Every expression of panels, rules and alerts, an alert's without what it is compared with. */
function expressions(): { where: string; expr: string }[] {
  const folder = path.join(ROOT, `kubernetes/${OF_TOLD}/dashboards`);
  const panels = readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) => {
      const { title, panels: all } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as Dashboard;
      return all.flatMap((panel) => panel.targets.map(({ expr }) => ({ where: `${title}, ${panel.title}`, expr })));
    });
  const model = modelOf(OF_TOLD);
  const compiled = model && compile(model, ENVIRONMENT, "plans").value;
  if (!model || !compiled) throw new Error(`${OF_TOLD} has no plan.`);
  const selector = `system="${OF_TOLD}",environment="${ENVIRONMENT}"`;
  const rules = ruleGroups(model, compiled).flatMap((group) => group.rules);
  const recorded = rules.flatMap(({ record, expr }) => (record === undefined ? [] : [{ where: record, expr }]));
  const alerts = ALERTS.filter(({ alert }) => rules.some((rule) => rule.alert === alert)).map(({ alert, value }) => ({
    where: alert,
    // Nor is there enough to do here for those that want to see a rate first.
    expr: value(selector).replace(/ > 0\.\d+\)/g, ")"),
  }));
  const burning = objectivesOf(model, compiled.gateway).flatMap((objective) =>
    burnAlerts(objective, selector).flatMap(({ expr, windows }) =>
      expr
        .split(" and ")
        .map((side) => ({ where: `${objective.name}, ${windows}`, expr: side.replace(/ > [\d.e-]+$/, "") })),
    ),
  );
  return [...panels, ...recorded, ...alerts, ...burning].map(({ where, expr }) => ({
    where,
    expr: expr.replace(/\$(\w+)/g, (whole, name: string) => VARIABLES[name] ?? whole),
  }));
}

/** What these gateways tell of refusals, limits, caches and breakers; the breakers last, since a plan that is read anew closes them. */
const SUBJECTS = ["jwt", "tenant", "rate-limit", "cache", "upstream", "breaker"];

/** Asks for every expression while gateways with traffic run. */
async function askAll({ prometheus, promtool }: PrometheusPrograms, folder: string, tally: Tally): Promise<void> {
  const server = await Prometheus.start(prometheus, folder, { groups: groupsOf(OF_TOLD) });
  const scraped: ScrapeTarget[] = [];
  const missing = new Map(expressions().map(({ where, expr }) => [`${where}: ${expr}`, expr]));
  const all = [...missing.keys()];
  const wrong: string[] = [];
  const ask = async (): Promise<void> => {
    for (const [key, expr] of missing) {
      try {
        const found = await server.query(expr);
        if (found.some(({ value: [, value] }) => value !== "NaN")) missing.delete(key);
      } catch (error) {
        wrong.push(`${key}: ${String(error)}`);
        missing.delete(key);
      }
    }
  };
  const watched =
    (target: string, factory: StandFactory): StandFactory =>
    async (options) => {
      const stand = await factory(options);
      if ("unavailable" in stand) return stand;
      for (const [n, { port }] of (stand.around?.filters ?? []).entries()) {
        const labels = {
          system: OF_TOLD,
          environment: ENVIRONMENT,
          component: "filter",
          pod: `${target}-${String(n)}`,
        };
        scraped.push({ address: `127.0.0.1:${String(port)}`, labels });
      }
      server.scrape(scraped);
      let asking = Promise.resolve();
      const timer = setInterval(() => {
        asking = asking.then(ask);
      }, 5_000);
      const stop = stand.stop.bind(stand);
      stand.stop = async () => {
        // Until the last have been asked, and what is recorded of it twice.
        await sleep(5_000);
        clearInterval(timer);
        await asking;
        await ask();
        for (const { address } of scraped.splice(0)) {
          const text = await (await fetch(`http://${address}/metrics`)).text();
          const file = path.join(folder, "metrics.txt");
          writeFileSync(file, text);
          const said = await speak("sh", ["-c", `"$0" check metrics < "$1"`, promtool, file]);
          tally.note(
            `promtool check metrics, ${target}`,
            said.code === 0 ? [] : [`${said.stdout}${said.stderr}`.trim()],
          );
        }
        server.scrape([]);
        await stop();
      };
      return stand;
    };
  try {
    const cases = readCases(path.join(__dirname, "../conformance/cases"))
      .filter(({ system, subject, replicas }) => system === OF_TOLD && SUBJECTS.includes(subject) && replicas === 1)
      .filter(({ environment }) => environment === ENVIRONMENT)
      .filter(({ away }) => away.length === 0)
      // A few of each tell as much as all.
      .filter((c, i, all) => all.slice(0, i).filter(({ subject }) => subject === c.subject).length < 12)
      .sort((a, b) => SUBJECTS.indexOf(a.subject) - SUBJECTS.indexOf(b.subject));
    for (const target of ["nginx", "node-gateway"]) {
      const factory = STANDS[target];
      if (factory) await runCases(watched(target, factory), cases, systemOf);
    }
  } finally {
    await server.stop();
  }
  for (const key of all) tally.note(key, missing.has(key) ? ["gives nothing"] : []);
  for (const words of wrong) tally.note("an expression", [words]);
}

async function main(): Promise<number> {
  const tally = new Tally();
  const programs = await prometheusPrograms();
  if (!programs) {
    tally.skip(1, "Prometheus cannot be had: it comes by apt-get");
    return tally.end();
  }
  const folder = mkdtempSync(path.join(tmpdir(), "observability-"));
  try {
    await readRules(programs.promtool, folder, tally);
    await makeTrue(programs.promtool, folder, tally);
    await askAll(programs, folder, tally);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tally.end();
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
