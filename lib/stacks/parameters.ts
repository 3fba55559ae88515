import { Stack } from "aws-cdk-lib";
import { StringParameter } from "aws-cdk-lib/aws-ssm";
import type { Construct } from "constructs";

/** Tells the cluster's side a name or an endpoint, never a secret: `/serhafen-production/database/endpoint`. */
export function publish(scope: Construct, systemName: string, name: string, value: string): void {
  new StringParameter(scope, `Parameter-${name.replaceAll("/", "-")}`, {
    parameterName: `/${systemName}/${name}`,
    stringValue: value,
    description: `Read by External Secrets; made by ${Stack.of(scope).stackName}.`,
  });
}
