import type { Diagnostic } from "../diagnostics";
import type { Imported } from "./imported";
import type { Note } from "./notes";

/** What is said of the form of a model comes before what is said of its meaning. */
const CHECKS = 2;

/**
 * Routes that say something which the model has no place for (a header's value with a space, a path that ends in a slash, a method that no
 * proxy passes on alike): left out, each to be accepted by its name. `check`: what the model's own check says.
 */
export function withoutUnsayable(
  system: string,
  imported: Imported,
  check: (some: Imported) => readonly Diagnostic[],
): Imported {
  let left = imported;
  for (let i = 0; i < CHECKS; i++) left = without(system, left, check(left));
  return left;
}

function without(system: string, imported: Imported, diagnostics: readonly Diagnostic[]): Imported {
  const routeOf = ({ at }: Diagnostic): string | undefined => {
    const [of, part, name] = at.split("/");
    return of === system && part === "routes" ? name : undefined;
  };
  const faults = diagnostics.filter((d) => d.severity === "error" && routeOf(d) !== undefined);
  const lost = new Set(faults.map(routeOf));
  const notes = faults.map((fault): Note => {
    const name = routeOf(fault) ?? "";
    const comment = imported.routes.find((route) => route.name === name)?.comment ?? "";
    const [, file = "", line] = /([^\s(]+):(\d+)/.exec(comment) ?? [];
    const what = `${fault.at.split("/").slice(3).join("/")}: ${fault.why} Its requests go to whatever else they fit`;
    const source = { file, ...(line !== undefined && { line: Number(line) }) };
    return { level: "lost", name, at: `routes/${name}`, what, source };
  });
  const routes = imported.routes.filter(({ name }) => !lost.has(name));
  return { ...imported, routes, notes: [...imported.notes, ...notes] };
}
