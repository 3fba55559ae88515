import { Validations } from "aws-cdk-lib";
import type { IConstruct } from "constructs";

/**
 * States why a rule of cdk-nag's AwsSolutions does not hold for a resource and what is under it. `rule` with its finding
 * where it has several, such as `IAM5[Resource::*]`: cdk-nag 3 takes a bare id for none of them.
 */
export function acknowledge(construct: IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `AwsSolutions::AwsSolutions-${rule}`, reason });
}

/** The same for CDK's own look at the template. */
export function acknowledgeTemplate(construct: IConstruct, rule: string, reason: string): void {
  Validations.of(construct).acknowledge({ id: `CloudFormation-Validate::${rule}`, reason });
}
