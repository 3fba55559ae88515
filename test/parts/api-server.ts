import { execFile } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from "node:fs";
import https from "node:https";
import path from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { gatewayApiCrds, goTool, istioCrds, otherCrds } from "./go-tools";
import { freePorts, startPart, until, type Part } from "../../lib/conformance/parts/process";

const run = promisify(execFile);

/** Its own definitions are in no registry: by hand, after the reference of the AWS Load Balancer Controller. */
const TARGET_GROUP_BINDING = path.join(__dirname, "target-group-binding.yaml");

/** Namespaces that no generated file makes, but that every cluster we install to has. */
const NAMESPACES = ["istio-system", "gateway"];

export interface ApiServer {
  kubeconfig: string;
  stop(): Promise<void>;
}

function onPath(name: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => folder !== "")
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function ready(port: number, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: "127.0.0.1", port, path: "/readyz", headers: { authorization: `Bearer ${token}` } };
    // The server signs its own certificate at each start.
    const request = https.get({ ...options, rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.setTimeout(1_000, () => request.destroy());
    request.once("error", () => {
      resolve(false);
    });
  });
}

async function startEtcd(binary: string, directory: string): Promise<{ part: Part; url: string }> {
  const [client = 0, peer = 0] = await freePorts(2);
  const url = `http://127.0.0.1:${String(client)}`;
  const peerUrl = `http://127.0.0.1:${String(peer)}`;
  const args = [
    ...["--name", "test", "--data-dir", path.join(directory, "data"), "--unsafe-no-fsync"],
    ...["--listen-client-urls", url, "--advertise-client-urls", url],
    ...[
      "--listen-peer-urls",
      peerUrl,
      "--initial-advertise-peer-urls",
      peerUrl,
      "--initial-cluster",
      `test=${peerUrl}`,
    ],
    ...["--logger", "zap", "--log-level", "warn"],
  ];
  const part = startPart(binary, args, { logFile: path.join(directory, "etcd.log") });
  await until("etcd", async () => (await fetch(`${url}/health`)).ok, part).catch(async (error: unknown) => {
    await part.stop();
    throw error;
  });
  return { part, url };
}

function writeKubeconfig(file: string, port: number, token: string): void {
  const server = `https://127.0.0.1:${String(port)}`;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
}

async function startServer(
  binary: string,
  directory: string,
  etcdUrl: string,
  account: string | undefined,
): Promise<{ part: Part; kubeconfig: string }> {
  const [port = 0] = await freePorts(1);
  const file = (name: string): string => path.join(directory, name);
  const token = randomBytes(16).toString("hex");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(file("sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600 });
  const proxies = account === undefined ? [] : [`test,${account},proxy,"system:serviceaccounts"`];
  const users = [`${token},admin,admin,system:masters`, ...proxies];
  writeFileSync(file("tokens.csv"), `${users.join("\n")}\n`, { mode: 0o600 });
  const args = [
    `--etcd-servers=${etcdUrl}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${String(port)}`,
    `--cert-dir=${file("certificates")}`,
    "--service-cluster-ip-range=10.0.0.0/24",
    `--token-auth-file=${file("tokens.csv")}`,
    "--authorization-mode=AlwaysAllow",
    "--anonymous-auth=false",
    "--service-account-issuer=https://kubernetes.default.svc",
    // Whom istiod asks for in the tokens of its proxies.
    "--api-audiences=https://kubernetes.default.svc,istio-ca",
    `--service-account-signing-key-file=${file("sa.key")}`,
    `--service-account-key-file=${file("sa.key")}`,
    // No controller makes the accounts that this plugin asks for.
    "--disable-admission-plugins=ServiceAccount",
    "--endpoint-reconciler-type=none",
  ];
  const part = startPart(binary, args, { logFile: file("kube-apiserver.log") });
  await until("kube-apiserver", () => ready(port, token), part, 60_000).catch(async (error: unknown) => {
    await part.stop();
    throw error;
  });
  writeKubeconfig(file("kubeconfig"), port, token);
  return { part, kubeconfig: file("kubeconfig") };
}

async function prepare(kubeconfig: string, directory: string): Promise<void> {
  // What kubectl remembers of this server stays with it, not in the home folder.
  const common = ["--kubeconfig", kubeconfig, "--cache-dir", path.join(directory, "kubectl-cache")];
  const kubectl = (...args: string[]): Promise<unknown> => run("kubectl", [...common, ...args]);
  for (const crd of [await istioCrds(), await gatewayApiCrds(), ...(await otherCrds()), TARGET_GROUP_BINDING]) {
    await kubectl("apply", "--server-side", "-f", crd);
  }
  await kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd", "--all");
  const file = path.join(directory, "namespaces.yaml");
  const objects = NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
  writeFileSync(file, objects.map((o) => stringify(o)).join("---\n"));
  // Applied, not created: a later apply of the same object would warn of the missing annotation.
  await kubectl("apply", "-f", file);
}

/** A real Kubernetes API server with nothing in it but, where asked for, the definitions of Istio, the Gateway API, External Secrets and AWS's balancers; or nothing, with the reason printed. */
export async function startApiServer(options: {
  directory: string;
  definitions: boolean;
  /** Who a proxy with the token "test" is, such as `system:serviceaccount:gateway:shop-istio`; nobody by default. */
  account?: string;
}): Promise<ApiServer | undefined> {
  // Debian puts it where the PATH of a user need not reach.
  const etcd = onPath("etcd") ?? ["/usr/bin/etcd"].find((file) => existsSync(file));
  if (etcd === undefined || onPath("kubectl") === undefined) {
    process.stdout.write(`no Kubernetes API server: ${etcd === undefined ? "etcd" : "kubectl"} is not installed\n`);
    return undefined;
  }
  const binary = await goTool("kube-apiserver");
  if (binary === undefined) return undefined;
  const directory = path.join(options.directory, "api-server");
  if (existsSync(directory)) throw new Error(`${directory} is there already: the server wants fresh data`);
  mkdirSync(directory, { recursive: true });
  const store = await startEtcd(etcd, directory);
  try {
    const server = await startServer(binary, directory, store.url, options.account);
    // In this order: a server that has lost its store takes long to end.
    const stop = async (): Promise<void> => {
      await server.part.stop();
      await store.part.stop();
    };
    if (options.definitions)
      await prepare(server.kubeconfig, directory).catch(async (error: unknown) => {
        await server.part.stop();
        throw error;
      });
    return { kubeconfig: server.kubeconfig, stop };
  } catch (error) {
    await store.part.stop();
    throw error;
  }
}
