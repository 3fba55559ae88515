import { createHash } from "node:crypto";
import { gzipSync } from "fflate";
import { once } from "../once";
import { fitsObject } from "../targets/object-size";
import * as k8s from "../../imports/k8s";
import type { Construct } from "constructs";
import { workloadOf, type GatewayModel } from "../model";
import type { BackendTls } from "../policy/kinds/route-shape";
import { GATEWAY_PORTS, MOST_REPLICAS, STORE_KEY, storeSecretOf } from "./places";

interface FilterWorkload {
  /** How it calls services by TLS that it calls so. */
  calls: readonly BackendTls[];
  /** Secrets of certificates that single hosts show, where it is the gateway itself. */
  shown: readonly string[];
  model: GatewayModel;
  environment: string;
  /** The filter's plan, as JSON. */
  plan: string;
  /** Namespace of the proxy that asks; none where the filter is the gateway itself. */
  proxyNamespace?: string;
  proxyLabels?: Record<string, string>;
  /** The proxy tells it how exchanges have ended. */
  reports: boolean;
  /** Istio's: services that take mutual TLS only are called through a sidecar. */
  inMesh?: boolean;
}

const CONTAINER = "filter";
const PLAN_FILE = "plan.json";
const PACKED_PLAN_FILE = `${PLAN_FILE}.gz`;
const CACHE = "/cache";
const TLS = "/tls";

/** A port of the container, and the one of the Service that leads to it. */
interface Port {
  name: string;
  port: number;
  containerPort: number;
  variable: string;
}

interface Names {
  name: string;
  namespace: string;
  ports: Port[];
  labels: Record<string, string>;
}

const same = (name: string, port: number, variable: string): Port => ({ name, port, containerPort: port, variable });

function namesOf({ model, proxyNamespace, reports }: FilterWorkload): Names {
  const { address, throughPort, reportPort } = model.filter;
  const isGateway = proxyNamespace === undefined;
  const { name, namespace } = workloadOf(model, isGateway);
  const labels = {
    "app.kubernetes.io/name": name,
    "app.kubernetes.io/part-of": model.name,
    "app.kubernetes.io/managed-by": "gatewright",
  };
  const door = Number(address.slice(address.lastIndexOf(":") + 1));
  const ports = isGateway
    ? [
        { name: "http", port: model.listeners.http.port, containerPort: GATEWAY_PORTS.http, variable: "HTTP_PORT" },
        { name: "https", port: model.listeners.https.port, containerPort: GATEWAY_PORTS.https, variable: "HTTPS_PORT" },
      ]
    : [
        same("door", door, "LISTEN_PORT"),
        same("through", throughPort, "THROUGH_PORT"),
        // Istio reads the protocol from the name.
        ...(reports ? [same("grpc-reports", reportPort, "REPORT_PORT")] : []),
      ];
  return { name, namespace, ports, labels };
}

/** Where AWS has the store, its address comes with a password; elsewhere it is the model's. */
function storeVariable({ model, environment }: FilterWorkload, name: string): k8s.EnvVar {
  return model.infrastructure[environment]?.cache
    ? { name: "REDIS_URL", valueFrom: { secretKeyRef: { name: storeSecretOf(name), key: STORE_KEY } } }
    : { name: "REDIS_URL", value: model.filter.redis };
}

/** The environment: ports, store, and secrets that the model takes from variables. */
function variables(workload: FilterWorkload, { name, ports }: Names): k8s.EnvVar[] {
  const { model, proxyNamespace } = workload;
  const secrets = Object.values(model.secrets).flatMap(({ env }) => env ?? []);
  const ends = proxyNamespace === undefined && model.front.tls === "gateway";
  return [
    { name: "LISTEN_HOST", value: "0.0.0.0" },
    ...ports.map((p) => ({ name: p.variable, value: String(p.containerPort) })),
    { name: "ADMIN_PORT", value: String(model.filter.adminPort) },
    storeVariable(workload, name),
    { name: "KEYS_CACHE_DIR", value: CACHE },
    // Longer than the readiness probe takes to notice.
    { name: "DRAIN_MS", value: "10000" },
    ...(ends
      ? [
          { name: "TLS_CERTIFICATE", value: `${TLS}/tls.crt` },
          { name: "TLS_KEY", value: `${TLS}/tls.key` },
        ]
      : []),
    ...secrets.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name: `${name}-secrets`, key } } })),
  ];
}

function volumes(
  { model, proxyNamespace, calls, shown }: FilterWorkload,
  { name }: Names,
): { mounts: k8s.VolumeMount[]; volumes: k8s.Volume[] } {
  const ends = proxyNamespace === undefined && model.front.tls === "gateway";
  // Whoever calls services shows and asks for certificates, and hosts show their own.
  const called = calls.flatMap((tls) => [tls.ca ?? [], tls.clientCertificate ?? []].flat());
  const secrets = [...new Set([...called, ...(ends ? shown : [])])].sort();
  return {
    mounts: [
      { name: "plan", mountPath: "/plan", readOnly: true },
      { name: "cache", mountPath: CACHE },
      ...(ends ? [{ name: "tls", mountPath: TLS, readOnly: true }] : []),
      ...secrets.map((name, i) => ({
        name: `certificate-${String(i)}`,
        mountPath: `/certificates/${name}`,
        readOnly: true,
      })),
    ],
    volumes: [
      { name: "plan", configMap: { name: `${name}-plan` } },
      { name: "cache", emptyDir: { sizeLimit: k8s.Quantity.fromString("16Mi") } },
      ...(ends ? [{ name: "tls", secret: { secretName: model.certificate.secret } }] : []),
      ...secrets.map((secretName, i) => ({ name: `certificate-${String(i)}`, secret: { secretName } })),
    ],
  };
}

/** The plan in its ConfigMap: as it is, or packed where that would be too large. Not by zlib, whose bytes differ by machine. */
const planFile = once(
  ({ plan }: FilterWorkload): { name: string; held: Pick<k8s.KubeConfigMapProps, "data" | "binaryData"> } => {
    const text = JSON.stringify(JSON.parse(plan));
    if (fitsObject(text)) return { name: PLAN_FILE, held: { data: { [PLAN_FILE]: text } } };
    const packed = Buffer.from(gzipSync(Buffer.from(text), { level: 9, mtime: 0 })).toString("base64");
    return { name: PACKED_PLAN_FILE, held: { binaryData: { [PACKED_PLAN_FILE]: packed } } };
  },
);

function pod(workload: FilterWorkload, names: Names): k8s.PodTemplateSpec {
  const { name, ports, labels } = names;
  const probe = (path: string): k8s.HttpGetAction => ({ path, port: k8s.IntOrString.fromString("admin") });
  const { mounts, volumes: held } = volumes(workload, names);
  return {
    // Another plan is another pod: the filter reads it when it starts.
    metadata: {
      labels: workload.inMesh ? { ...labels, "sidecar.istio.io/inject": "true" } : labels,
      annotations: { "gatewright/plan": createHash("sha256").update(workload.plan).digest("hex") },
    },
    spec: {
      serviceAccountName: name,
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
          args: [`/plan/${planFile(workload).name}`],
          env: variables(workload, names),
          ports: [
            ...ports.map((p) => ({ name: p.name, containerPort: p.containerPort })),
            { name: "admin", containerPort: workload.model.filter.adminPort },
          ],
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
          volumeMounts: mounts,
        },
      ],
      volumes: held,
    },
  };
}

/** The filter as a workload: three replicas over the zones, two to ten by load, never all away at once. */
export function filterWorkload(scope: Construct, workload: FilterWorkload): void {
  const names = namesOf(workload);
  const { name, namespace, ports, labels } = names;
  const metadata = { name, namespace, labels };
  const selector = { "app.kubernetes.io/name": name };
  new k8s.KubeConfigMap(scope, "plan", {
    metadata: { ...metadata, name: `${name}-plan` },
    ...planFile(workload).held,
  });
  new k8s.KubeServiceAccount(scope, "service-account", { metadata, automountServiceAccountToken: false });
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
      minReplicas: 2,
      maxReplicas: MOST_REPLICAS,
      metrics: [utilization("cpu", 70), utilization("memory", 80)],
    },
  });
  new k8s.KubePodDisruptionBudget(scope, "disruption-budget", {
    metadata,
    spec: { minAvailable: k8s.IntOrString.fromNumber(1), selector: { matchLabels: selector } },
  });
  networkPolicy(scope, workload, names);
}

/**
 * Only the proxies' pods may ask, or the balancer where it is the gateway: whoever could ask could tell it who he is. Metrics
 * are for who collects them.
 */
function networkPolicy(
  scope: Construct,
  { model, proxyNamespace, proxyLabels }: FilterWorkload,
  { name, namespace, ports, labels }: Names,
): void {
  const inNamespace = (of: string): k8s.NetworkPolicyPeer => ({
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": of } },
  });
  const proxies = { ...inNamespace(proxyNamespace ?? ""), podSelector: { matchLabels: proxyLabels ?? {} } };
  const balancers = model.front.networks.map((cidr) => ({ ipBlock: { cidr } }));
  const asks = proxyNamespace === undefined ? balancers : [proxies];
  const from = asks.length > 0 ? { from: asks } : {};
  const to = (port: number): k8s.NetworkPolicyPort => ({ port: k8s.IntOrString.fromNumber(port) });
  new k8s.KubeNetworkPolicy(scope, "network-policy", {
    metadata: { name, namespace, labels },
    spec: {
      podSelector: { matchLabels: { "app.kubernetes.io/name": name } },
      policyTypes: ["Ingress"],
      ingress: [
        { ...from, ports: ports.map((p) => to(p.containerPort)) },
        // Probes come from the node, which no policy keeps out.
        { from: [inNamespace(model.kubernetes.monitoringNamespace)], ports: [to(model.filter.adminPort)] },
      ],
    },
  });
}
