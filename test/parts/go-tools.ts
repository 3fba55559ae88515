import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = path.join(__dirname, "../..");

/** Programs that come as Go modules: pinned by go.sum, built once, kept in the checkout. */
const TOOLS = {
  "pilot-discovery": { module: "istio", package: "istio.io/istio/pilot/cmd/pilot-discovery" },
  istioctl: { module: "istio", package: "istio.io/istio/istioctl/cmd/istioctl" },
  "kube-apiserver": { module: "apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
  "nginx-ingress-controller": { module: "ingress-nginx", package: "k8s.io/ingress-nginx/cmd/nginx" },
  "envoy-gateway": { module: "envoy-gateway", package: "github.com/envoyproxy/gateway/cmd/envoy-gateway" },
} as const;

export type GoTool = keyof typeof TOOLS;

/** An API server built without its version refuses to start. */
function linkerFlags(folder: string): string {
  const version = /k8s\.io\/kubernetes (v[\d.]+)/.exec(readFileSync(path.join(folder, "go.mod"), "utf8"))?.[1];
  if (version === undefined) return "-s -w";
  const [major = "", minor = ""] = version.slice(1).split(".");
  const values = {
    gitVersion: version,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "unknown",
    buildDate: "1970-01-01T00:00:00Z",
  };
  const packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  const settings = packages.flatMap((p) => Object.entries(values).map(([name, value]) => `-X ${p}.${name}=${value}`));
  return ["-s -w", ...settings].join(" ");
}

async function build(name: GoTool): Promise<string | undefined> {
  const tool = TOOLS[name];
  const folder = path.join(ROOT, "tools", tool.module);
  try {
    const version = (await run("go", ["version"])).stdout;
    const sums = readFileSync(path.join(folder, "go.sum"));
    const key = createHash("sha256").update(sums).update(version).digest("hex").slice(0, 16);
    const binary = path.join(ROOT, ".cache/go", key, name);
    if (existsSync(binary)) return binary;
    mkdirSync(path.dirname(binary), { recursive: true });
    process.stdout.write(`building ${name} (minutes, the first time)\n`);
    const start = performance.now();
    const fresh = `${binary}.${String(process.pid)}`;
    const args = ["build", "-trimpath", "-ldflags", linkerFlags(folder), "-o", fresh, tool.package];
    await run("go", args, { cwd: folder, env: { ...process.env, CGO_ENABLED: "0" }, maxBuffer: 64 * 1024 * 1024 });
    renameSync(fresh, binary);
    process.stdout.write(`built ${name} in ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
    return binary;
  } catch (error) {
    process.stdout.write(`${name} cannot be built: ${String(error).split("\n").slice(0, 3).join(" ")}\n`);
    return undefined;
  }
}

const building = new Map<GoTool, Promise<string | undefined>>();
/** One at a time: each takes all cores, and up to 2 GiB. */
let last: Promise<unknown> = Promise.resolve();

/** The program's path, or nothing (with the reason printed) where it cannot be built. */
export function goTool(name: GoTool): Promise<string | undefined> {
  const known = building.get(name) ?? last.then(() => build(name));
  building.set(name, known);
  last = known;
  return known;
}

/** The folder of a module's sources, which a tool is built of. */
async function sourcesOf(folder: string, module: string): Promise<string> {
  const { stdout } = await run("go", ["mod", "download", "-json", module], { cwd: path.join(ROOT, "tools", folder) });
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

/** What ingress-nginx' controller reads beside its program: the template of its nginx.conf, and Lua. */
export const ingressNginxFiles = async (): Promise<string> =>
  path.join(await sourcesOf("ingress-nginx", "k8s.io/ingress-nginx"), "rootfs/etc/nginx");

/** Istio's custom resource definitions, from the module that its manifests are made for. */
export const istioCrds = async (): Promise<string> =>
  path.join(await sourcesOf("istio", "istio.io/api"), "kubernetes/customresourcedefinitions.gen.yaml");

/** The Gateway API's, of the Standard channel, in the version that the pinned Istio reads. */
export const gatewayApiCrds = async (): Promise<string> =>
  path.join(await sourcesOf("istio", "sigs.k8s.io/gateway-api"), "config/crd/standard");

/** Envoy Gateway's own. */
export const envoyGatewayCrds = async (): Promise<string> =>
  path.join(
    await sourcesOf("envoy-gateway", "github.com/envoyproxy/gateway"),
    "charts/gateway-helm/charts/crds/crds/generated",
  );

/** The External Secrets operator's definitions, by the sum of its module. */
const EXTERNAL_SECRETS = {
  module: "github.com/external-secrets/external-secrets@v1.3.2",
  sum: "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
  folder: "config/crds/bases",
  files: ["external-secrets.io_clustersecretstores.yaml", "external-secrets.io_externalsecrets.yaml"],
} as const;

/** Of Prometheus' operator. */
const PROMETHEUS_OPERATOR = {
  module: "github.com/prometheus-operator/prometheus-operator@v0.85.0",
  sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
  folder: "example/prometheus-operator-crd",
  files: ["monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"],
} as const;

/** Definitions that stand as files in modules, of which nothing is built. */
export async function otherCrds(): Promise<string[]> {
  const all = [EXTERNAL_SECRETS, PROMETHEUS_OPERATOR].map(async ({ module, sum, folder, files }) => {
    const { stdout } = await run("go", ["mod", "download", "-json", module], { cwd: tmpdir() });
    const { Dir, Sum } = JSON.parse(stdout) as { Dir: string; Sum: string };
    if (Sum !== sum) throw new Error(`${module} has the sum ${Sum}, and ${sum} is the one that we know.`);
    return files.map((file) => path.join(Dir, folder, file));
  });
  return (await Promise.all(all)).flat();
}
