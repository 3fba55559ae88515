import { ApiObject, type Chart } from "cdk8s";
import { systemNameOf, type GatewayModel } from "../model";
import type { Access, Infrastructure } from "../model/infrastructure";
import { STORE_KEY, STORE_USER, storeSecretOf, targetGroupsOf, type Service } from "./places";

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
  /** The Service whose pods the balancer asks. */
  service: Service;
}

/** Argo CD applies the lower first. */
const wave = (number: number): Record<string, string> => ({ "argocd.argoproj.io/sync-wave": String(number) });

/** What all of an environment's objects have in common. */
interface Naming {
  systemName: string;
  labels: Readonly<Record<string, string>>;
}

const PROVIDERS = { parameters: "ParameterStore", secrets: "SecretsManager" };

type Store = keyof typeof PROVIDERS;
const storeName = (systemName: string, store: Store): string => `${systemName}-${store}`;
const storeOf = (systemName: string, store: Store): object => ({
  kind: "ClusterSecretStore",
  name: storeName(systemName, store),
});

/** Where External Secrets read, for some namespaces and no other; without auth it is the operator's own role, by Pod Identity. */
function addStore(
  chart: Chart,
  store: Store,
  { systemName, labels }: Naming,
  region: string,
  namespaces: string[],
): void {
  new ApiObject(chart, `store-${store}`, {
    apiVersion: "external-secrets.io/v1",
    kind: "ClusterSecretStore",
    metadata: { name: storeName(systemName, store), labels, annotations: wave(-5) },
    spec: { provider: { aws: { service: PROVIDERS[store], region } }, conditions: [{ namespaces }] },
  });
}

/** The shared store's address with its password, as one text, for each workload that asks it and nobody else. */
function sharedStore(chart: Chart, { systemName, labels }: Naming, { workloads }: InCluster): void {
  for (const { name, namespace } of workloads) {
    const secret = storeSecretOf(name);
    const address = `rediss://${STORE_USER}:{{ .password }}@{{ .endpoint }}`;
    new ApiObject(chart, `shared-store-${name}`, {
      apiVersion: "external-secrets.io/v1",
      kind: "ExternalSecret",
      metadata: { name: secret, namespace, labels, annotations: wave(-2) },
      spec: {
        refreshInterval: "1h",
        secretStoreRef: storeOf(systemName, "secrets"),
        target: { name: secret, template: { data: { [STORE_KEY]: address } } },
        data: [
          { secretKey: "password", remoteRef: { key: `${systemName}/cache` } },
          {
            secretKey: "endpoint",
            remoteRef: { key: `/${systemName}/cache/endpoint` },
            sourceRef: { storeRef: storeOf(systemName, "parameters") },
          },
        ],
      },
    });
  }
}

/** As an environment variable: `TOPIC_IAM_EVENTS`. */
const variable = (text: string): string => text.toUpperCase().replaceAll("-", "_");

const PARTS = ["database", "documents", "search"] as const;

/** What a service account may use: variable and parameter. */
const endpointsOf = (access: Access): [variable: string, parameter: string][] => [
  ...PARTS.filter((part) => access[part]).map((part): [string, string] => [
    `${variable(part)}_ENDPOINT`,
    `${part}/endpoint`,
  ]),
  ...access.publish.map((topic): [string, string] => [`TOPIC_${variable(topic)}`, `topics/${topic}`]),
  ...access.consume.map((topic): [string, string] => [`QUEUE_${variable(topic)}`, `queues/${topic}`]),
];

/** Where services find what they may use: a Secret for each service account, to be taken by `envFrom`. */
function endpoints(chart: Chart, { systemName, labels }: Naming, { access }: Infrastructure): void {
  for (const [account, wanted] of Object.entries(access)) {
    const [namespace = "", serviceAccount = ""] = account.split("/");
    const name = `${serviceAccount}-endpoints`;
    new ApiObject(chart, `endpoints_${namespace}_${serviceAccount}`, {
      apiVersion: "external-secrets.io/v1",
      kind: "ExternalSecret",
      metadata: { name, namespace, labels, annotations: wave(-2) },
      spec: {
        refreshInterval: "1h",
        secretStoreRef: storeOf(systemName, "parameters"),
        target: { name },
        data: endpointsOf(wanted).map(([secretKey, parameter]) => ({
          secretKey,
          remoteRef: { key: `/${systemName}/${parameter}` },
        })),
      },
    });
  }
}

/** The gateway's pods, told to each balancer that asks them. */
function bindTargets(
  chart: Chart,
  { labels }: Naming,
  { model, environment, infrastructure, service }: InCluster,
): void {
  const { name, namespace, port } = service;
  const { front, website } = targetGroupsOf(model, environment);
  for (const group of [front, ...(infrastructure.edge.website ? [website] : [])]) {
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
  const { model, environment, infrastructure, workloads } = wanted;
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
  const { access, cache, region } = infrastructure;
  const services = Object.keys(access).map((account) => account.split("/")[0] ?? "");
  const asking = [...new Set([...(cache ? namespacesOf(workloads) : []), ...services])].sort();
  if (asking.length > 0) addStore(chart, "parameters", naming, region, asking);
  if (cache) {
    addStore(chart, "secrets", naming, region, namespacesOf(workloads));
    sharedStore(chart, naming, wanted);
  }
  endpoints(chart, naming, infrastructure);
  bindTargets(chart, naming, wanted);
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
