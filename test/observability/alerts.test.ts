import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { WATCHED_REASONS } from "../../lib/filter/metrics";
import { ALERTS } from "../../lib/observability/alerts";
import { DASHBOARDS } from "../../lib/observability/dashboards/definitions";
import { dashboardOf } from "../../lib/observability/dashboards/write";
import { ALERT_SERIES } from "./alert-series";

const ROOT = path.join(__dirname, "../..");
const NAMES = [...ALERTS.map(({ alert }) => alert), "GatewayErrors", "GatewaySlow"].sort();
const metricsIn = (text: string): string[] =>
  text
    .match(/(?<![:\w])(?:http|gateway|circuit|process|nodejs)_[a-z0-9_]+/g)
    ?.map((name) => name.replace(/_(bucket|count|sum)$/, "")) ?? [];

test("each alert has a page, a name of its own and series that make it true, and no page is left over", () => {
  const pages = readdirSync(path.join(ROOT, "docs/runbooks")).map((file) => path.basename(file, ".md"));
  expect(pages.sort()).toEqual(NAMES);
  expect(Object.keys(ALERT_SERIES).sort()).toEqual(NAMES);
  expect(new Set(NAMES).size).toBe(NAMES.length);
});

test("every metric that somebody asks for is told of in docs/observability.md", () => {
  const page = readFileSync(path.join(ROOT, "docs/observability.md"), "utf8");
  const asked = [
    ...ALERTS.map(({ value }) => value("")),
    ...DASHBOARDS.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(({ expr }) => expr))),
  ];
  const unknown = [...new Set(asked.flatMap(metricsIn))]
    .filter((name) => !/^(process|nodejs)_/.test(name))
    .filter((name) => !page.includes(`\`${name}\``));
  expect(unknown).toEqual([]);
});

test("templates/dashboards are what npm run dashboards makes", () => {
  const folder = path.join(ROOT, "templates/dashboards");
  expect(readdirSync(folder).sort()).toEqual(DASHBOARDS.map(({ name }) => `${name}.json`).sort());
  for (const definition of DASHBOARDS) {
    const text = readFileSync(path.join(folder, `${definition.name}.json`), "utf8");
    expect(text).toBe(`${JSON.stringify(dashboardOf(definition), null, 2)}\n`);
  }
});

test("a reason that an alert is about begins with nothing, so that its first refusal is seen, and no other does", () => {
  const asked = ALERTS.flatMap(({ value }) =>
    [...value("").matchAll(/reason="([\w-]+)"/g)].map(([, reason]) => reason),
  );
  expect([...new Set(asked)].sort()).toEqual([...WATCHED_REASONS].sort());
});
