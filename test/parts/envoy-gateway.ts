import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { portOpen, startPart, until, type Part } from "../../lib/conformance/parts/process";
import { goTool } from "./go-tools";

/** Envoy Gateway, which reads its objects from an API server and starts the Envoy of the wheel beside itself. It listens on all addresses: only for a network of its own. */

const run = promisify(execFile);

/** Of the wheel. */
const ENVOY_VERSION = "1.40.0";

export interface EnvoyGatewayOptions {
  /** An empty folder of its own. */
  folder: string;
  /** Envoy's program. */
  envoy: string;
  logFile: string;
  kubeconfig: string;
  apply: (objects: readonly object[]) => Promise<void>;
  /** What has no good condition yet, by name and reason. */
  unsettled: () => Promise<readonly string[]>;
  /** The Gateway's listeners. */
  ports: readonly number[];
}

const configuration = (home: Record<string, string>): object => ({
  apiVersion: "gateway.envoyproxy.io/v1alpha1",
  kind: "EnvoyGateway",
  gateway: { controllerName: "gateway.envoyproxy.io/gatewayclass-controller" },
  provider: {
    type: "Custom",
    custom: { resource: { type: "Kubernetes" }, infrastructure: { type: "Host", host: home } },
  },
  // Without a version it asks for the newest one, by network.
  envoyProxy: {
    provider: { type: "Host", host: { envoyVersion: ENVOY_VERSION } },
    // As the run's other Envoys are.
    concurrency: 1,
    telemetry: { accessLog: { disable: true } },
  },
  extensionApis: { enableEnvoyPatchPolicy: true },
});

/** Its certificates have their place, /certs: it sees this machine with that folder beside the others. */
const IN_ROOT = [
  "mount --make-rprivate /",
  'for d in /*; do if [ -L "$d" ]; then cp -P "$d" "$ROOT$d"; elif [ -d "$d" ]; then mkdir "$ROOT$d"; mount --rbind "$d" "$ROOT$d"; fi; done',
  'cp -r "$CERTIFICATES" "$ROOT/certs"',
  'exec chroot "$ROOT" "$@"',
].join("\n");

const inRoot = (...command: string[]): string[] => ["--mount", "/bin/sh", "-euc", IN_ROOT, "sh", ...command];

/** What Envoy has not taken of what it was sent. */
async function rejected(runtime: string): Promise<string[]> {
  const file = readdirSync(runtime, { recursive: true })
    .map(String)
    .find((name) => name.endsWith("admin-address.txt"));
  if (file === undefined) return ["no Envoy runs"];
  const address = readFileSync(path.join(runtime, file), "utf8").trim();
  const stats = await (await fetch(`http://${address}/stats?filter=update_rejected`)).text();
  return stats.split("\n").filter((line) => /: [1-9]/.test(line));
}

/** Starts it, and waits until its Envoy serves all that was applied. */
export async function startEnvoyGateway(options: EnvoyGatewayOptions): Promise<Part> {
  const { folder, logFile } = options;
  const program = (await goTool("envoy-gateway")) as string;
  const at = (name: string): string => path.join(folder, name);
  const home = {
    configHome: at("config"),
    dataHome: at("data"),
    stateHome: at("state"),
    runtimeDir: at("run"),
  };
  const binaries = path.join(home.dataHome, "envoy-versions", ENVOY_VERSION, "bin");
  for (const name of [...Object.values(home), binaries, at("root")]) mkdirSync(name, { recursive: true });
  symlinkSync(options.envoy, path.join(binaries, "envoy"));
  writeFileSync(at("envoy-gateway.yaml"), stringify(configuration(home)));
  await run(program, ["certgen", "--local", "--config-home", home.configHome]);
  // What its installation makes in a cluster.
  const salt = readFileSync(path.join(home.configHome, "certs/envoy-oidc-hmac/hmac-secret")).toString("base64");
  const namespace = "envoy-gateway-system";
  await options.apply([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "envoy-oidc-hmac", namespace },
      data: { "hmac-secret": salt },
    },
  ]);
  const env = {
    ...process.env,
    ...{ ROOT: at("root"), CERTIFICATES: path.join(home.configHome, "certs/envoy-gateway") },
    ...{ KUBECONFIG: options.kubeconfig, HOME: folder },
  };
  const server = [program, "server", "--config-path", at("envoy-gateway.yaml")];
  const part = startPart("unshare", inRoot(...server), { logFile, env });
  try {
    const allOpen = async (): Promise<boolean> => (await Promise.all(options.ports.map(portOpen))).every(Boolean);
    await until("Envoy Gateway's listeners", allOpen, part, 60_000);
    let missing: readonly string[] = [];
    const isSettled = async (): Promise<boolean> => (missing = await options.unsettled()).length === 0;
    await until("Envoy Gateway's objects", isSettled, part, 30_000).catch((error: unknown) => {
      throw new Error(`${String(error)} ${missing.join("; ")}`);
    });
    const refused = await rejected(home.runtimeDir);
    if (refused.length > 0) throw new Error(`Envoy has not taken what Envoy Gateway says: ${refused.join("; ")}`);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return part;
}
