import { parse } from "yaml";
import { diagnostic, hasErrors, type Diagnostic } from "../diagnostics";
import type { GatewayModel } from "../model";
import { workloads } from "../charts";
import { compile, type Compiled, type OutputFile } from "../targets";
import { loadModels } from "./models";

function unusedAcceptances(file: string, model: GatewayModel, used: ReadonlySet<string>): Diagnostic[] {
  return model.accept
    .filter(({ difference }) => !used.has(difference))
    .map(({ difference }) => {
      const why = `No target of this model has a form that differs by "${difference}" and is used.`;
      const fix = "Take it out of accept, so that it accepts nothing by surprise.";
      return diagnostic("plan/unused-acceptance", `${model.name}/accept/${difference}`, why, fix, { file });
    });
}

/** What etcd and the API server take of one object, and of a ConfigMap's data, in bytes. */
const LARGEST_OBJECT = 1024 ** 2;

function tooLarge(system: string, files: readonly OutputFile[]): Diagnostic[] {
  return files
    .filter(({ path, content }) => path.endsWith(".yaml") && Buffer.byteLength(content) > LARGEST_OBJECT)
    .flatMap(({ path, content }) => content.split(/^---$/m).map((text) => ({ path, text })))
    .filter(({ text }) => Buffer.byteLength(text) > LARGEST_OBJECT)
    .map(({ path, text }) => {
      const { kind, metadata } = parse(text) as { kind: string; metadata: { name: string } };
      const why = `${kind} ${metadata.name} in ${path} has ${String(Buffer.byteLength(text))} bytes; 1048576 are taken.`;
      const fix = "Divide the model into several systems, or shorten schemas, keys and texts.";
      return diagnostic("plan/object-too-large", `${system}/targets`, why, fix);
    });
}

export interface CompiledModel extends Compiled {
  file: string;
  model: GatewayModel;
}

/** Compiles every environment of every model, for its own targets or for the one that is named. */
export function compileAll(
  files: readonly string[],
  target?: string,
): { compiled: CompiledModel[]; diagnostics: Diagnostic[] } {
  const { models, diagnostics } = loadModels(files);
  const compiled: CompiledModel[] = [];
  for (const { file, model: loaded } of models) {
    const model = target === undefined ? loaded : { ...loaded, targets: [target], accept: [] };
    const used = new Set<string>();
    const before = diagnostics.length;
    for (const environment of model.environments) {
      const result = compile(model, environment);
      diagnostics.push(...result.diagnostics.map((d) => ({ ...d, source: d.source ?? { file } })));
      if (!result.value) continue;
      result.value.usedDifferences.forEach((d) => used.add(d));
      const files = [...result.value.files, ...workloads(model, result.value)];
      diagnostics.push(...tooLarge(model.name, files).map((d) => ({ ...d, source: { file } })));
      compiled.push({ ...result.value, files, file, model });
    }
    if (!hasErrors(diagnostics.slice(before))) diagnostics.push(...unusedAcceptances(file, model, used));
  }
  return { compiled: hasErrors(diagnostics) ? [] : compiled, diagnostics };
}

/** The models, once each, of what was compiled for several environments. */
export const modelsOf = (compiled: readonly CompiledModel[]): GatewayModel[] => [
  ...new Map(compiled.map(({ model }) => [model.name, model])).values(),
];
