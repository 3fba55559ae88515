import { diagnostic, hasErrors, type Diagnostic } from "../diagnostics";
import type { GatewayModel } from "../model";
import { workloads } from "../charts";
import { compile, type Compiled } from "../targets";
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

/** The models, once each, of what was compiled for several environments. */
export const modelsOf = (compiled: readonly CompiledModel[]): GatewayModel[] => [
  ...new Map(compiled.map(({ model }) => [model.name, model])).values(),
];
