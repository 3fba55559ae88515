import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { freePorts, startPart, until, type Part } from "../../lib/conformance/parts/process";

const HTTP2 = {
  "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
    explicit_http_config: { http2_protocol_options: {} },
  },
};

function bootstrap(options: {
  xdsPort: number;
  adminPort: number;
  labels: Record<string, string>;
  namespace: string;
  serviceAccount?: string;
}): object {
  const socket = (port: number): object => ({ socket_address: { address: "127.0.0.1", port_value: port } });
  const ads = { ads: {}, initial_fetch_timeout: "0s", resource_api_version: "V3" };
  return {
    node: {
      // An address that no endpoint has: istiod would take that endpoint's labels for ours and send no listener.
      id: `router~127.0.0.9~gateway.${options.namespace}~${options.namespace}.svc.cluster.local`,
      cluster: "gateway",
      metadata: {
        NAMESPACE: options.namespace,
        CLUSTER_ID: "Kubernetes",
        ISTIO_VERSION: "1.31.1",
        LABELS: options.labels,
        SERVICE_ACCOUNT: options.serviceAccount ?? "gateway",
      },
    },
    admin: { address: socket(options.adminPort) },
    // As Istio's own bootstrap has it (pkg/bootstrap of 1.31): Envoy alone takes no regular expression of more than 100 steps.
    layered_runtime: { layers: [{ name: "static", static_layer: { "re2.max_program_size.error_level": 32_768 } }] },
    dynamic_resources: {
      ads_config: {
        api_type: "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        // istiod wants a token, and has it looked at by the API server.
        grpc_services: [
          {
            envoy_grpc: { cluster_name: "istiod" },
            initial_metadata: [{ key: "authorization", value: "Bearer test" }],
          },
        ],
      },
      cds_config: ads,
      lds_config: ads,
    },
    static_resources: {
      clusters: [
        {
          name: "istiod",
          type: "STATIC",
          connect_timeout: "1s",
          typed_extension_protocol_options: HTTP2,
          load_assignment: {
            cluster_name: "istiod",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: socket(options.xdsPort) } }] }],
          },
        },
      ],
    },
  };
}

/** The reason of a refusal stands on the lines after the first one, which have no time stamp. */
const REFUSAL = /gRPC config for \S+ rejected:[^\n]*(?:\n(?!\[\d{4}-|\{)[^\n]*)*/g;

export interface Envoy {
  part: Part;
  adminPort: number;
  /** Nothing when all that istiod has sent was taken, else what was not. */
  accepted(): Promise<string | undefined>;
  stop(): Promise<void>;
}

export async function startEnvoy(options: {
  binary: string;
  directory: string;
  xdsPort: number;
  labels: Record<string, string>;
  namespace: string;
  serviceAccount?: string;
}): Promise<Envoy> {
  const [adminPort = 0] = await freePorts(1);
  const file = path.join(options.directory, "envoy.json");
  writeFileSync(file, JSON.stringify(bootstrap({ ...options, adminPort })));
  const logFile = path.join(options.directory, "envoy.log");
  const args = [
    "-c",
    file,
    "--use-dynamic-base-id",
    "--reject-unknown-dynamic-fields",
    "--file-flush-interval-msec",
    "50",
  ];
  const part = startPart(options.binary, [...args, "--concurrency", "1", "-l", "warning"], { logFile });
  const admin = async (target: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${String(adminPort)}${target}`)).text();
  const counters = async (): Promise<Map<string, number>> => {
    const filter = "update_(rejected|success)|listener_manager.(total_listeners|listener_create_failure|workers)";
    const lines = (await admin(`/stats?filter=${encodeURIComponent(filter)}`))
      .split("\n")
      .map((line) => line.split(": "));
    return new Map(lines.map(([name = "", value = ""]) => [name, Number(value)]));
  };
  const sum = (found: Map<string, number>, ending: string): number =>
    [...found.entries()].reduce((total, [name, value]) => (name.endsWith(ending) ? total + value : total), 0);
  const accepted = async (): Promise<string | undefined> => {
    const found = await counters();
    if (sum(found, "update_rejected") > 0) {
      const words = readFileSync(logFile, "utf8").match(REFUSAL) ?? [];
      return (
        [
          ...new Set(
            words.map((w) =>
              w
                .replace(/goo\.gle\/\S*/g, "")
                .replace(/\s+/g, " ")
                .trim(),
            ),
          ),
        ].join("\n") || "an update was rejected"
      );
    }
    if (sum(found, "lds.update_success") === 0) return "Envoy has no answer to its request for listeners yet";
    if (sum(found, "listener_manager.total_listeners_active") === 0) return "Envoy has no listener";
    if (sum(found, "listener_manager.total_listeners_warming") > 0) return "a listener still waits for its routes";
    if (sum(found, "listener_manager.listener_create_failure") > 0) return "a listener could not be opened";
    return sum(found, "listener_manager.workers_started") === 0 ? "Envoy's workers have not started" : undefined;
  };
  await until(
    "envoy",
    async () => sum(await counters(), "lds.update_success") + sum(await counters(), "update_rejected") > 0,
    part,
  );
  return { part, adminPort, accepted, stop: () => part.stop() };
}
