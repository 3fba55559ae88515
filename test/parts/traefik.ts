import { readFileSync } from "node:fs";
import path from "node:path";
import { startPart, until, type Part } from "../../lib/conformance/parts/process";
import { pythonPackages } from "./python-packages";

/** Traefik, from its wheel. */

async function program(): Promise<string | { unavailable: string }> {
  const folder = await pythonPackages("traefik");
  return typeof folder === "string" ? path.join(folder, "bin/traefik") : folder;
}

/** Why it cannot be run here, if it cannot. */
export async function lacksTraefik(): Promise<string | undefined> {
  const found = await program();
  return typeof found === "string" ? undefined : found.unavailable;
}

export interface TraefikOptions {
  logFile: string;
  kubeconfig: string;
  /** The API server's certificate, which it has signed itself. */
  ca: string;
  ports: { http: number; https: number; api: number };
  /** Who in front of it is believed. */
  networks: readonly string[];
  /** Whether they speak the PROXY protocol. */
  proxyProtocol: boolean;
  /** What it reads: the Gateway API's objects, or Ingresses as ingress-nginx does. */
  provider: keyof typeof PROVIDERS;
}

const PROVIDERS = {
  kubernetesgateway: [],
  kubernetesingressnginx: [
    "--providers.kubernetesingressnginx.httpentrypoint=web",
    "--providers.kubernetesingressnginx.httpsentrypoint=websecure",
  ],
};

/** Starts it, and waits until it serves a route. */
export async function startTraefik(options: TraefikOptions): Promise<Part> {
  const { ports, provider } = options;
  const kubeconfig = readFileSync(options.kubeconfig, "utf8");
  const [endpoint = ""] = /https:\/\/127\.0\.0\.1:\d+/.exec(kubeconfig) ?? [];
  const [, token = ""] = /token: (\w+)/.exec(kubeconfig) ?? [];
  const believed = options.proxyProtocol ? "proxyProtocol" : "forwardedHeaders";
  const entryPoint = (name: string, port: number): string[] => [
    `--entrypoints.${name}.address=127.0.0.1:${String(port)}`,
    ...(options.networks.length > 0
      ? [`--entrypoints.${name}.${believed}.trustedIPs=${options.networks.join(",")}`]
      : []),
    // What the filter is to judge it must see as it came.
    ...(provider === "kubernetesgateway"
      ? [
          `--entrypoints.${name}.http.sanitizePath=false`,
          `--entrypoints.${name}.transport.respondingTimeouts.readTimeout=0`,
        ]
      : []),
  ];
  const args = [
    ...entryPoint("web", ports.http),
    ...entryPoint("websecure", ports.https),
    `--entrypoints.traefik.address=127.0.0.1:${String(ports.api)}`,
    ...["--api.insecure=true", "--global.checknewversion=false", "--global.sendanonymoususage=false"],
    `--providers.${provider}=true`,
    `--providers.${provider}.endpoint=${endpoint}`,
    `--providers.${provider}.token=${token}`,
    `--providers.${provider}.certauthfilepath=${options.ca}`,
    ...PROVIDERS[provider],
    "--providers.providersthrottleduration=100ms",
  ];
  const found = await program();
  if (typeof found !== "string") throw new Error(found.unavailable);
  const env = { ...process.env, KUBECONFIG: options.kubeconfig };
  const part = startPart(found, args, { logFile: options.logFile, env });
  const routers = async (): Promise<boolean> => {
    const answer = await fetch(`http://127.0.0.1:${String(ports.api)}/api/http/routers?per_page=1000`);
    const all = (await answer.json()) as { name: string; status: string }[];
    return all.some(({ name, status }) => name.includes(`@${provider}`) && status === "enabled");
  };
  try {
    await until("Traefik's routes", routers, part, 60_000);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return part;
}
