import { HOURS, standing, type Item } from "../lines";
import { INSTANCES, nodesFor, type Instance } from "../nodes";
import { isOn, length, listed, number, text, Unpriced, type Priced, type Pricer, type Surroundings } from "./resource";
import { any, must } from "./priced-properties";

/** EKS's control plane, and the nodes that the pods ask for. */

function instanceOf(type: string): Instance {
  const instance = INSTANCES[type];
  if (!instance) throw new Unpriced(`lib/cost/nodes.ts does not know "${type}".`);
  return instance;
}

/** As many as the pods ask for. */
function countOf({ pods }: Surroundings, type: string): number {
  const count = nodesFor(pods, instanceOf(type));
  if (count === undefined) throw new Unpriced(`A pod of the cluster asks for more than a ${type} has.`);
  return count;
}

const disks = (count: number, gib: number): Item => standing("nodes", "Nodes' disks", count * gib, "ebs.gp3");

/** What Auto Mode takes by its own choice: we assume the size that a node group has by default, and its own disks. */
const AUTO = { type: "m7g.large", diskGiB: 80, least: 2 } as const;

const cluster: Pricer = ({ properties }, around) => {
  const control = standing("cluster", "EKS control plane", HOURS, "eks.cluster");
  if (!isOn(properties, "ComputeConfig", "Enabled")) return [control];
  const count = Math.max(AUTO.least, countOf(around, AUTO.type));
  const what = `${String(count)} × ${AUTO.type}`;
  return [
    control,
    standing("nodes", what, count * HOURS, listed(`ec2.${AUTO.type}`)),
    standing("nodes", `Auto Mode for ${what}`, count * HOURS, listed(`eks.automode.${AUTO.type}`)),
    disks(count, AUTO.diskGiB),
  ];
};

const nodes: Pricer = ({ properties, beside }, around) => {
  const type = text(properties, "InstanceTypes", 0);
  const count = number(properties, "ScalingConfig", "MinSize");
  const asked = countOf(around, type);
  // Nothing in the cluster makes more of them: the rest of the pods would wait for ever.
  if (asked > count) {
    const said = `The pods ask for ${String(asked)} × ${type}, and the group has ${String(count)}`;
    throw new Unpriced(`${said}: write cluster.nodes.min: ${String(asked)}, or take a larger type.`);
  }
  const template = beside[text(properties, "LaunchTemplate", "Id", "Ref")]?.Properties;
  if (length(template, "LaunchTemplateData", "BlockDeviceMappings") !== 1) throw new Unpriced("A node has one disk.");
  const disk = number(template, "LaunchTemplateData", "BlockDeviceMappings", 0, "Ebs", "VolumeSize");
  const spot = properties["CapacityType"] === "SPOT" ? ".spot" : "";
  return [
    standing("nodes", `${String(count)} × ${type}${spot && ", spot"}`, count * HOURS, listed(`ec2.${type}${spot}`)),
    disks(count, disk),
  ];
};

export const CLUSTER: Readonly<Record<string, Priced>> = {
  "AWS::EKS::Cluster": {
    price: cluster,
    takes: {
      ...any(
        "AccessConfig DeletionProtection EncryptionConfig KubernetesNetworkConfig Logging Name ResourcesVpcConfig",
      ),
      ...any("RoleArn StorageConfig Tags Version ZonalShiftConfig ComputeConfig"),
      // In extended support an hour costs six times as much.
      UpgradePolicy: { SupportType: must("STANDARD") },
    },
  },
  "AWS::EKS::Nodegroup": {
    price: nodes,
    takes: {
      // Amazon Linux, without a licence.
      AmiType: ["AL2023_ARM_64_STANDARD", "AL2023_x86_64_STANDARD"],
      ...any("ClusterName ForceUpdateEnabled InstanceTypes LaunchTemplate NodeRepairConfig NodeRole"),
      ...any("ScalingConfig Subnets Tags UpdateConfig"),
      CapacityType: ["ON_DEMAND", "SPOT"],
    },
  },
};
