import { createHash } from "node:crypto";
import { gzipSync } from "fflate";
import { once } from "../once";
import { fitsObject } from "../targets/object-size";
import * as k8s from "../../imports/k8s";
import type { Construct } from "constructs";
import { workloadOf, type GatewayModel } from "../model";
import type { BackendTls } from "../policy/kinds/route-shape";
import { GATEWAY_PORTS, STORE_KEY, storeSecretOf } from "./places";
import {
  inNamespace,
  labelsOf,
  overZones,
  scaledWorkload,
  selectorOf,
  UNPRIVILEGED,
  type Names,
  type Port,
} from "./workload";

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

/** A port with the variable that names it to the filter. */
interface FilterPort extends Port {
  variable: string;
}

interface FilterNames extends Names {
  ports: FilterPort[];
}

const same = (name: string, port: number, variable: string): FilterPort => ({
  name,
  port,
  containerPort: port,
  variable,
});

function namesOf({ model, proxyNamespace, reports }: FilterWorkload): FilterNames {
  const { address, throughPort, reportPort } = model.filter;
  const isGateway = proxyNamespace === undefined;
  const { name, namespace } = workloadOf(model, isGateway);
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
  return { name, namespace, ports, labels: labelsOf(model, name) };
}

/** Where AWS has the store, its address comes with a password; elsewhere it is the model's. */
function storeVariable({ model, environment }: FilterWorkload, name: string): k8s.EnvVar {
  return model.infrastructure[environment]?.cache
    ? { name: "REDIS_URL", valueFrom: { secretKeyRef: { name: storeSecretOf(name), key: STORE_KEY } } }
    : { name: "REDIS_URL", value: model.filter.redis };
}

/** The environment: ports, store, and secrets that the model takes from variables. */
function variables(workload: FilterWorkload, { name, ports }: FilterNames): k8s.EnvVar[] {
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

function pod(workload: FilterWorkload, names: FilterNames): k8s.PodTemplateSpec {
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
      topologySpreadConstraints: overZones(name),
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
          securityContext: UNPRIVILEGED,
          volumeMounts: mounts,
        },
      ],
      volumes: held,
    },
  };
}

/** The filter as a workload. */
export function filterWorkload(scope: Construct, workload: FilterWorkload): void {
  const names = namesOf(workload);
  const { name, namespace, labels } = names;
  new k8s.KubeConfigMap(scope, "plan", {
    metadata: { name: `${name}-plan`, namespace, labels },
    ...planFile(workload).held,
  });
  scaledWorkload(scope, names, pod(workload, names));
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
  const proxies = { ...inNamespace(proxyNamespace ?? ""), podSelector: { matchLabels: proxyLabels ?? {} } };
  const balancers = model.front.networks.map((cidr) => ({ ipBlock: { cidr } }));
  const asks = proxyNamespace === undefined ? balancers : [proxies];
  const from = asks.length > 0 ? { from: asks } : {};
  const to = (port: number): k8s.NetworkPolicyPort => ({ port: k8s.IntOrString.fromNumber(port) });
  new k8s.KubeNetworkPolicy(scope, "network-policy", {
    metadata: { name, namespace, labels },
    spec: {
      podSelector: { matchLabels: selectorOf(name) },
      policyTypes: ["Ingress"],
      ingress: [
        { ...from, ports: ports.map((p) => to(p.containerPort)) },
        // Probes come from the node, which no policy keeps out.
        { from: [inNamespace(model.kubernetes.monitoringNamespace)], ports: [to(model.filter.adminPort)] },
      ],
    },
  });
}
