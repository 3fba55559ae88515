import { SubnetType, type IVpc } from "aws-cdk-lib/aws-ec2";
import { CfnAccessEntry, CfnAddon, type CfnCluster } from "aws-cdk-lib/aws-eks";
import {
  Cluster,
  ClusterLoggingTypes,
  DefaultCapacityType,
  EndpointAccess,
  KubernetesVersion,
  type ICluster,
} from "aws-cdk-lib/aws-eks-v2";
import { Key } from "aws-cdk-lib/aws-kms";
import { LogGroup } from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";
import { acknowledge, acknowledgeTemplate } from "./acknowledge";
import { addNodes } from "./nodes";
import { podRole } from "./pod-role";
import { retentionOf, SystemStack, type SystemProps } from "./system-stack";

/**
 * Add-ons of each Kubernetes version that we know to go with it: what a cluster of 1.36 resolved to in 2026. Auto Mode
 * has all of them built in.
 */
const ADDONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "1.36": {
    "vpc-cni": "v1.22.4-eksbuild.3",
    "kube-proxy": "v1.36.0-eksbuild.21",
    coredns: "v1.14.3-eksbuild.16",
    "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
    "aws-ebs-csi-driver": "v1.63.1-eksbuild.1",
  },
};

const SETTINGS: Readonly<Record<string, object>> = {
  "vpc-cni": { enableNetworkPolicy: "true" },
};

/** What Auto Mode does itself, it does by these. */
const AUTO_MODE_POLICIES = [
  "AmazonEKSComputePolicy",
  "AmazonEKSBlockStoragePolicy",
  "AmazonEKSLoadBalancingPolicy",
  "AmazonEKSNetworkingPolicy",
  "AmazonEKSWorkerNodePolicy",
  "AmazonEC2ContainerRegistryReadOnly",
];

/** The cluster, reached from inside only. What runs in it comes from Git: nothing here applies a manifest. */
export class ClusterStack extends SystemStack {
  readonly cluster: Cluster;

  constructor(scope: Construct, id: string, props: SystemProps & { vpc: IVpc }) {
    super(scope, id, props);
    const { cluster: wanted } = props.infrastructure;
    const logs = new LogGroup(this, "ControlPlaneLogs", {
      logGroupName: `/aws/eks/${this.systemName}/cluster`,
      retention: retentionOf(wanted.logDays),
      removalPolicy: this.kept,
    });
    const key = new Key(this, "Secrets", {
      description: `Secrets in the cluster ${this.systemName}`,
      enableKeyRotation: true,
      removalPolicy: this.kept,
    });
    this.cluster = new Cluster(this, "Cluster", {
      clusterName: this.systemName,
      version: KubernetesVersion.of(wanted.version),
      vpc: props.vpc,
      vpcSubnets: [{ subnetType: SubnetType.PRIVATE_WITH_EGRESS }],
      endpointAccess: EndpointAccess.PRIVATE,
      secretsEncryptionKey: key,
      clusterLogging: Object.values(ClusterLoggingTypes),
      defaultCapacityType: wanted.compute === "auto" ? DefaultCapacityType.AUTOMODE : DefaultCapacityType.NODEGROUP,
      ...(wanted.compute === "nodes" && { defaultCapacity: 0 }),
      bootstrapClusterCreatorAdminPermissions: false,
    });
    this.cluster.node.addDependency(logs);
    // A gate for manifests that are applied from here, of which there are none.
    this.cluster.node.tryRemoveChild("KubectlReadyBarrier");
    const resource = this.cluster.node.defaultChild as CfnCluster;
    // Never into extended support, at six times the price.
    resource.upgradePolicy = { supportType: "STANDARD" };
    resource.deletionProtection = this.protect;
    resource.zonalShiftConfig = { enabled: true };
    acknowledgeTemplate(
      this.cluster,
      "W9009",
      "The property is what CDK's construct writes; EKS encrypts secrets by it.",
    );
    for (const policy of ["AmazonEKSClusterPolicy", ...(wanted.compute === "auto" ? AUTO_MODE_POLICIES : [])]) {
      acknowledge(
        this.cluster,
        `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/${policy}]`,
        "EKS asks for this policy of its control plane, or of the nodes that it makes.",
      );
    }
    this.#admins(wanted.admins);
    if (wanted.compute === "nodes") {
      addNodes(this, this.cluster, wanted.nodes);
      this.#addons(wanted.version);
    }
    this.publish("cluster/name", this.cluster.clusterName);
  }

  #admins(roles: readonly string[]): void {
    for (const role of roles) {
      new CfnAccessEntry(this, `Admin-${role}`, {
        clusterName: this.cluster.clusterName,
        principalArn: this.formatArn({ service: "iam", region: "", resource: "role", resourceName: role }),
        accessPolicies: [
          {
            accessScope: { type: "cluster" },
            policyArn: this.formatArn({
              service: "eks",
              region: "",
              account: "aws",
              resource: "cluster-access-policy",
              resourceName: "AmazonEKSClusterAdminPolicy",
            }),
          },
        ],
      });
    }
  }

  #addons(version: string): void {
    const addons = new Map<string, CfnAddon>();
    for (const [name, addonVersion] of Object.entries(ADDONS[version] ?? {})) {
      const addon = new CfnAddon(this, `Addon-${name}`, {
        addonName: name,
        addonVersion,
        clusterName: this.cluster.clusterName,
        resolveConflicts: "OVERWRITE",
        ...(SETTINGS[name] && { configurationValues: JSON.stringify(SETTINGS[name]) }),
      });
      addons.set(name, addon);
    }
    const { role, association } = podRole(this, "Disks", {
      cluster: this.cluster as ICluster,
      namespace: "kube-system",
      serviceAccount: "ebs-csi-controller-sa",
      managedPolicy: "AmazonEBSCSIDriverPolicyV2",
    });
    // Pods that are admitted before their role is known never get it.
    addons.get("aws-ebs-csi-driver")?.node.addDependency(association);
    acknowledge(
      role,
      "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonEBSCSIDriverPolicyV2]",
      "AWS keeps the driver's policy in step with the driver.",
    );
  }
}
