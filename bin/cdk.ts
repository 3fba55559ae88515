import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { formatDiagnostic, hasErrors } from "../lib/diagnostics";
import { loadModels, modelFiles } from "../lib/commands/load";
import { SystemStage } from "../lib/stacks";

/** The CDK app named by cdk.json: every environment of every system that says what it needs of AWS. */
const { models, diagnostics } = loadModels(modelFiles([]));
if (hasErrors(diagnostics)) {
  process.stderr.write(`${diagnostics.map(formatDiagnostic).join("\n\n")}\n`);
  process.exitCode = 1;
} else {
  const app = new App();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  for (const { model } of models) {
    for (const [environment, infrastructure] of Object.entries(model.infrastructure)) {
      new SystemStage(app, `${model.name}-${environment}`, { model, environment, infrastructure });
    }
  }
  app.synth();
}
