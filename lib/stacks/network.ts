import {
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  SubnetType,
  Vpc,
  type IVpc,
} from "aws-cdk-lib/aws-ec2";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { acknowledge, acknowledgeTemplate } from "./acknowledge";
import { retentionOf, SystemStack, type SystemProps } from "./system-stack";

/** Zones, subnets and ways out: balancers in public ones, pods in private ones, data where no way leads out. */
export class NetworkStack extends SystemStack {
  readonly vpc: IVpc;

  constructor(scope: Construct, id: string, props: SystemProps) {
    super(scope, id, props);
    const { network } = props.infrastructure;
    const flowLogs = new LogGroup(this, "FlowLogs", {
      retention: retentionOf(network.flowLogDays),
      removalPolicy: this.kept,
    });
    const vpc = new Vpc(this, "Vpc", {
      vpcName: this.systemName,
      ipAddresses: IpAddresses.cidr(network.cidr),
      availabilityZones: this.availabilityZones,
      natGateways: network.natGateways,
      subnetConfiguration: [
        { name: "public", subnetType: SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
        // Each pod has an address.
        { name: "private", subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 19 },
        { name: "data", subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 },
      ],
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
      flowLogs: { all: { destination: FlowLogDestination.toCloudWatchLogs(flowLogs) } },
    });
    this.vpc = vpc as IVpc;
    for (const name of network.interfaceEndpoints) {
      vpc.addInterfaceEndpoint(name, { service: new InterfaceVpcEndpointAwsService(name) });
    }
    this.publish("network/vpc-id", vpc.vpcId);
    acknowledgeTemplate(this, "W3010", "The model names the zones: to ask AWS for them needs credentials.");
    acknowledge(this, "EC23", "Interface endpoints take HTTPS from the whole VPC, whose range is known at deployment.");
  }
}
