import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { startPart, temporaryFolder, until, type Part } from "../../lib/conformance/parts/process";
import { goTool, ingressNginxFiles } from "./go-tools";

/**
 * The Kubernetes project's ingress-nginx controller (1.11.0, the newest that Go's proxy has), with Debian's nginx and Lua. Its paths
 * are fixed, so it runs in a mount namespace of its own, and its template is changed where Debian's nginx has not what the image has.
 */

const NGINX = "/usr/sbin/nginx";
const MODULES = "/usr/lib/nginx/modules";
const NEEDED = ["ndk_http_module", "ngx_http_lua_module", "ngx_stream_module", "ngx_http_headers_more_filter_module"];

/**
 * Lua libraries that Debian does not have. One calls endpoints in turn, one locks nothing (the balancer by measured times alone would);
 * the others are loaded by the controller's Lua and never called by what we write.
 */
const STAND_INS: Readonly<Record<string, string>> = {
  roundrobin: `local _M = {}
function _M.new(self, nodes)
  local names = {}
  for name in pairs(nodes) do names[#names + 1] = name end
  table.sort(names)
  return setmetatable({ names = names, at = 0 }, { __index = self })
end
function _M.find(self)
  if #self.names == 0 then return nil end
  self.at = self.at % #self.names + 1
  return self.names[self.at]
end
function _M.reinit(self, nodes) self.names = _M.new(_M, nodes).names end
return _M`,
  lock: `local _M = {}
function _M.new(self) return setmetatable({}, { __index = self }) end
function _M.lock() return 0 end
function _M.unlock() return 1 end
return _M`,
};
const UNUSED = ["chash", "cookie", "dns/resolver", "http", "ipmatcher", "global_throttle"];

/** Replaces what must be there: another version's template is looked at before it is used. */
function replaced(text: string, what: string | RegExp, by: string): string {
  const result = text.replace(what, () => by);
  if (result === text) throw new Error(`The controller's template lacks ${String(what)}.`);
  return result;
}

function template(text: string): string {
  const modules = NEEDED.map((name) => `load_module ${MODULES}/${name}.so;`).join("\n");
  // nginx 1.25's word for HTTP/2; and there is no Lua for TCP, of which we write nothing.
  const stream = "\nstream { server { listen 127.0.0.1:{{ .StreamPort }}; return ''; } }\n";
  return [
    [/^pid .*$/m, `${modules}\npid {{ .PID }};`],
    ["http2 on;", ""],
    [
      'lua_package_path "/etc/nginx/lua/?.lua;;";',
      'lua_package_path "/etc/nginx/lua/?.lua;/etc/nginx/stand-ins/?.lua;;";',
    ],
    [/\nstream \{[\s\S]*?\n\}\n/, stream],
  ].reduce((all, [what, by]) => replaced(all, what as string | RegExp, by as string), text);
}

async function prepare(folder: string): Promise<void> {
  const sources = await ingressNginxFiles();
  mkdirSync(path.join(folder, "template"), { recursive: true });
  cpSync(path.join(sources, "lua"), path.join(folder, "lua"), { recursive: true });
  const text = readFileSync(path.join(sources, "template/nginx.tmpl"), "utf8");
  writeFileSync(path.join(folder, "template/nginx.tmpl"), template(text));
  // What nginx begins with; the controller writes over it.
  writeFileSync(path.join(folder, "nginx.conf"), "daemon off; pid /tmp/nginx/nginx.pid; events {}\n");
  cpSync("/etc/nginx/mime.types", path.join(folder, "mime.types"));
  const standIns = path.join(folder, "stand-ins/resty");
  mkdirSync(path.join(standIns, "dns"), { recursive: true });
  for (const [name, lua] of Object.entries(STAND_INS)) writeFileSync(path.join(standIns, `${name}.lua`), lua);
  for (const name of UNUSED) writeFileSync(path.join(standIns, `${name}.lua`), "return { new = function() end }\n");
}

/** In a namespace where /etc and /tmp are its own; the caller's folder is its /tmp. */
const IN_NAMESPACE = `
mkdir -p "$FOLDER/etc"; mount -t tmpfs tmpfs "$FOLDER/etc"; mkdir "$FOLDER/etc/up" "$FOLDER/etc/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$FOLDER/etc/up,workdir=$FOLDER/etc/work" /etc
mkdir -p /etc/ingress-controller/ssl /etc/ingress-controller/auth /etc/ingress-controller/geoip /etc/ingress-controller/telemetry
mount --bind "$FOLDER/nginx" /etc/nginx
mkdir -p "$FOLDER/tmp/nginx"; mount --bind "$FOLDER/log" /var/log/nginx; mount --bind "$FOLDER/tmp" /tmp
exec "$@"
`;

/** What the controller looks for: its class, its namespace, and itself. */
export const CONTROLLERS_OWN = [
  {
    apiVersion: "networking.k8s.io/v1",
    kind: "IngressClass",
    metadata: { name: "nginx" },
    spec: { controller: "k8s.io/ingress-nginx" },
  },
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "ingress-nginx" } },
  {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "ingress-nginx-0", namespace: "ingress-nginx", labels: { app: "ingress-nginx" } },
    spec: { containers: [{ name: "controller", image: "none" }] },
  },
];

export interface ControllerOptions {
  /** An empty folder of this controller's own. */
  folder: string;
  logFile: string;
  /** Takes nginx' own logs. */
  addLog(file: string): void;
  kubeconfig: string;
  ports: { http: number; https: number; status: number; stream: number; fallback: number; health: number };
  /** The names of all Ingresses that it is to have. */
  ingresses: readonly string[];
}

const inNamespace = (...command: string[]): string[] => [
  ...["--mount", "--propagation", "private", "/bin/sh", "-euc", IN_NAMESPACE, "sh"],
  ...command,
];

/** Whether this machine lets somebody have an /etc of his own. */
async function namespaceToBeHad(): Promise<boolean> {
  const folder = temporaryFolder("gatewright-namespace-");
  for (const name of ["nginx", "log"]) mkdirSync(path.join(folder, name));
  return promisify(execFile)("unshare", inNamespace("true"), { env: { ...process.env, FOLDER: folder } }).then(
    () => true,
    () => false,
  );
}

/** Why the controller cannot be run here, if it cannot. */
export async function lacksIngressNginx(): Promise<string | undefined> {
  const missing = [NGINX, ...NEEDED.map((name) => `${MODULES}/${name}.so`)].filter((file) => !existsSync(file));
  if (missing.length > 0) return `the controller cannot be run: ${missing.join(", ")} is missing`;
  if (!(await namespaceToBeHad())) return "no namespace with an overlay of /etc is to be had here";
  return (await goTool("nginx-ingress-controller")) === undefined ? "the controller cannot be built" : undefined;
}

/** Starts it, and waits until its nginx serves all of the Ingresses. */
export async function startIngressNginx(options: ControllerOptions): Promise<Part> {
  const { folder, logFile, ports } = options;
  await prepare(path.join(folder, "nginx"));
  // Where it is seen from the namespace, wherever this checkout is.
  cpSync((await goTool("nginx-ingress-controller")) as string, path.join(folder, "nginx/controller"));
  for (const name of ["tmp", "log"]) mkdirSync(path.join(folder, name));
  for (const name of ["access.log", "error.log"]) {
    const file = path.join(folder, "log", name);
    writeFileSync(file, "");
    options.addLog(file);
  }
  const kubeconfig = path.join(folder, "tmp/kubeconfig");
  cpSync(options.kubeconfig, kubeconfig);
  const args = [
    "--kubeconfig=/tmp/kubeconfig",
    "--configmap=ingress-nginx/ingress-nginx-controller",
    ...["--ingress-class=nginx", "--controller-class=k8s.io/ingress-nginx"],
    ...["--update-status=false", "--disable-leader-election", "--profiling=false", "--enable-metrics=false"],
    ...["--enable-annotation-validation=true", "--shutdown-grace-period=0", "--post-shutdown-grace-period=0"],
    ...[`--http-port=${String(ports.http)}`, `--https-port=${String(ports.https)}`],
    ...[`--status-port=${String(ports.status)}`, `--stream-port=${String(ports.stream)}`],
    ...[`--default-server-port=${String(ports.fallback)}`, `--healthz-port=${String(ports.health)}`],
  ];
  const env = {
    ...process.env,
    ...{ FOLDER: folder, NGINX_BINARY: NGINX, POD_NAME: "ingress-nginx-0", POD_NAMESPACE: "ingress-nginx" },
  };
  const part = startPart("unshare", inNamespace("/etc/nginx/controller", ...args), { logFile, env });
  const log = (): string => readFileSync(logFile, "utf8");
  const conf = path.join(folder, "nginx/nginx.conf");
  const hasBackends = async (): Promise<boolean> =>
    (await (await fetch(`http://127.0.0.1:${String(ports.status)}/configuration/backends`)).text()).includes(
      "endpoints",
    );
  const isWhole = async (): Promise<boolean> => {
    const text = readFileSync(conf, "utf8");
    const lines = log();
    return (
      options.ingresses.every((name) => text.includes(`$ingress_name   "${name}";`)) &&
      lines.lastIndexOf("Backend successfully reloaded") > lines.lastIndexOf("Configuration changes detected") &&
      (await hasBackends())
    );
  };
  try {
    await until("the controller's nginx.conf", isWhole, part, 60_000);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return part;
}
