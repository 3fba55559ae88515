import { formatDiagnostic, hasErrors } from "../lib/diagnostics";
import { loadModels, modelFiles } from "../lib/commands/models";
import { systemsApp } from "../lib/stacks/app";

/** The CDK app named by cdk.json. */
const { models, diagnostics } = loadModels(modelFiles([]));
if (hasErrors(diagnostics)) {
  process.stderr.write(`${diagnostics.map(formatDiagnostic).join("\n\n")}\n`);
  process.exitCode = 1;
} else {
  systemsApp(models.map(({ model }) => model)).synth();
}
