import { readFileSync } from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import { edgeTargetOf, type GatewayModel } from "../model";
import type { OutputFile } from "../targets";
import type { Bill, Wanted } from "./bill";
import { chartOf } from "./chart";
import { count, perMillion, usd } from "./format";
import { cents, GROUPS, sumOf, type Line } from "./lines";
import type { Pods } from "./pods";
import { PRICE_REGION, PRICES, type PriceName } from "./prices";
import { savingsOf } from "./savings";
import { curveOf, limitsOf } from "./sizes";
import { requestsOf, type Estimate, type Usage } from "./usage";
import { presentBill, solutionsOf } from "./variants";

const TEMPLATE = path.join(__dirname, "../../templates/cost-report.md.hbs");

/** US dollars that a request is to cost at most. */
const TARGET = 0.0003;

/** One environment, priced. */
export interface Priced extends Wanted {
  bill: Bill;
}

export const pricedOf = (model: GatewayModel, environment: string, usage: Usage): Priced => {
  const wanted = { model, environment, usage };
  return { ...wanted, bill: presentBill(wanted) };
};

const nodesIn = (lines: readonly Line[]): string =>
  lines
    .filter(({ group, price }) => group === "nodes" && price.startsWith("ec2."))
    .map(({ what }) => what)
    .join(", ");

/** What all pods ask for: nodes are whole, and hide it. */
const requestsOfPods = (pods: readonly Pods[]): { cpu: string; memory: string } => ({
  cpu: pods.reduce((sum, p) => sum + p.cpu * p.replicas, 0).toFixed(1),
  memory: pods.reduce((sum, p) => sum + p.memory * p.replicas, 0).toFixed(1),
});

const totalOf = (lines: readonly Line[], group: string): number => sumOf(lines.filter((line) => line.group === group));

const groupsOf = ({
  lines,
  total,
}: Pick<Bill, "lines" | "total">): { group: string; sum: number; usd: string; share: string }[] =>
  GROUPS.map((group) => ({ group, sum: totalOf(lines, group) }))
    .filter(({ sum }) => sum > 0)
    .map(({ group, sum }) => ({ group, sum, usd: usd(sum), share: `${((100 * sum) / total).toFixed(1)} %` }));

const isOneOf = (line: Line, words: readonly string[]): boolean =>
  words.some((word) =>
    word.endsWith("*") ? line.what.startsWith(word.slice(0, -1)) : word === line.what || word === line.group,
  );

/** The source's lines with ours beside them; each of ours once, and what the source has nothing of. */
function compared(lines: readonly Line[], estimates: readonly Estimate[]): object {
  let left = [...lines];
  const estimate = estimates.map(({ what, usd: theirs, is, remark }) => {
    const ours = left.filter((line) => isOneOf(line, is));
    left = left.filter((line) => !ours.includes(line));
    return { what, usd: usd(theirs), here: usd(sumOf(ours)), remark };
  });
  const names = [...new Set(left.map(({ what }) => what))];
  return {
    estimate,
    missing: usd(sumOf(left)),
    missingWhat: names.join("; "),
    estimateTotal: usd(sumOf(estimates)),
  };
}

const shownUsage = (usage: Usage): { name: string; value: string }[] =>
  Object.entries(usage)
    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
    .map(([name, value]) => ({ name, value: count(value) }));

function typesOf({ resources }: Bill): object[] {
  const types = [...new Set(resources.map(({ type }) => type))].sort();
  const of = (type: string, state: string): string =>
    String(resources.filter((r) => r.type === type && r.state === state).length || "");
  return types.map((type) => ({
    type,
    priced: of(type, "priced"),
    byUsage: of(type, "by usage"),
    free: of(type, "free"),
  }));
}

/** What three gateways, other sizes and a longer list of savings are shown for: the system that has an estimate. */
function variantsOf(priced: Priced): { view: object; prices: PriceName[]; chart?: string } {
  const { usage, bill } = priced;
  const { savings, bill: optimised } = savingsOf(priced, bill);
  const view = {
    savings: savings.map((saving) => ({ ...saving, usd: usd(saving.usd) })),
    saved: usd(cents(bill.total - optimised.total)),
    optimised: usd(optimised.total),
    solutions: [] as object[],
    steps: [] as object[],
    limits: [] as object[],
  };
  if (usage.estimate.length === 0) return { view, prices: optimised.lines.map(({ price }) => price) };
  const solutions = solutionsOf(priced);
  const [first] = solutions;
  const steps = curveOf(priced);
  view.solutions = solutions.map(({ name, bill: { total, lines, pods } }, i) => ({
    name,
    total: usd(total),
    nodes: nodesIn(lines),
    ...requestsOfPods(pods),
    difference: i === 0 || !first ? "" : usd(cents(total - first.bill.total)),
    estimate: usage.solutions[i] === undefined ? "" : usd(usage.solutions[i]),
  }));
  view.steps = steps.map(({ requestsPerDay, bill: { total, lines } }) => {
    const groups = groupsOf({ lines, total }).sort((a, b) => b.sum - a.sum);
    return {
      requests: count(requestsPerDay),
      total: usd(total),
      perMillion: perMillion(total, requestsOf({ ...usage, requestsPerDay })),
      nodes: nodesIn(lines),
      database: lines.find(({ what }) => what.startsWith("db."))?.what.split(",")[0] ?? "",
      dominant: groups
        .slice(0, 2)
        .map(({ group, share }) => `${group} ${share}`)
        .join(", "),
    };
  });
  view.limits = limitsOf(priced).map(({ what, requestsPerDay }) => ({ what, requests: count(requestsPerDay) }));
  const all = [optimised, ...solutions.map((s) => s.bill), ...steps.map((s) => s.bill)];
  return { view, prices: all.flatMap((b) => b.lines.map(({ price }) => price)), chart: chartOf(steps) };
}

function viewOf(priced: Priced, variants: object): object {
  const { model, environment, usage, bill } = priced;
  const { total, lines } = bill;
  const region = model.infrastructure[environment]?.region ?? PRICE_REGION;
  return {
    system: model.name,
    environment,
    gateway: edgeTargetOf(model, environment),
    total: usd(total),
    perMillion: perMillion(total, requestsOf(usage)),
    perRequest: (total / requestsOf(usage)).toFixed(6),
    notes: region === PRICE_REGION ? [] : [`It stands in ${region}, and is priced as in ${PRICE_REGION}.`],
    groups: groupsOf(bill),
    lines: [...lines]
      .sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group))
      .map((line) => ({ ...line, quantity: String(line.quantity), rate: String(line.rate), usd: usd(line.usd) })),
    estimate: [],
    ...(usage.estimate.length > 0 && compared(lines, usage.estimate)),
    estimateRemark: usage.estimateRemark ?? "",
    usage: shownUsage(usage),
    pods: bill.pods.map(({ name, replicas, cpu, memory }) => ({
      name,
      replicas: String(replicas),
      cpu: cpu.toFixed(2),
      memory: memory.toFixed(2),
    })),
    types: typesOf(bill),
    ...variants,
  };
}

/** The report of all systems, and the chart that it shows. */
export function reportOf(all: readonly Priced[]): OutputFile[] {
  const variants = all.map(variantsOf);
  const used = new Set([
    ...all.flatMap(({ bill }) => bill.lines.map(({ price }) => price)),
    ...variants.flatMap((v) => v.prices),
  ]);
  const names = [...used].sort();
  const dates = names.map((name) => PRICES[name].asOf).sort();
  const content = Handlebars.compile(readFileSync(TEMPLATE, "utf8"), { noEscape: true, strict: true })({
    region: PRICE_REGION,
    oldest: dates[0] ?? "",
    newest: dates.at(-1) ?? "",
    target: String(TARGET),
    systems: all.map((priced, i) => viewOf(priced, variants[i]?.view ?? {})),
    prices: names.map((name) => ({ name, ...PRICES[name], usd: String(PRICES[name].usd) })),
  });
  const chart = variants.find((v) => v.chart !== undefined)?.chart;
  return [
    { path: "cost-report.md", content },
    ...(chart === undefined ? [] : [{ path: "docs/cost-curve.svg", content: chart }]),
  ];
}
