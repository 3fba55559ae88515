import { hasErrors } from "../diagnostics";
import { accessOf, accessTable, cell, groundsOf, type AccessRow, type Ground } from "./access";
import { report, UsageError, type Context } from "./context";
import { compileAll, modelsOf } from "./load";
import { modelFiles } from "./models";
import { atRevision } from "./revision";

/** Who may do what, and what that stands on, as `gatewright access --json` prints it. */
export interface AccessResult {
  access: AccessRow[];
  grounds: Ground[];
}

/** Of a revision that has none of the models. */
export const NOTHING: AccessResult = { access: [], grounds: [] };

const shownOf = ({ promises: _, ...row }: AccessRow): string => JSON.stringify(row);
const placeOf = ({ host, methods, path }: AccessRow): string => `${host} | ${methods} | ${path}`;
const groupOf = ({ system, environment }: { system: string; environment: string }): string =>
  `${system}, ${environment}`;

type Texts = Readonly<Record<string, string>>;

/** Names whose texts are not the same. */
const changedIn = (before: Texts, after: Texts): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => before[name] !== after[name]).sort();

/** What has changed of one environment. */
export interface Change {
  name: string;
  before: AccessRow[];
  after: AccessRow[];
  /** Rows that look the same and promise something else, by what they promise otherwise. */
  otherwise: { row: AccessRow; kinds: string[] }[];
  /** What all of the environment stands on. */
  grounds: string[];
}

function changeOf(name: string, before: AccessResult, after: AccessResult): Change {
  const own = <T extends { system: string; environment: string }>(all: readonly T[]): T[] =>
    all.filter((one) => groupOf(one) === name);
  const [was, is] = [own(before.access), own(after.access)];
  const [wasShown, isShown] = [new Set(was.map(shownOf)), new Set(is.map(shownOf))];
  const promised = new Map(was.map((row) => [shownOf(row), row.promises]));
  return {
    name,
    before: was.filter((row) => !isShown.has(shownOf(row))),
    after: is.filter((row) => !wasShown.has(shownOf(row))),
    otherwise: is.flatMap((row) => {
      const old = promised.get(shownOf(row));
      const kinds = old ? changedIn(old, row.promises) : [];
      return kinds.length > 0 ? [{ row, kinds }] : [];
    }),
    grounds: changedIn(own(before.grounds)[0]?.parts ?? {}, own(after.grounds)[0]?.parts ?? {}),
  };
}

/** What has changed of who may do what, by environment; one in which nothing has is left out. */
export function changesOf(before: AccessResult, after: AccessResult): Change[] {
  const all = [...before.access, ...after.access, ...before.grounds, ...after.grounds];
  return [...new Set(all.map(groupOf))]
    .sort()
    .map((name) => changeOf(name, before, after))
    .filter((c) => [c.before, c.after, c.otherwise, c.grounds].some((part) => part.length > 0));
}

function changeText({ name, before, after, otherwise, grounds }: Change): string[] {
  const part = (title: string, rows: readonly AccessRow[]): string[] =>
    rows.length === 0 ? [] : [`${title}:`, "", accessTable(rows), ""];
  const others = otherwise.map(({ row, kinds }) => `| ${placeOf(row)} | ${cell(kinds.join(", "))} |`);
  return [
    ...[`### ${name}`, ""],
    ...part("Before", before),
    ...part("After", after),
    ...(others.length > 0
      ? ["Other promises:", "", "| host | methods | path | changed |", "| --- | --- | --- | --- |", ...others, ""]
      : []),
    ...(grounds.length > 0 ? [`Changed for the whole environment: ${grounds.join(", ")}.`, ""] : []),
  ];
}

/** The same as Markdown for a pull request; nothing is said to be the same that is not. */
export function accessDiff(before: AccessResult, after: AccessResult): string {
  const parts = changesOf(before, after).flatMap(changeText);
  const said = parts.length === 0 ? ["Nobody may do more or less, and nothing is promised otherwise.", ""] : parts;
  return ["## Access", "", ...said].join("\n");
}

/** Prints what has changed since a revision: `diff main`. */
export async function diffCommand(context: Context): Promise<number> {
  const [revision, ...files] = context.args;
  if (revision === undefined) throw new UsageError("Name a revision: gatewright diff main");
  const { compiled, diagnostics } = compileAll(modelFiles(files));
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const models = modelsOf(compiled);
  const before = await atRevision(revision, "access", files);
  if ("problem" in before) return report(context, [...diagnostics, before.problem]);
  const after = { access: accessOf(models), grounds: groundsOf(models) };
  const diff = accessDiff((before.result ?? NOTHING) as AccessResult, after);
  const code = report(context, diagnostics, { diff });
  if (code === 0 && !context.values.json) context.output.out(diff);
  return code;
}
