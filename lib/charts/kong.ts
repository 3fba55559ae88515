import { createHash } from "node:crypto";
import type { Construct } from "constructs";
import * as k8s from "../../imports/k8s";
import { workloadOf, type GatewayModel } from "../model";
import { certificateVariable } from "../targets/kong/declarative";
import { KONG_FILES, KONG_PORTS } from "../targets/kong/settings";
import { KONG_NAME } from "./places";
import { inNamespace, labelsOf, overZones, scaledWorkload, selectorOf, UNPRIVILEGED } from "./workload";

interface KongWorkload {
  model: GatewayModel;
  /** The target's files by their names: `kong.yaml`, `kong.conf`, `edge.conf`. */
  files: Readonly<Record<string, string>>;
  /** Secrets of certificates that single hosts show. */
  shown: readonly string[];
}

const PREFIX = "/kong_prefix";

/** Names and values of a `kong.conf` as the variables that say the same. */
const variablesOf = (text: string): k8s.EnvVar[] =>
  text.split("\n").flatMap((line) => {
    const [, name, value] = /^(\w+) = (.*)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [{ name: `KONG_${name.toUpperCase()}`, value }];
  });

function pod({ model, files, shown }: KongWorkload, name: string): k8s.PodTemplateSpec {
  const secure = model.front.tls === "gateway";
  const ready = { path: "/status/ready", port: k8s.IntOrString.fromString("status") };
  const certificates = secure ? [{ name: "certificate", mountPath: KONG_FILES.certificate, readOnly: true }] : [];
  return {
    metadata: {
      labels: labelsOf(model, name),
      // Kong does not look at its files again: other files are other pods.
      annotations: {
        "gatewright/configuration": createHash("sha256").update(JSON.stringify(files)).digest("hex"),
      },
    },
    spec: {
      serviceAccountName: name,
      automountServiceAccountToken: false,
      // Variables of other Services could read as settings of Kong.
      enableServiceLinks: false,
      // As Kong's own chart has it; the image's user has no number.
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
      terminationGracePeriodSeconds: 30,
      topologySpreadConstraints: overZones(name),
      containers: [
        {
          name: "kong",
          image: model.kong.image,
          env: [
            { name: "KONG_PREFIX", value: PREFIX },
            ...variablesOf(files["kong.conf"] ?? ""),
            ...(secure ? shown : []).flatMap((secret) => [
              {
                name: certificateVariable(secret, "CRT"),
                valueFrom: { secretKeyRef: { name: secret, key: "tls.crt" } },
              },
              {
                name: certificateVariable(secret, "KEY"),
                valueFrom: { secretKeyRef: { name: secret, key: "tls.key" } },
              },
            ]),
          ],
          ports: [
            { name: "http", containerPort: KONG_PORTS.http },
            ...(secure ? [{ name: "https", containerPort: KONG_PORTS.https }] : []),
            { name: "status", containerPort: KONG_PORTS.status },
          ],
          // It stays until balancers have seen that it goes, then ends what is under way.
          lifecycle: { preStop: { exec: { command: ["kong", "quit", "--wait=15"] } } },
          resources: {
            requests: { cpu: k8s.Quantity.fromString("500m"), memory: k8s.Quantity.fromString("512Mi") },
            limits: { memory: k8s.Quantity.fromString("1Gi") },
          },
          livenessProbe: { httpGet: { ...ready, path: "/status" }, initialDelaySeconds: 10, periodSeconds: 10 },
          readinessProbe: { httpGet: ready, periodSeconds: 5 },
          securityContext: UNPRIVILEGED,
          volumeMounts: [
            { name: "configuration", mountPath: KONG_FILES.configuration, readOnly: true },
            { name: "prefix", mountPath: PREFIX },
            { name: "tmp", mountPath: "/tmp" },
            ...certificates,
          ],
        },
      ],
      volumes: [
        { name: "configuration", configMap: { name: `${name}-configuration` } },
        { name: "prefix", emptyDir: { sizeLimit: k8s.Quantity.fromString("1Gi") } },
        { name: "tmp", emptyDir: { sizeLimit: k8s.Quantity.fromString("64Mi") } },
        ...(secure ? [{ name: "certificate", secret: { secretName: model.certificate.secret } }] : []),
      ],
    },
  };
}

/** Kong as a workload: three replicas at least, as the source of these systems has it; nobody but what stands in front reaches it. */
export function kongWorkload(scope: Construct, workload: KongWorkload): void {
  const { model, files } = workload;
  const { namespace } = workloadOf(model, true);
  const labels = labelsOf(model, KONG_NAME);
  const secure = model.front.tls === "gateway";
  const { http, https } = model.listeners;
  const ports = [
    { name: "http", port: http.port, containerPort: KONG_PORTS.http },
    ...(secure ? [{ name: "https", port: https.port, containerPort: KONG_PORTS.https }] : []),
  ];
  new k8s.KubeConfigMap(scope, "configuration", {
    metadata: { name: `${KONG_NAME}-configuration`, namespace, labels },
    data: { "kong.yaml": files["kong.yaml"] ?? "", "edge.conf": files["edge.conf"] ?? "" },
  });
  scaledWorkload(scope, { name: KONG_NAME, namespace, ports, labels }, pod(workload, KONG_NAME), 3);
  const to = (port: number): k8s.NetworkPolicyPort => ({ port: k8s.IntOrString.fromNumber(port) });
  const fronts = model.front.networks.map((cidr) => ({ ipBlock: { cidr } }));
  new k8s.KubeNetworkPolicy(scope, "network-policy", {
    metadata: { name: KONG_NAME, namespace, labels },
    spec: {
      podSelector: { matchLabels: selectorOf(KONG_NAME) },
      policyTypes: ["Ingress"],
      ingress: [
        { ...(fronts.length > 0 && { from: fronts }), ports: ports.map((p) => to(p.containerPort)) },
        // The balancer asks there whether Kong is well, and whoever collects metrics.
        { from: [...fronts, inNamespace(model.kubernetes.monitoringNamespace)], ports: [to(KONG_PORTS.status)] },
      ],
    },
  });
}
