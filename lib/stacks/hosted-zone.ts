import { HostedZone, type IHostedZone } from "aws-cdk-lib/aws-route53";
import { StringParameter } from "aws-cdk-lib/aws-ssm";
import type { Construct } from "constructs";

/** The zone of the hosts, which is older than any environment: its id is read when the stack is deployed. */
export function hostedZone(scope: Construct, zoneName: string): IHostedZone {
  const hostedZoneId = StringParameter.valueForStringParameter(scope, `/gatewright/hosted-zones/${zoneName}`);
  return HostedZone.fromHostedZoneAttributes(scope, "Zone", { hostedZoneId, zoneName });
}
