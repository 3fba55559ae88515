import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { hasErrors } from "../diagnostics";
import { modelIn } from "../model";
import { pageHtml, type ShownChange } from "../page/html";
import { pack, type Named } from "../page/packed";
import { accessOf, groundsOf } from "./access";
import { changesOf, NOTHING, type AccessResult, type Change } from "./diff";
import { report, selected, type Context } from "./context";
import { compileAll, modelsOf } from "./load";
import { modelFiles } from "./models";
import { systemsOf } from "./own-systems";
import { atRevision } from "./revision";

/** Systems as one file for a browser: routes, who may, where each promise is kept, and a request to try: `page`. */

const FILE = "gatewright.html";

const HEAD = ["host", "methods", "path", "who", "to"] as const;

function shownOf({ name, before, after, otherwise, grounds }: Change): ShownChange {
  const rows = (all: Change["before"]): string[][] => all.map((row) => HEAD.map((column) => row[column]));
  const tables = [
    { caption: "Before", head: HEAD, rows: rows(before) },
    { caption: "After", head: HEAD, rows: rows(after) },
    {
      caption: "Other promises",
      head: ["host", "methods", "path", "changed"],
      rows: otherwise.map(({ row, kinds }) => [row.host, row.methods, row.path, kinds.join(", ")]),
    },
  ];
  return {
    name,
    tables: tables.filter((t) => t.rows.length > 0),
    lines: grounds.length > 0 ? [`Changed for the whole environment: ${grounds.join(", ")}.`] : [],
  };
}

/** `page` on the command line. */
export async function pageCommand(context: Context): Promise<number> {
  const { args, values, output } = context;
  const { compiled, diagnostics } = compileAll(modelFiles(args), { plansOnly: true });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const models = modelsOf(compiled);
  const before = values.diff === undefined ? undefined : await atRevision(values.diff, "access", args);
  if (before && "problem" in before) return report(context, [...diagnostics, before.problem]);
  // Secrets that no case knows are made up, and of no matter in a page.
  const known = systemsOf({ ...context, output: { ...output, err: () => undefined } }, models);
  const chosen = selected(compiled, values.system, values.environment);
  const shown = new Set(chosen.map(({ gateway }) => `${gateway.system}, ${gateway.environment}`));
  const systems = chosen.map(({ model, gateway, plans }) => {
    const all = Object.entries(known.get(model.name)?.identities.identities ?? {});
    const identities = Object.fromEntries(all.map(([name, { claims }]): [string, Named] => [name, { claims }]));
    return pack({ gateway, plans, issuers: modelIn(model, gateway.environment).issuers, identities });
  });
  const names = [...new Set(systems.map(({ system }) => system))];
  const after = { access: accessOf(models), grounds: groundsOf(models) };
  const html = await pageHtml(systems, {
    title: names.length > 3 ? `${String(names.length)} systems` : names.join(", "),
    ...(before && {
      revision: values.diff ?? "",
      changes: changesOf((before.result ?? NOTHING) as AccessResult, after)
        .filter(({ name }) => shown.has(name))
        .map(shownOf),
    }),
  });
  const file = values.out ?? FILE;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, html);
  const code = report(context, diagnostics, { file });
  if (!values.json) output.out(`wrote ${file}: ${names.join(", ")}\n`);
  return code;
}
