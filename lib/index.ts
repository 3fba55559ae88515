import { formatDiagnostic, hasErrors } from "./diagnostics";
import { checkModel, type GatewayInput, type GatewayModel } from "./model";

/** What models in TypeScript import: `import { defineGateway } from "gatewright"`. */
export { defineGateway, type GatewayInput, type GatewayModel } from "./model";

/**
 * Checks a model and fills in its defaults, for programs that go on with it. Throws an error that tells every fault, as
 * `gatewright check` does; `file` is what they call the model.
 */
export function parseGateway(input: GatewayInput, file = "model"): GatewayModel {
  const { value, diagnostics } = checkModel({ file, value: input, locate: () => ({ file }) });
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n\n"));
  return value;
}
