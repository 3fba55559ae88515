import { readFileSync } from "node:fs";
import path from "node:path";
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { systemNameOf, type GatewayModel } from "../model";
import { SystemStage } from ".";

/**
 * A CDK app of every environment of every system that says what it needs of AWS, checked by cdk-nag's rules; of one system
 * by `--context system=NAME`. Throws when there is no such system.
 */
export function systemsApp(models: readonly GatewayModel[]): App {
  const app = new App();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const system = app.node.tryGetContext("system") as unknown;
  const chosen = system === undefined ? models : models.filter(({ name }) => name === system);
  if (chosen.length === 0) {
    throw new Error(`There is no system "${String(system)}"; there are ${models.map(({ name }) => name).join(", ")}.`);
  }
  for (const model of chosen) {
    for (const [environment, infrastructure] of Object.entries(model.infrastructure)) {
      new SystemStage(app, systemNameOf(model, environment), { model, environment, infrastructure });
    }
  }
  return app;
}

interface Report {
  pluginReports: {
    violations: { ruleName: string; description: string; violatingConstructs: { constructPath: string }[] }[];
  }[];
}

/**
 * Synthesizes the app, and says which rules do not hold. The CDK command says so itself, but of stacks that it is asked for
 * by name alone: without one it takes an environment's stacks for good.
 */
export function synthesizeChecked(app: App): string[] {
  const { directory } = app.synth();
  const report = JSON.parse(readFileSync(path.join(directory, "validation-report.json"), "utf8")) as Report;
  return report.pluginReports
    .flatMap(({ violations }) => violations)
    .flatMap(({ ruleName, description, violatingConstructs }) =>
      violatingConstructs.map(({ constructPath }) => `${constructPath}: ${ruleName}: ${description}`),
    );
}
