import type { Pods } from "./pods";

/** What a node has: CPUs, GiB, and addresses for pods (network interfaces × (addresses − 1) + 2). */
export interface Instance {
  cpu: number;
  memory: number;
  pods: number;
}

/** From EC2's list of instance types; pods from eni-max-pods.txt of awslabs/amazon-eks-ami. */
export const INSTANCES: Readonly<Record<string, Instance>> = {
  "t3.small": { cpu: 2, memory: 2, pods: 11 },
  "t3.medium": { cpu: 2, memory: 4, pods: 17 },
  "t3.large": { cpu: 2, memory: 8, pods: 35 },
  "t4g.medium": { cpu: 2, memory: 4, pods: 17 },
  "t4g.large": { cpu: 2, memory: 8, pods: 35 },
  "m6g.large": { cpu: 2, memory: 8, pods: 29 },
  "m7g.large": { cpu: 2, memory: 8, pods: 29 },
  "m7g.xlarge": { cpu: 4, memory: 16, pods: 58 },
  "m7g.4xlarge": { cpu: 16, memory: 64, pods: 234 },
  "m7i.large": { cpu: 2, memory: 8, pods: 29 },
  "m8g.large": { cpu: 2, memory: 8, pods: 29 },
  "c7g.large": { cpu: 2, memory: 4, pods: 29 },
  "c7g.xlarge": { cpu: 4, memory: 8, pods: 58 },
  "r7g.large": { cpu: 2, memory: 16, pods: 29 },
};

/** What EKS keeps of a node for itself: shares of the CPUs, 255 MiB and 11 for each pod, 100 MiB at the brink. */
function allocatable({ cpu, memory, pods }: Instance): Instance {
  const shares = [0.06, 0.01, 0.005, 0.005];
  let kept = 0;
  for (let i = 0; i < cpu; i++) kept += shares[i] ?? 0.0025;
  return { cpu: cpu - kept, memory: memory - (255 + 11 * pods + 100) / 1024, pods };
}

/** Pods of every node: network, proxy, disks and identity, by their add-ons' charts. */
const ON_EVERY_NODE = { cpu: 0.05 + 0.1 + 0.03, memory: 120 / 1024, pods: 4 };

/** Pods that every cluster has, by their add-ons' charts. */
export const OF_EVERY_CLUSTER: readonly Pods[] = [
  { name: "coredns", replicas: 2, cpu: 0.1, memory: 70 / 1024, inMesh: false },
  { name: "ebs-csi-controller", replicas: 2, cpu: 0.06, memory: 240 / 1024, inMesh: false },
];

/** Istio's own for a sidecar (values.yaml: global.proxy.resources.requests). */
const SIDECAR = { cpu: 0.1, memory: 128 / 1024 };

export const withSidecar = (pods: Pods): Pods =>
  pods.inMesh ? { ...pods, cpu: pods.cpu + SIDECAR.cpu, memory: pods.memory + SIDECAR.memory } : pods;

const hasRoom = (node: Instance | undefined, pod: Pods): boolean =>
  node !== undefined && node.pods >= 1 && node.cpu >= pod.cpu && node.memory >= pod.memory;

/**
 * How many nodes of one size take all pods, the largest first, each on the first node that has room for it; nothing when
 * a pod fits on no node.
 */
export function nodesFor(all: readonly Pods[], instance: Instance): number | undefined {
  const room = allocatable(instance);
  room.cpu -= ON_EVERY_NODE.cpu;
  room.memory -= ON_EVERY_NODE.memory;
  room.pods -= ON_EVERY_NODE.pods;
  const sizeOf = (p: { cpu: number; memory: number }): number => Math.max(p.cpu / room.cpu, p.memory / room.memory);
  const nodes: Instance[] = [];
  for (const pod of [...all].sort((a, b) => sizeOf(b) - sizeOf(a))) {
    if (sizeOf(pod) > 1) return undefined;
    // Where one pod had no room, the next one of the same has none.
    let first = 0;
    for (let i = 0; i < pod.replicas; i++) {
      while (first < nodes.length && !hasRoom(nodes[first], pod)) first += 1;
      const node = (nodes[first] ??= { ...room });
      node.cpu -= pod.cpu;
      node.memory -= pod.memory;
      node.pods -= 1;
    }
  }
  return nodes.length;
}
