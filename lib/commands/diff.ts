import { hasErrors } from "../diagnostics";
import { accessOf, accessTable, type AccessRow } from "./access";
import { report, UsageError, type Context } from "./context";
import { compileAll } from "./load";
import { modelFiles } from "./models";
import { atRevision } from "./revision";

const textOf = (row: AccessRow): string => JSON.stringify(row);

/** Who may do what before and after, as Markdown for a pull request. */
export function accessDiff(before: readonly AccessRow[], after: readonly AccessRow[]): string {
  const [was, is] = [new Set(before.map(textOf)), new Set(after.map(textOf))];
  const gone = before.filter((row) => !is.has(textOf(row)));
  const come = after.filter((row) => !was.has(textOf(row)));
  const groups = [...new Set([...gone, ...come].map(({ system, environment }) => `${system}, ${environment}`))].sort();
  const parts = groups.flatMap((group) => {
    const own = (rows: readonly AccessRow[]): AccessRow[] =>
      rows.filter(({ system, environment }) => `${system}, ${environment}` === group);
    const part = (title: string, rows: readonly AccessRow[]): string[] =>
      rows.length === 0 ? [] : [`${title}:`, "", accessTable(rows), ""];
    return [`### ${group}`, "", ...part("Before", own(gone)), ...part("After", own(come))];
  });
  const said = parts.length === 0 ? ["Nobody may do more or less.", ""] : parts;
  return ["## Access", "", ...said].join("\n");
}

/** Prints what has changed since a revision: `diff main`. */
export async function diffCommand(context: Context): Promise<number> {
  const [revision, ...files] = context.args;
  if (revision === undefined) throw new UsageError("Name a revision: gatewright diff main");
  const { compiled, diagnostics } = compileAll(modelFiles(files));
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const models = [...new Map(compiled.map(({ model }) => [model.name, model])).values()];
  const before = await atRevision(revision, "access");
  if ("problem" in before) return report(context, [...diagnostics, before.problem]);
  const diff = accessDiff((before.result as { access: AccessRow[] }).access, accessOf(models));
  const code = report(context, diagnostics, { diff });
  if (code === 0 && !context.values.json) context.output.out(diff);
  return code;
}
