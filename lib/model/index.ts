import { hasErrors, type Result } from "../diagnostics";
import { checkModel } from "./check";
import { readModel } from "./read";
import { withRolloutState } from "./rollouts";
import type { GatewayModel } from "./schema";

/** Reads and checks the model in a file. */
export function loadModel(file: string): Result<GatewayModel> {
  const { raw, diagnostics } = readModel(file);
  if (!raw) return { diagnostics };
  const rolled = withRolloutState(raw);
  const checked = checkModel(rolled.raw);
  const all = [...rolled.diagnostics, ...checked.diagnostics];
  return hasErrors(all) || !checked.value ? { diagnostics: all } : { value: checked.value, diagnostics: all };
}

export { servicesSeveral, servicesTls } from "./backends";
export { checkModel } from "./check";
export { trustedHops } from "./front";
export { edgeTargetOf, gatewayClassOf, systemNameOf, userOf, workloadOf } from "./names";
export { modelIn } from "./overlay";
export { resolveGateway, secretsOf } from "./resolve";
export { defineGateway, gatewaySchema, type GatewayInput, type GatewayModel } from "./schema";
