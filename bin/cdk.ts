import { formatDiagnostic, hasErrors } from "../lib/diagnostics";
import { loadModels, modelFiles } from "../lib/commands/models";
import { synthesizeChecked, systemsApp } from "../lib/stacks/app";

/** The CDK app named by cdk.json. */
const { models, diagnostics } = loadModels(modelFiles([]));
const found = hasErrors(diagnostics)
  ? diagnostics.map(formatDiagnostic)
  : synthesizeChecked(systemsApp(models.map(({ model }) => model)));
if (found.length > 0) {
  process.stderr.write(`${found.join("\n\n")}\n`);
  process.exitCode = 1;
}
