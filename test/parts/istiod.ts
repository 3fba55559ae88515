import { writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { goTool } from "./go-tools";
import { freePorts, startPart, until, type Part } from "../../lib/conformance/parts/process";

/** Settings without which stock Envoy refuses what istiod sends, or istiod wants a cluster. */
const ENVIRONMENT = {
  POD_NAMESPACE: "istio-system",
  POD_NAME: "istiod-test",
  CLUSTER_ID: "Kubernetes",
  ISTIO_KUBE_CLIENT_CONTENT_TYPE: "json",
  ENABLE_LEADER_ELECTION: "false",
  ENABLE_CA_SERVER: "false",
  // Only whom it knows it gives certificates to.
  XDS_AUTH: "true",
  XDS_AUTH_PLAINTEXT: "true",
  PILOT_CERT_PROVIDER: "none",
  PILOT_ENABLE_METADATA_EXCHANGE: "false",
  PILOT_ENABLE_ALPN_FILTER: "false",
  INJECTION_WEBHOOK_CONFIG_NAME: "",
  VALIDATION_WEBHOOK_CONFIG_NAME: "",
  PILOT_DEBOUNCE_AFTER: "20ms",
  PILOT_DEBOUNCE_MAX: "200ms",
  PILOT_ENABLE_GATEWAY_API: "false",
  PILOT_ENABLE_AMBIENT: "false",
  ENABLE_DEBUG_ENDPOINT_AUTH: "false",
};

/** What it does of the Gateway API without a cluster's controllers: it makes no workloads. */
const GATEWAY_API = {
  PILOT_ENABLE_GATEWAY_API: "true",
  PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER: "false",
  PILOT_ENABLE_GATEWAY_API_GATEWAYCLASS_CONTROLLER: "false",
  ISTIO_KUBE_CLIENT_CONTENT_TYPE: "protobuf",
};

function kubeconfigOf(directory: string, port: number): string {
  const file = path.join(directory, "kubeconfig");
  const server = `http://127.0.0.1:${String(port)}`;
  writeFileSync(
    file,
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "stub", cluster: { server } }],
      users: [{ name: "stub", user: {} }],
      contexts: [{ name: "stub", context: { cluster: "stub", user: "stub" } }],
      "current-context": "stub",
    }),
  );
  return file;
}

export interface Istiod {
  part: Part;
  xdsPort: number;
  stop(): Promise<void>;
}

/** Istio's control plane, with its configuration from a folder. */
export async function startIstiod(options: {
  directory: string;
  meshFile: string;
  /** Its configuration from a folder, and an API server that knows nothing but certificates; or all from a real API server. */
  from: { configDir: string; kubePort: number } | { kubeconfig: string };
}): Promise<Istiod> {
  const binary = await goTool("pilot-discovery");
  if (binary === undefined) throw new Error("pilot-discovery cannot be built");
  const [xdsPort = 0, httpPort = 0, monitoringPort = 0] = await freePorts(3);
  const { from } = options;
  const kubeconfig = "kubeconfig" in from ? from.kubeconfig : kubeconfigOf(options.directory, from.kubePort);
  const local = (port: number): string => `127.0.0.1:${String(port)}`;
  const args = [
    "discovery",
    "--registries=Kubernetes",
    `--kubeconfig=${kubeconfig}`,
    ...("kubeconfig" in from ? [] : [`--configDir=${from.configDir}`]),
    `--meshConfig=${options.meshFile}`,
    `--grpcAddr=${local(xdsPort)}`,
    `--httpAddr=${local(httpPort)}`,
    `--monitoringAddr=${local(monitoringPort)}`,
    "--httpsAddr=",
    "--secureGRPCAddr=",
    "--ctrlz_port=0",
    "--profile=false",
  ];
  const gatewayApi = "kubeconfig" in from ? GATEWAY_API : {};
  const env: NodeJS.ProcessEnv = { ...process.env, ...ENVIRONMENT, ...gatewayApi, HOME: options.directory };
  delete env["KUBECONFIG"];
  const part = startPart(binary, args, {
    logFile: path.join(options.directory, "istiod.log"),
    env,
    cwd: options.directory,
  });
  await until("istiod", async () => (await fetch(`http://${local(httpPort)}/ready`)).ok, part);
  return { part, xdsPort, stop: () => part.stop() };
}
