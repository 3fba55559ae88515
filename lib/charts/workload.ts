import * as k8s from "../../imports/k8s";
import type { Construct } from "constructs";
import type { GatewayModel } from "../model";
import { MOST_REPLICAS } from "./places";

/** What every workload of ours has: replicas over the zones by load, never all away at once, and no more rights than it needs. */

/** A port of the container, and the one of the Service that leads to it. */
export interface Port {
  name: string;
  port: number;
  containerPort: number;
}

export interface Names {
  name: string;
  namespace: string;
  ports: readonly Port[];
  labels: Record<string, string>;
}

export const selectorOf = (name: string): Record<string, string> => ({ "app.kubernetes.io/name": name });

export const labelsOf = (model: GatewayModel, name: string): Record<string, string> => ({
  ...selectorOf(name),
  "app.kubernetes.io/part-of": model.name,
  "app.kubernetes.io/managed-by": "gatewright",
});

export const UNPRIVILEGED: k8s.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
};

export const overZones = (name: string): k8s.TopologySpreadConstraint[] => [
  {
    maxSkew: 1,
    topologyKey: "topology.kubernetes.io/zone",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: selectorOf(name) },
  },
];

export const inNamespace = (of: string): k8s.NetworkPolicyPeer => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": of } },
});

/** Three replicas to begin with, `fewest` to ten by load. */
export function scaledWorkload(scope: Construct, names: Names, template: k8s.PodTemplateSpec, fewest = 2): void {
  const { name, namespace, ports, labels } = names;
  const metadata = { name, namespace, labels };
  const selector = selectorOf(name);
  new k8s.KubeServiceAccount(scope, "service-account", { metadata, automountServiceAccountToken: false });
  new k8s.KubeDeployment(scope, "deployment", {
    metadata,
    spec: {
      replicas: 3,
      selector: { matchLabels: selector },
      strategy: {
        rollingUpdate: { maxUnavailable: k8s.IntOrString.fromNumber(0), maxSurge: k8s.IntOrString.fromNumber(1) },
      },
      template,
    },
  });
  new k8s.KubeService(scope, "service", {
    metadata,
    spec: {
      selector,
      ports: ports.map((p) => ({ name: p.name, port: p.port, targetPort: k8s.IntOrString.fromString(p.name) })),
    },
  });
  const utilization = (resource: string, averageUtilization: number): k8s.MetricSpecV2 => ({
    type: "Resource",
    resource: { name: resource, target: { type: "Utilization", averageUtilization } },
  });
  new k8s.KubeHorizontalPodAutoscalerV2(scope, "autoscaler", {
    metadata: { ...metadata, name: `${name}-hpa` },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
      minReplicas: fewest,
      maxReplicas: MOST_REPLICAS,
      metrics: [utilization("cpu", 70), utilization("memory", 80)],
    },
  });
  new k8s.KubePodDisruptionBudget(scope, "disruption-budget", {
    metadata,
    spec: { minAvailable: k8s.IntOrString.fromNumber(1), selector: { matchLabels: selector } },
  });
}
