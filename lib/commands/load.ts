import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { diagnostic, hasErrors, type Diagnostic } from "../diagnostics";
import { loadModel, type GatewayModel } from "../model";
import { workloads } from "../charts";
import { compile, type Compiled } from "../targets";

export interface LoadedModel {
  file: string;
  model: GatewayModel;
}

/** What stands in policies/ and is no model: how much systems are used. */
const NO_MODEL = /^usage\./;

/** The models that a command works on: the files named, or everything in policies/. */
export function modelFiles(named: readonly string[]): string[] {
  if (named.length > 0) return [...named];
  const folder = "policies";
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => /\.(ts|ya?ml|json)$/.test(file) && !NO_MODEL.test(file))
    .sort()
    .map((file) => path.join(folder, file));
}

/** Loads every model; one that is wrong does not hide what is wrong in another. */
export function loadModels(files: readonly string[]): { models: LoadedModel[]; diagnostics: Diagnostic[] } {
  if (files.length === 0) {
    const fix = "Name a model file, or put one into policies/; docs/model.md shows how to write it.";
    return {
      models: [],
      diagnostics: [diagnostic("model/no-model", "policies", "The folder holds no .ts, .yaml or .json file.", fix)],
    };
  }
  const loaded = files.map((file) => ({ file, result: loadModel(file) }));
  const models = loaded.flatMap(({ file, result }) => (result.value ? [{ file, model: result.value }] : []));
  return { models, diagnostics: loaded.flatMap(({ result }) => result.diagnostics) };
}

function unusedAcceptances(file: string, model: GatewayModel, used: ReadonlySet<string>): Diagnostic[] {
  return model.accept
    .filter(({ difference }) => !used.has(difference))
    .map(({ difference }) => {
      const why = `No target of this model has a form that differs by "${difference}" and is used.`;
      const fix = "Take it out of accept, so that it accepts nothing by surprise.";
      return diagnostic("plan/unused-acceptance", `${model.name}/accept/${difference}`, why, fix, { file });
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
      compiled.push({ ...result.value, files, file, model });
    }
    if (!hasErrors(diagnostics.slice(before))) diagnostics.push(...unusedAcceptances(file, model, used));
  }
  return { compiled: hasErrors(diagnostics) ? [] : compiled, diagnostics };
}
