import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import type { GatewayModel } from "../model";
import { SystemStage } from ".";

/** A CDK app of every environment of every system that says what it needs of AWS, checked by cdk-nag's rules. */
export function systemsApp(models: readonly GatewayModel[]): App {
  const app = new App();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  for (const model of models) {
    for (const [environment, infrastructure] of Object.entries(model.infrastructure)) {
      new SystemStage(app, `${model.name}-${environment}`, { model, environment, infrastructure });
    }
  }
  return app;
}
