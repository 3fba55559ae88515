import { App, CfnWaitConditionHandle, Stack, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
new CfnWaitConditionHandle(new Stack(app, "Empty"), "Nothing");
app.synth();
