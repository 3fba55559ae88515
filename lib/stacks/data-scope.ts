import type { ISecurityGroup, IVpc } from "aws-cdk-lib/aws-ec2";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { SystemStack } from "./system-stack";

/** What the parts of the data stack have in common. */
export interface DataScope {
  stack: SystemStack;
  vpc: IVpc;
  key: IKey;
  /** Who may connect: the pods. */
  clients: ISecurityGroup;
}
