import { ApiObject, type Chart } from "cdk8s";
import type { GatewayModel } from "../model";
import type { Infrastructure } from "../model/infrastructure";
import { STORE_KEY, storeSecretOf } from "./figures";

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

/** User of the shared store: see lib/stacks/cache.ts. */
const STORE_USER = "gateway";

/** Argo CD applies the lower first. */
const wave = (number: number): Record<string, string> => ({ "argocd.argoproj.io/sync-wave": String(number) });

export function awsObjects(chart: Chart, wanted: InCluster): void {
  const { model, environment, infrastructure, workloads, service } = wanted;
  const systemName = `${model.name}-${environment}`;
  const labels = { "app.kubernetes.io/part-of": model.name, "app.kubernetes.io/managed-by": "gatewright" };
  const { region, cache, cluster } = infrastructure;
  // Nothing else makes them.
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  for (const name of namespaces) {
    new ApiObject(chart, `namespace-${name}`, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels, annotations: wave(-10) },
    });
  }
  if (cache) {
    const stores = { parameters: "ParameterStore", secrets: "SecretsManager" };
    for (const [name, provider] of Object.entries(stores)) {
      // Without auth it is the operator's own role, by Pod Identity.
      new ApiObject(chart, `store-${name}`, {
        apiVersion: "external-secrets.io/v1",
        kind: "ClusterSecretStore",
        metadata: { name: `${systemName}-${name}`, labels, annotations: wave(-5) },
        // For who asks the store, and nobody else in the cluster.
        spec: { provider: { aws: { service: provider, region } }, conditions: [{ namespaces }] },
      });
    }
    const storeOf = (name: keyof typeof stores): object => ({
      kind: "ClusterSecretStore",
      name: `${systemName}-${name}`,
    });
    for (const { name, namespace } of workloads) {
      new ApiObject(chart, `shared-store-${name}`, {
        apiVersion: "external-secrets.io/v1",
        kind: "ExternalSecret",
        metadata: { name: storeSecretOf(name), namespace, labels, annotations: wave(-2) },
        spec: {
          refreshInterval: "1h",
          secretStoreRef: storeOf("secrets"),
          target: {
            name: storeSecretOf(name),
            template: { data: { [STORE_KEY]: `rediss://${STORE_USER}:{{ .password }}@{{ .endpoint }}` } },
          },
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
  if (service) {
    new ApiObject(chart, "targets", {
      apiVersion: "elbv2.k8s.aws/v1beta1",
      kind: "TargetGroupBinding",
      metadata: { name: systemName, namespace: service.namespace, labels, annotations: wave(5) },
      spec: {
        targetGroupName: systemName,
        targetType: "ip",
        serviceRef: { name: service.name, port: service.port },
      },
    });
  }
  if (cluster.compute === "auto") {
    // Auto Mode keeps network policies once it is told to.
    new ApiObject(chart, "network-policies", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "amazon-vpc-cni", namespace: "kube-system", labels, annotations: wave(-5) },
      data: { "enable-network-policy-controller": "true" },
    });
  }
}
