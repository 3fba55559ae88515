import { ApiObject, type Chart } from "cdk8s";
import { systemNameOf, type GatewayModel } from "../model";
import type { Infrastructure } from "../model/infrastructure";
import { STORE_KEY, STORE_USER, storeSecretOf, websiteTargetsOf } from "./places";

/**
 * What the cluster must know of AWS, for an environment that is deployed there: names and endpoints by External Secrets from
 * Parameter Store, passwords from Secrets Manager, and which pods the balancer asks. No value of them is known here.
 */
interface InCluster {
  model: GatewayModel;
  environment: string;
  infrastructure: Infrastructure;
  /** The workloads that ask the shared store. */
  workloads: readonly { name: string; namespace: string }[];
  /** The Service whose pods the balancer asks; none where they are not in the cluster. */
  service: { name: string; namespace: string; port: number } | undefined;
}

/** Argo CD applies the lower first. */
const wave = (number: number): Record<string, string> => ({ "argocd.argoproj.io/sync-wave": String(number) });

/** What all of an environment's objects have in common. */
interface Naming {
  systemName: string;
  labels: Readonly<Record<string, string>>;
}

const PROVIDERS = { parameters: "ParameterStore", secrets: "SecretsManager" };

/** The shared store's address with its password, as one text, for each workload that asks it and nobody else. */
function sharedStore(chart: Chart, { systemName, labels }: Naming, { infrastructure, workloads }: InCluster): void {
  const storeName = (name: keyof typeof PROVIDERS): string => `${systemName}-${name}`;
  const storeOf = (name: keyof typeof PROVIDERS): object => ({ kind: "ClusterSecretStore", name: storeName(name) });
  const namespaces = namespacesOf(workloads);
  for (const name of ["parameters", "secrets"] as const) {
    // Without auth it is the operator's own role, by Pod Identity.
    const aws = { service: PROVIDERS[name], region: infrastructure.region };
    new ApiObject(chart, `store-${name}`, {
      apiVersion: "external-secrets.io/v1",
      kind: "ClusterSecretStore",
      metadata: { name: storeName(name), labels, annotations: wave(-5) },
      spec: { provider: { aws }, conditions: [{ namespaces }] },
    });
  }
  for (const { name, namespace } of workloads) {
    const secret = storeSecretOf(name);
    const address = `rediss://${STORE_USER}:{{ .password }}@{{ .endpoint }}`;
    new ApiObject(chart, `shared-store-${name}`, {
      apiVersion: "external-secrets.io/v1",
      kind: "ExternalSecret",
      metadata: { name: secret, namespace, labels, annotations: wave(-2) },
      spec: {
        refreshInterval: "1h",
        secretStoreRef: storeOf("secrets"),
        target: { name: secret, template: { data: { [STORE_KEY]: address } } },
        data: [
          { secretKey: "password", remoteRef: { key: `${systemName}/cache` } },
          {
            secretKey: "endpoint",
            remoteRef: { key: `/${systemName}/cache/endpoint` },
            sourceRef: { storeRef: storeOf("parameters") },
          },
        ],
      },
    });
  }
}

/** The gateway's pods, told to each balancer that asks them. */
function bindTargets(
  chart: Chart,
  { systemName, labels }: Naming,
  { edge }: Infrastructure,
  { name, namespace, port }: NonNullable<InCluster["service"]>,
): void {
  for (const group of [systemName, ...(edge.website ? [websiteTargetsOf(systemName)] : [])]) {
    new ApiObject(chart, `targets-${group}`, {
      apiVersion: "elbv2.k8s.aws/v1beta1",
      kind: "TargetGroupBinding",
      metadata: { name: group, namespace, labels, annotations: wave(5) },
      spec: { targetGroupName: group, targetType: "ip", serviceRef: { name, port } },
    });
  }
}

const namespacesOf = (workloads: InCluster["workloads"]): string[] => [
  ...new Set(workloads.map(({ namespace }) => namespace)),
];

export function awsObjects(chart: Chart, wanted: InCluster): void {
  const { model, environment, infrastructure, workloads, service } = wanted;
  const labels = { "app.kubernetes.io/part-of": model.name, "app.kubernetes.io/managed-by": "gatewright" };
  const naming = { systemName: systemNameOf(model, environment), labels };
  // Nothing else makes them.
  for (const name of namespacesOf(workloads)) {
    new ApiObject(chart, `namespace-${name}`, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels, annotations: wave(-10) },
    });
  }
  if (infrastructure.cache) sharedStore(chart, naming, wanted);
  if (service) bindTargets(chart, naming, infrastructure, service);
  if (infrastructure.cluster.compute === "auto") {
    // Auto Mode keeps network policies once it is told to.
    new ApiObject(chart, "network-policies", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "amazon-vpc-cni", namespace: "kube-system", labels, annotations: wave(-5) },
      data: { "enable-network-policy-controller": "true" },
    });
  }
}
