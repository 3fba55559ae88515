import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { diagnostic, hasErrors, type Diagnostic, type DiagnosticCode } from "../diagnostics";
import { firstCases } from "../import/first-cases";
import { importIngresses } from "../import/ingress";
import type { Imported } from "../import/imported";
import { importGatewayApi, isImportedRoute } from "../import/gateway-api";
import { isGatewayApi } from "../import/gateway-api-listeners";
import {
  GATEWAY_API,
  INGRESS_NGINX,
  modelOf,
  modelText,
  type ModelObject,
  OPENAPI,
  type Origin,
} from "../import/model-text";
import type { Note } from "../import/notes";
import { openApiIn } from "../import/openapi";
import { withoutUnsayable } from "../import/unsayable";
import { readObjects, UnreadableFile, type KubernetesObject } from "../import/objects";
import { IDENTITIES } from "../conformance/case";
import { checkModel, resolveGateway } from "../model";
import { compile } from "../targets";
import { report, UsageError, type Context } from "./context";

/** Somebody's Ingresses, or what somebody has described, as a model: `import`. */

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
  "GatewayClass",
  "ReferenceGrant",
  "BackendTLSPolicy",
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
      what: `a ${kind} is not read here: Ingresses are, or routes of the Gateway API`,
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

/** What was read of some files, before it is a model. */
interface Read {
  imported: Imported;
  origin: Origin;
  /** Kinds of objects that say nothing of routes, as far as that is known. */
  unread: string[];
}

function fromObjects({ args, values }: Context): Read {
  const objects = objectsIn(args);
  const hasRoutes = objects.some(isImportedRoute);
  if (hasRoutes && objects.some(({ kind }) => kind === "Ingress"))
    throw new UsageError("Ingresses and routes of the Gateway API are read apart: name files of one of them.");
  const imported = hasRoutes ? importGatewayApi(objects) : importIngresses(objects, values.class ?? "nginx");
  if (imported.hosts.size === 0 && imported.notes.length === 0)
    throw new UsageError(`No Ingress, no route of the Gateway API and no OpenAPI was found in ${args.join(", ")}.`);
  const unread = [...new Set(objects.map(({ kind }) => kind))].filter(
    (kind) => !SILENT.has(kind) && !ROUTING.test(kind),
  );
  const others = strangers(hasRoutes ? objects.filter((object) => !isGatewayApi(object)) : objects);
  return {
    imported: { ...imported, notes: [...imported.notes, ...others] },
    origin: hasRoutes ? GATEWAY_API : INGRESS_NGINX,
    unread,
  };
}

const ADDRESS = /^[a-z\d.-]+:\d+$/i;

/** A description by OpenAPI; nothing where the files are none. */
function fromOpenApi({ args, values }: Context): Read | undefined {
  const described = args.flatMap((file) => {
    const text = statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file, "utf8") : "";
    return openApiIn(file, text) ?? [];
  });
  const [one] = described;
  if (!one) return undefined;
  if (args.length > 1) throw new UsageError("A description by OpenAPI is read alone: name one file.");
  if (!one.isRead) throw new UsageError(`${args[0] ?? ""}: OpenAPI 3.0 and 3.1 are read, not ${one.version}.`);
  const [service, ...more] = values.service ?? [];
  if (service === undefined || more.length > 0 || !ADDRESS.test(service))
    throw new UsageError("Say where the service is that is described: --service HOST:PORT.");
  const { host, issuer } = values;
  const options = { service, ...(host !== undefined && { host }), ...(issuer !== undefined && { issuer }) };
  const imported = one.read(options);
  if (imported.hosts.size === 0 && imported.notes.length === 0)
    throw new UsageError(`${args[0] ?? ""} names no host: --host NAME does.`);
  return { imported, origin: OPENAPI, unread: [] };
}

/** Where first cases are to be, which must be nobody else's place. */
function casesFileOf(folder: string | undefined, name: string, model: string): string | undefined {
  if (folder === undefined) return undefined;
  const file = path.join(folder, `${name}.yaml`);
  if (folder === "" || !(statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? true))
    throw new UsageError(`--cases names a folder: "${folder}" is none.`);
  if (path.basename(file) === IDENTITIES) throw new UsageError(`${file} is for who calls: name the system otherwise.`);
  if (existsSync(file) || path.resolve(file) === path.resolve(model))
    throw new UsageError(`${file} is there already, or is the model: name another folder with --cases.`);
  return file;
}

function writeCases(file: string, { text, count, without }: ReturnType<typeof firstCases>, context: Context): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  const left = without.length === 0 ? "" : `; yours to write: ${without.join(", ")}`;
  if (!context.values.json)
    context.output.out(`${file}: ${count === 1 ? "1 case" : `${String(count)} cases`}${left}\n`);
}

/** `import` on the command line. Nothing is written while something is not taken that nobody has accepted. */
export function importCommand(context: Context): number {
  const { args, values, output } = context;
  if (args.length === 0)
    throw new UsageError(
      "Name the files that hold your Ingresses, and their Services where ports have names; or your Gateways and their routes; or a description by OpenAPI.",
    );
  const { imported: read, origin, unread } = fromOpenApi(context) ?? fromObjects(context);
  const name = values.name ?? "imported";
  const accepted = new Set((values.accept ?? []).flatMap((names) => names.split(",")));
  const file = values.out ?? path.join("policies", `${name}.yaml`);
  const check = (value: unknown): ReturnType<typeof checkModel> =>
    checkModel({ file, value, locate: () => ({ file }) });
  const asModel = (some: Imported): ModelObject => modelOf(name, values.target ?? ["nginx"], origin, some);
  const imported = withoutUnsayable(name, read, (some) => check(asModel(some)).diagnostics);
  const diagnostics = imported.notes.map((note) => diagnosticOf(note, accepted));
  const model = asModel(imported);
  const checked = check(model);
  if (imported.routes.length > 0) {
    diagnostics.push(...checked.diagnostics);
    if (checked.value && !hasErrors(checked.diagnostics))
      diagnostics.push(...compile(checked.value, "production").diagnostics.map((d) => ({ source: { file }, ...d })));
  }
  const code = report(context, diagnostics, { file, model });
  if (code !== 0) return code;
  if (imported.routes.length === 0) throw new UsageError(`There is no route left to write to ${file}.`);
  if (existsSync(file)) throw new UsageError(`There is a ${file} already: name another with --out.`);
  const casesFile = casesFileOf(values.cases, name, file);
  mkdirSync(path.dirname(file), { recursive: true });
  const comments = imported.routes.map(({ comment }) => comment);
  writeFileSync(file, modelText(model, origin, comments));
  if (unread.length > 0) output.err(`not looked at: ${unread.join(", ")}\n`);
  if (!values.json)
    output.out(
      `${file}: ${String(imported.hosts.size)} hosts, ${String(imported.services.size)} services, ${String(imported.routes.length)} routes\n`,
    );
  if (casesFile !== undefined && checked.value)
    writeCases(casesFile, firstCases(name, imported, resolveGateway(checked.value, "production")), context);
  return 0;
}
