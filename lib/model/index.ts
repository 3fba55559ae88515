import type { Result } from "../diagnostics";
import { checkModel } from "./check";
import { readModel } from "./read";
import type { GatewayModel } from "./schema";

/** Reads and checks the model in a file. */
export function loadModel(file: string): Result<GatewayModel> {
  const { raw, diagnostics } = readModel(file);
  if (!raw) return { diagnostics };
  return checkModel(raw);
}

export { servicesTls } from "./backends";
export { checkModel } from "./check";
export { trustedHops } from "./front";
export { edgeTargetOf, systemNameOf, userOf, workloadOf } from "./names";
export { modelIn } from "./overlay";
export { resolveGateway, secretsOf } from "./resolve";
export { defineGateway, gatewaySchema, type GatewayInput, type GatewayModel } from "./schema";
