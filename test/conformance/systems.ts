import path from "node:path";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { checkModel, loadModel, type GatewayModel } from "../../lib/model";
import { NOBODY, readIdentities } from "../../lib/conformance/identity-file";
import type { System } from "../../lib/conformance/system";
import { FRONT_MODELS } from "./fronts";
import { TRUST } from "./trust";

const ROOT = path.join(__dirname, "../..");

/** The models that cases may name: the product's own, and a small one for what no product needs yet. */
const MODELS: Readonly<Record<string, string>> = {
  serhafen: "policies/serhafen.ts",
  equb: "policies/equb.ts",
  maternal: "policies/maternal.ts",
  mmr: "policies/mmr.ts",
  lab: "test/conformance/lab.ts",
  rpc: "test/conformance/rpc.ts",
  sessions: "test/conformance/sessions.ts",
};

/** Systems that ask for what some targets cannot do, which `compile` refuses there: their cases are for their own targets alone. */
export const OF_OWN_TARGETS: ReadonlySet<string> = new Set(["rpc"]);

const loaded = new Map<string, GatewayModel>();

function load(system: string): ReturnType<typeof loadModel> | undefined {
  const file = MODELS[system];
  if (file !== undefined) return loadModel(path.join(ROOT, file));
  const value = FRONT_MODELS[system];
  const at = { file: "test/conformance/fronts.ts" };
  return value && checkModel({ ...at, value, locate: () => at });
}

export function modelOf(system: string): GatewayModel | undefined {
  const known = loaded.get(system);
  if (known) return known;
  const found = load(system);
  if (!found) return undefined;
  const { value, diagnostics } = found;
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  loaded.set(system, value);
  return value;
}

/** Makes a model known by a name, for those who make models. */
export function addModel(system: string, model: GatewayModel): void {
  loaded.set(system, model);
}

const identities = readIdentities(path.join(__dirname, "tokens.yaml"));

/** A system that cases may name; those that differ in what stands before them have the same identities. */
export function systemOf(name: string): System | undefined {
  const model = modelOf(name);
  return model && { name, model, identities: identities[name.split("/")[0] ?? ""] ?? NOBODY, trust: TRUST };
}

export const knownSystem = (name: string): System => {
  const found = systemOf(name);
  if (!found) throw new Error(`No model for ${name}`);
  return found;
};
