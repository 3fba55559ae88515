import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { diagnostic, hasErrors, type Diagnostic, type DiagnosticCode } from "../diagnostics";
import { importIngresses } from "../import/ingress";
import { modelOf, modelText } from "../import/model-text";
import type { Note } from "../import/notes";
import { readObjects, UnreadableFile, type KubernetesObject } from "../import/objects";
import { checkModel } from "../model";
import { compile } from "../targets";
import { report, UsageError, type Context } from "./context";

/** Somebody's Ingresses as a model: `import`. */

/** What has been read, and what says nothing of routes. */
const SILENT = new Set([
  "Ingress",
  "IngressClass",
  "Service",
  "Namespace",
  "Secret",
  "ConfigMap",
  "Deployment",
  "StatefulSet",
]);
const ROUTING =
  /^(VirtualService|Gateway|HTTPRoute|GRPCRoute|TLSRoute|IngressRoute|RequestAuthentication|AuthorizationPolicy)$/;

const CODES: Readonly<Record<Note["level"], DiagnosticCode>> = {
  lost: "import/not-taken",
  changed: "import/taken-otherwise",
  idle: "import/without-effect",
};

const FIX: Readonly<Record<Note["level"], string>> = {
  lost: "Write it into the model by hand after the import; --accept NAME leaves it out.",
  changed: "Look at what was written, and change it where that is not meant.",
  idle: "Nothing is to be done; take it out of the file.",
};

function diagnosticOf({ level, name, at, what, source }: Note, accepted: ReadonlySet<string>): Diagnostic {
  const isAccepted = level === "lost" && accepted.has(name);
  const code = isAccepted ? "import/left-out" : CODES[level];
  return diagnostic(
    code,
    at,
    `${what.charAt(0).toUpperCase()}${what.slice(1)}.`,
    FIX[level].replace("NAME", name),
    source,
  );
}

/** Objects that route and are not read yet. */
function strangers(objects: readonly KubernetesObject[]): Note[] {
  return objects
    .filter(({ kind }) => ROUTING.test(kind))
    .map(({ kind, namespace, name, source }) => ({
      ...{ level: "lost" as const, name: kind, at: `${namespace}/${name}`, source },
      what: `a ${kind} is not read: Ingresses are`,
    }));
}

function objectsIn(files: readonly string[]): KubernetesObject[] {
  try {
    return readObjects(files);
  } catch (error) {
    if (error instanceof UnreadableFile) throw new UsageError(error.message);
    throw error;
  }
}

/** `import` on the command line. Nothing is written while something is not taken that nobody has accepted. */
export function importCommand(context: Context): number {
  const { args, values, output } = context;
  if (args.length === 0)
    throw new UsageError("Name the files that hold your Ingresses, and their Services where ports have names.");
  const objects = objectsIn(args);
  const imported = importIngresses(objects, values.class ?? "nginx");
  if (imported.hosts.size === 0 && imported.notes.length === 0)
    throw new UsageError(`No Ingress was found in ${args.join(", ")}.`);
  const name = values.name ?? "imported";
  const accepted = new Set((values.accept ?? []).flatMap((names) => names.split(",")));
  const notes = [...imported.notes, ...strangers(objects)];
  const diagnostics = notes.map((note) => diagnosticOf(note, accepted));
  const file = values.out ?? path.join("policies", `${name}.yaml`);
  const model = modelOf(name, values.target ?? ["nginx"], imported);
  if (imported.routes.length > 0) {
    const checked = checkModel({ file, value: model, locate: () => ({ file }) });
    diagnostics.push(...checked.diagnostics);
    if (checked.value && !hasErrors(checked.diagnostics))
      diagnostics.push(...compile(checked.value, "production").diagnostics.map((d) => ({ source: { file }, ...d })));
  }
  const code = report(context, diagnostics, { file, model });
  if (code !== 0) return code;
  if (existsSync(file)) throw new UsageError(`There is a ${file} already: name another with --out.`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(
    file,
    modelText(
      model,
      imported.routes.map(({ comment }) => comment),
    ),
  );
  const silent = [...new Set(objects.map(({ kind }) => kind))].filter(
    (kind) => !SILENT.has(kind) && !ROUTING.test(kind),
  );
  if (silent.length > 0) output.err(`not looked at: ${silent.join(", ")}\n`);
  if (!values.json)
    output.out(
      `${file}: ${String(imported.hosts.size)} hosts, ${String(imported.services.size)} services, ${String(imported.routes.length)} routes\n`,
    );
  return 0;
}
