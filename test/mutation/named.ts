import { readFileSync } from "node:fs";
import path from "node:path";

/** What stands in no one place of a kind's own: ends that nobody tells, places never given back, bodies never handed back. */
export interface NamedMutant {
  name: string;
  file: string;
  /** This text of the file becomes that one. */
  from: string;
  to: string;
  target: string;
  /** The case that must turn red. */
  red: string;
}

const ROOT = path.join(__dirname, "../..");

const OF_REPORTS = { red: "three callers' errors do" };
const HEEDED = { file: "lib/decision/report.ts", ...OF_REPORTS };

export const NAMED: readonly NamedMutant[] = [
  {
    name: "a report that is not sent",
    ...{ file: "lib/targets/nginx/view.ts", target: "nginx", ...OF_REPORTS },
    ...{ from: "plan.reports && hasDoor(server) ? [report] : []", to: "[]" },
  },
  {
    name: "a report that is not sent",
    ...{ file: "lib/targets/istio/reports.ts", target: "istio", ...OF_REPORTS },
    ...{ from: 'const TICKET_TAG = "ticket"', to: 'const TICKET_TAG = "none"' },
  },
  ...["nginx", "istio"].flatMap((target): NamedMutant[] => [
    {
      ...{ name: "a report that is not heeded", target, ...HEEDED },
      ...{ from: "if (word !== undefined) reported.ended", to: 'if (word === "-") reported.ended' },
    },
    {
      ...{ name: "a leave without a ticket", target, ...HEEDED },
      ...{ from: "words.set(next.kind, word.ticket);", to: "" },
    },
    {
      ...{ name: "a failed attempt that is not counted", target, file: "lib/policy/kinds/lockout.ts" },
      ...{ from: "store.attempted(ticket.slice(1), outcome", to: 'store.attempted(ticket.slice(1), "unknown"' },
      red: "five failed attempts lock an e-mail out",
    },
  ]),
  {
    ...{ name: "a body that is not handed back", file: "lib/filter/door.ts", target: "nginx" },
    ...{ from: '"@admitted"', to: '"@nowhere"', red: "a query passes with its body as it came" },
  },
  ...["nginx", "istio", "node-gateway"].map((target) => ({
    ...{ name: "a place that is not given back", target, file: "lib/policy/kinds/connections.ts" },
    ...{ from: "exchange.atEnd.push(", to: "void (", red: "a connection that ends makes room for one" },
  })),
];

/** The file's text in its changed form. */
export function changedText({ file, from, to }: NamedMutant): string {
  const text = readFileSync(path.join(ROOT, file), "utf8");
  const at = text.indexOf(from);
  if (at < 0 || text.includes(from, at + 1)) throw new Error(`${file} has not once: ${from}`);
  return text.slice(0, at) + to + text.slice(at + from.length);
}
