import { createHash } from "node:crypto";
import { k8s } from "cdk8s-plus-27";
import type { Construct } from "constructs";
import type { GatewayModel } from "../model";

export interface FilterWorkload {
  model: GatewayModel;
  environment: string;
  /** The filter's plan, as JSON. */
  plan: string;
  /** Namespace of the proxy that asks. */
  proxyNamespace: string;
}

const CONTAINER = "filter";
const PLAN_FILE = "plan.json";

interface Names {
  name: string;
  namespace: string;
  port: number;
  labels: Record<string, string>;
}

/** The Service that the proxies ask is the filter's address in the model. */
function namesOf({ model }: FilterWorkload): Names {
  const colon = model.filter.address.lastIndexOf(":");
  const [name = "gateway-filter", namespace = model.kubernetes.namespace] = model.filter.address
    .slice(0, colon)
    .split(".");
  const labels = {
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/part-of": model.name,
    "app.kubernetes.io/managed-by": "gatewright",
  };
  return { name, namespace, port: Number(model.filter.address.slice(colon + 1)), labels };
}

function pod(workload: FilterWorkload, { name, port, labels }: Names): k8s.PodTemplateSpec {
  const probe = (path: string): k8s.HttpGetAction => ({ path, port: k8s.IntOrString.fromString("http") });
  return {
    // Another plan is another pod: the filter reads it when it starts.
    metadata: { labels, annotations: { "gatewright/plan": createHash("sha256").update(workload.plan).digest("hex") } },
    spec: {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: "RuntimeDefault" } },
      terminationGracePeriodSeconds: 30,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: "topology.kubernetes.io/zone",
          whenUnsatisfiable: "ScheduleAnyway",
          labelSelector: { matchLabels: { "app.kubernetes.io/name": name } },
        },
      ],
      containers: [
        {
          name: CONTAINER,
          image: workload.model.filter.image,
          args: [`/plan/${PLAN_FILE}`],
          env: [
            { name: "LISTEN_HOST", value: "0.0.0.0" },
            { name: "LISTEN_PORT", value: String(port) },
            { name: "REDIS_URL", value: workload.model.filter.redis },
          ],
          ports: [{ name: "http", containerPort: port }],
          resources: {
            requests: { cpu: k8s.Quantity.fromString("500m"), memory: k8s.Quantity.fromString("512Mi") },
            limits: { cpu: k8s.Quantity.fromString("1"), memory: k8s.Quantity.fromString("1Gi") },
          },
          livenessProbe: { httpGet: probe("/actuator/liveness"), initialDelaySeconds: 30, periodSeconds: 10 },
          readinessProbe: { httpGet: probe("/actuator/readiness"), initialDelaySeconds: 10, periodSeconds: 5 },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: [{ name: "plan", mountPath: "/plan", readOnly: true }],
        },
      ],
      volumes: [{ name: "plan", configMap: { name: `${name}-plan` } }],
    },
  };
}

/** The filter as a workload: three replicas over the zones, two to ten by load, never all away at once. */
export function filterWorkload(scope: Construct, workload: FilterWorkload): void {
  const names = namesOf(workload);
  const { name, namespace, port, labels } = names;
  const metadata = { name, namespace, labels };
  const selector = { "app.kubernetes.io/name": name };
  new k8s.KubeConfigMap(scope, "plan", {
    metadata: { ...metadata, name: `${name}-plan` },
    data: { [PLAN_FILE]: JSON.stringify(JSON.parse(workload.plan)) },
  });
  new k8s.KubeDeployment(scope, "deployment", {
    metadata,
    spec: {
      replicas: 3,
      selector: { matchLabels: selector },
      strategy: {
        rollingUpdate: { maxUnavailable: k8s.IntOrString.fromNumber(0), maxSurge: k8s.IntOrString.fromNumber(1) },
      },
      template: pod(workload, names),
    },
  });
  new k8s.KubeService(scope, "service", {
    metadata,
    spec: { selector, ports: [{ name: "http", port, targetPort: k8s.IntOrString.fromString("http") }] },
  });
  const utilization = (resource: string, averageUtilization: number): k8s.MetricSpecV2 => ({
    type: "Resource",
    resource: { name: resource, target: { type: "Utilization", averageUtilization } },
  });
  new k8s.KubeHorizontalPodAutoscalerV2(scope, "autoscaler", {
    metadata: { ...metadata, name: `${name}-hpa` },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name },
      minReplicas: 2,
      maxReplicas: 10,
      metrics: [utilization("cpu", 70), utilization("memory", 80)],
    },
  });
  new k8s.KubePodDisruptionBudget(scope, "disruption-budget", {
    metadata,
    spec: { minAvailable: k8s.IntOrString.fromNumber(1), selector: { matchLabels: selector } },
  });
  networkPolicy(scope, workload, names);
}

/** Only the proxies may ask: whoever could ask the filter could tell it who he is. */
function networkPolicy(
  scope: Construct,
  { proxyNamespace }: FilterWorkload,
  { name, namespace, port, labels }: Names,
): void {
  new k8s.KubeNetworkPolicy(scope, "network-policy", {
    metadata: { name, namespace, labels },
    spec: {
      podSelector: { matchLabels: { "app.kubernetes.io/name": name } },
      policyTypes: ["Ingress"],
      ingress: [
        {
          from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": proxyNamespace } } }],
          ports: [{ port: k8s.IntOrString.fromNumber(port) }],
        },
      ],
    },
  });
}
