import { Stack, Tags } from "aws-cdk-lib";
import {
  BlockDeviceVolume,
  type CfnLaunchTemplate,
  EbsDeviceVolumeType,
  InstanceArchitecture,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  SubnetType,
} from "aws-cdk-lib/aws-ec2";
import { CapacityType, NodegroupAmiType, type Cluster } from "aws-cdk-lib/aws-eks-v2";
import type { Construct } from "constructs";
import type { Infrastructure } from "../model/infrastructure";
import { acknowledge } from "./acknowledge";

/** Nodes of one size in all zones: Amazon Linux 2023, encrypted disks, and no pod reaches the node's own credentials. */
export function addNodes(scope: Construct, cluster: Cluster, wanted: Infrastructure["cluster"]["nodes"]): void {
  const instanceType = new InstanceType(wanted.instanceType);
  const template = new LaunchTemplate(scope, "NodeTemplate", {
    httpTokens: LaunchTemplateHttpTokens.REQUIRED,
    httpPutResponseHopLimit: 1,
    blockDevices: [
      {
        deviceName: "/dev/xvda",
        volume: BlockDeviceVolume.ebs(wanted.diskGiB, { volumeType: EbsDeviceVolumeType.GP3, encrypted: true }),
      },
    ],
  });
  for (const [name, value] of Object.entries(Stack.of(scope).tags.tagValues())) Tags.of(template).add(name, value);
  const group = cluster.addNodegroupCapacity("nodes", {
    amiType:
      instanceType.architecture === InstanceArchitecture.ARM_64
        ? NodegroupAmiType.AL2023_ARM_64_STANDARD
        : NodegroupAmiType.AL2023_X86_64_STANDARD,
    instanceTypes: [instanceType],
    ...(wanted.capacity === "spot" && { capacityType: CapacityType.SPOT }),
    subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
    minSize: wanted.min,
    maxSize: wanted.max,
    desiredSize: wanted.min,
    maxUnavailable: 1,
    enableNodeAutoRepair: true,
    launchTemplateSpec: {
      id: template.launchTemplateId as string,
      version: (template.node.defaultChild as CfnLaunchTemplate).attrLatestVersionNumber,
    },
  });
  for (const policy of ["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"]) {
    acknowledge(
      group,
      `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`,
      "EKS asks for this policy of its nodes.",
    );
  }
}
