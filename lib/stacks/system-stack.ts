import { RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { StringParameter } from "aws-cdk-lib/aws-ssm";
import type { Construct } from "constructs";
import { systemNameOf, type GatewayModel } from "../model";
import type { Infrastructure } from "../model/infrastructure";

/** One environment of one system, and what it needs of AWS. */
export interface SystemProps {
  model: GatewayModel;
  environment: string;
  infrastructure: Infrastructure;
}

/** The word for so many days, one of those that the model takes. */
export const retentionOf = (days: number): RetentionDays =>
  RetentionDays[RetentionDays[days] as keyof typeof RetentionDays];

/** What a bill is split by. CloudFormation gives a stack's tags to all that it makes; what EKS starts must be told. */
const tagsOf = (model: GatewayModel, environment: string): Record<string, string> => ({
  system: model.name,
  environment,
  "managed-by": "gatewright",
});

/** A stack of a system: in its region, in the account of whoever deploys, and without a look-up at synthesis. */
export class SystemStack extends Stack {
  readonly #zones: string[];
  /** `serhafen-production`: what is named by hand is named so. */
  readonly systemName: string;
  /** True where data outlives the stack. */
  readonly protect: boolean;
  /** What becomes of what holds data. */
  readonly kept: RemovalPolicy;

  constructor(
    scope: Construct,
    id: string,
    { model, environment, infrastructure }: SystemProps,
    props: StackProps = {},
  ) {
    const { region, zones, protect } = infrastructure;
    const tags = tagsOf(model, environment);
    super(scope, id, { env: { region }, terminationProtection: protect, tags, ...props });
    this.systemName = systemNameOf(model, environment);
    this.protect = protect;
    // What was made by a first deployment that failed is in nobody's way: its name may be fixed.
    this.kept = protect ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
    this.#zones = zones.map((zone) => region + zone);
  }

  /** The model says it: to ask AWS needs credentials, which a build has not. */
  override get availabilityZones(): string[] {
    return this.#zones;
  }

  /** Tells the cluster's side a name or an endpoint, never a secret: `/serhafen-production/database/endpoint`. */
  publish(name: string, value: string): void {
    new StringParameter(this, `Parameter-${name.replaceAll("/", "_")}`, {
      parameterName: `/${this.systemName}/${name}`,
      stringValue: value,
      description: `Read by External Secrets; made by ${this.stackName}.`,
    });
  }
}
