import { load } from "js-yaml";
import { diagnostic, hasErrors, type Diagnostic } from "../diagnostics";
import type { GatewayModel } from "../model";
import { kustomizations, workloads } from "../charts";
import { dashboards, monitoring } from "../observability";
import { nearest } from "../model/problems";
import { shareOf } from "../model/rollouts";
import { compile, DIFFERENCES, type Compiled, type OutputFile } from "../targets";
import { APPLIED_BYTES, bytesOf, LARGEST_BYTES } from "../targets/object-size";
import { loadModels } from "./models";

function unusedAcceptances(file: string, model: GatewayModel, used: ReadonlySet<string>): Diagnostic[] {
  return model.accept
    .filter(({ difference }) => !used.has(difference))
    .map(({ difference }) => {
      const known = DIFFERENCES.find(({ name }) => name === difference);
      const meant = known
        ? undefined
        : nearest(
            difference,
            DIFFERENCES.map(({ name }) => name),
          );
      const why = known
        ? `No promise of this model is kept by it: ${known.target} would keep ${known.kinds.join(" and ")} so, where nothing else stands against it.`
        : `There is no difference "${difference}"${meant === undefined ? "" : `; there is "${meant}"`}.`;
      const fix = known
        ? "Take it out of accept, so that it accepts nothing by surprise; gatewright plan says where promises are kept."
        : "Write one of those that docs/model.md lists below accept, or take it out.";
      return diagnostic("plan/unused-acceptance", `${model.name}/accept/${difference}`, why, fix, { file });
    });
}

/** Below it no object is too large, whatever is escaped in it. */
const SUSPECT_BYTES = APPLIED_BYTES / 6;

/** Objects that nobody takes, and those that `kubectl apply` takes in one way alone. */
function largeObjects(system: string, files: readonly OutputFile[]): Diagnostic[] {
  return files
    .filter(({ path, content }) => path.endsWith(".yaml") && Buffer.byteLength(content) > SUSPECT_BYTES)
    .flatMap(({ path, content }) => content.split(/^---$/m).map((text) => ({ path, text })))
    .filter(({ text }) => Buffer.byteLength(text) > SUSPECT_BYTES)
    .flatMap(({ path, text }) => {
      const object = load(text) as { kind?: string; metadata?: { name: string } };
      const bytes = bytesOf(object);
      // Values that are merged into others' settings are no object.
      if (bytes <= APPLIED_BYTES || object.kind === undefined || !object.metadata) return [];
      const { kind, metadata } = object;
      const say = (code: "plan/object-too-large" | "plan/object-large", most: number, fix: string): Diagnostic[] => {
        const why = `${kind} ${metadata.name} in ${path} has ${String(bytes)} bytes; ${String(most)} are taken.`;
        return [diagnostic(code, `${system}/targets`, why, fix)];
      };
      const smaller = "the model into several systems, or shorten schemas, keys and texts.";
      return bytes > LARGEST_BYTES
        ? say("plan/object-too-large", LARGEST_BYTES, `Divide ${smaller}`)
        : say("plan/object-large", APPLIED_BYTES, `Apply it with kubectl apply --server-side, or divide ${smaller}`);
    });
}

/** Objects by kind, namespace and name, with the text of each. */
function objectsOf(files: readonly OutputFile[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const { content } of files.filter((f) => f.path.endsWith(".yaml"))) {
    for (const text of content.replace(/^#.*\n/gm, "").split(/^---$/m)) {
      const metadata = /^metadata:\n((?: .*\n?)+)/m.exec(text)?.[1] ?? "";
      const [kind, name] = [/^kind: (.+)$/m.exec(text)?.[1], /^ {2}name: (.+)$/m.exec(metadata)?.[1]];
      const namespace = /^ {2}namespace: (.+)$/m.exec(metadata)?.[1];
      if (kind === undefined || name === undefined) continue;
      // The same proxy's variants of one system are alternatives.
      const key = `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
      if (!found.has(key)) found.set(key, text.trim());
    }
  }
  return found;
}

/** Two systems that would overwrite each other's objects, unless each has a cluster of its own. */
function sameObjects(compiled: readonly CompiledModel[]): Diagnostic[] {
  const shared = compiled.filter(({ model }) => Object.keys(model.infrastructure).length === 0);
  const objects = shared.map((one) => ({ ...one, objects: objectsOf(one.files) }));
  return objects.flatMap((one, i) => {
    const before = objects
      .slice(0, i)
      .filter((o) => o.gateway.environment === one.gateway.environment && o.model.name !== one.model.name);
    return before.flatMap((other) => {
      const both = [...one.objects]
        .filter(([key, text]) => (other.objects.get(key) ?? text) !== text)
        .map(([key]) => key);
      if (both.length === 0) return [];
      const more = both.length > 3 ? ` and ${String(both.length - 3)} more` : "";
      const why = `In ${one.gateway.environment}, ${other.model.name} writes ${both.slice(0, 3).join(", ")}${more} as well.`;
      const fix =
        "Give one of them another kubernetes.namespace and filter.address, unless they run in different clusters.";
      return [diagnostic("plan/same-object", `${one.model.name}/kubernetes`, why, fix, { file: one.file })];
    });
  });
}

export interface CompiledModel extends Compiled {
  file: string;
  model: GatewayModel;
}

/** All that is written of one environment; what is of all of them comes with the first. */
function filesOf(model: GatewayModel, environment: string, compiled: Compiled): OutputFile[] {
  const objects = [...compiled.files, ...workloads(model, compiled), ...monitoring(model, compiled)];
  return [
    ...objects,
    ...kustomizations(model, compiled, objects),
    ...(environment === model.environments[0] ? dashboards(model, compiled.gateway) : []),
  ];
}

/** What no target could keep once a rollout has begun: told before it does. */
function ofRollouts(model: GatewayModel, environment: string): Diagnostic[] {
  const waiting = Object.entries(model.rollouts).filter(([, r]) => shareOf(r, environment) === 0);
  if (waiting.length === 0) return [];
  const begun = waiting.map(([name, r]) => [name, { ...r, at: { [environment]: r.steps[0] ?? 100 } }] as const);
  const { diagnostics } = compile({ ...model, rollouts: Object.fromEntries(begun) }, environment, "plans");
  const names = waiting.map(([name]) => name).join(", ");
  return diagnostics
    .filter((d) => d.severity === "error")
    .map((d) => ({ ...d, why: `Once it has begun (${names}): ${d.why}` }));
}

interface CompileOptions {
  target?: string;
  plansOnly?: boolean;
  /** Told after each environment. */
  onCompiled?: ((done: number, all: number) => void) | undefined;
}

/** Compiles every environment of every model, for its own targets or for the one that is named. */
export function compileAll(
  files: readonly string[],
  { target, plansOnly = false, onCompiled }: CompileOptions = {},
): { compiled: CompiledModel[]; diagnostics: Diagnostic[] } {
  const { models, diagnostics } = loadModels(files);
  const compiled: CompiledModel[] = [];
  for (const [i, { file, model }] of models.entries()) {
    const other = models.slice(0, i).find((m) => m.model.name === model.name && m.file !== file);
    if (!other) continue;
    const why = `${other.file} is called "${model.name}" too: what one writes the other would write over.`;
    diagnostics.push(diagnostic("model/duplicate-name", model.name, why, "Give one of them another name.", { file }));
  }
  let done = 0;
  const all = models.reduce((sum, { model }) => sum + model.environments.length, 0);
  for (const { file, model: loaded } of models) {
    const model = target === undefined ? loaded : { ...loaded, targets: [target], accept: [] };
    const used = new Set<string>();
    const before = diagnostics.length;
    for (const environment of model.environments) {
      const result = compile(model, environment, plansOnly ? "plans" : "all");
      diagnostics.push(...ofRollouts(model, environment).map((d) => ({ ...d, source: d.source ?? { file } })));
      onCompiled?.(++done, all);
      diagnostics.push(...result.diagnostics.map((d) => ({ ...d, source: d.source ?? { file } })));
      if (!result.value) continue;
      result.value.usedDifferences.forEach((d) => used.add(d));
      const files = plansOnly ? [] : filesOf(model, environment, result.value);
      diagnostics.push(...largeObjects(model.name, files).map((d) => ({ ...d, source: { file } })));
      compiled.push({ ...result.value, files, file, model });
    }
    if (!hasErrors(diagnostics.slice(before))) diagnostics.push(...unusedAcceptances(file, model, used));
  }
  diagnostics.push(...sameObjects(compiled));
  return { compiled: hasErrors(diagnostics) ? [] : compiled, diagnostics };
}

/** The models, once each, of what was compiled for several environments. */
export const modelsOf = (compiled: readonly CompiledModel[]): GatewayModel[] => [
  ...new Map(compiled.map(({ model }) => [model.name, model])).values(),
];
