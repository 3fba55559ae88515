import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { diagnostic, type Diagnostic } from "../diagnostics";
import { loadModel, type GatewayModel } from "../model";

export interface LoadedModel {
  file: string;
  model: GatewayModel;
}

/** What stands in policies/ and is no model: how much systems are used, how far rollouts are, and what editors read. */
const NO_MODEL = /^usage\.|^rollouts\.json$|\.schema\.json$/;

const FOLDER = "policies";

/** Where `schema --write` puts the JSON Schema of a model. */
export const SCHEMA_FILE = path.join(FOLDER, "gatewright.schema.json");

/** The models in a repository's policies/, from its root. */
function filesOf(root: string): string[] {
  const folder = path.join(root, FOLDER);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => /\.(ts|ya?ml|json)$/.test(file) && !NO_MODEL.test(file))
    .sort()
    .map((file) => path.join(FOLDER, file));
}

/** The models that a command works on: files, or names of those in policies/; all of them where none is named. */
export function modelFiles(named: readonly string[], root = "."): string[] {
  const all = filesOf(root);
  if (named.length === 0) return all;
  const isFile = (name: string): boolean => existsSync(path.resolve(root, name));
  return named.map((name) => all.find((file) => !isFile(name) && path.parse(file).name === name) ?? name);
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
