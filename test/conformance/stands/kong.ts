import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { load } from "js-yaml";
import { freePair, freePorts, portOpen, startPart, until } from "../../../lib/conformance/parts/process";
import { wheels } from "../../../lib/conformance/parts/wheels";
import { Around } from "../../../lib/conformance/stands/around";
import { renderFor } from "../../../lib/conformance/stands/nginx";
import { RealStand, type Instance } from "../../../lib/conformance/stands/real-stand";
import { withoutForwarded } from "./without-forwarded";
import type { StandFactory } from "../../../lib/conformance/stands/stand";
import { KONG_PORTS } from "../../../lib/targets/kong/settings";

/**
 * Kong is not to be had in any registry that is reached here, so it has not run. This is nginx, which Kong is built on, as Kong 3.9
 * configures it for one catch-all route without buffering (kong/templates/nginx_kong.lua, kong/runloop/handler.lua, read and
 * written anew): what Kong's own code would put into a variable a map puts there. It shows what becomes of our files and what the
 * filter makes of what comes; not that Kong takes the files, nor what its router does.
 */

interface Declared {
  certificates?: { cert: string; snis: { name: string }[] }[];
  services: [
    {
      host: string;
      port: number;
      connect_timeout: number;
      read_timeout: number;
      write_timeout: number;
      retries: number;
    },
  ];
}

/** `kong.conf` as names and values. */
const settingsIn = (text: string): Map<string, string> =>
  new Map(
    text.split("\n").flatMap((line): [string, string][] => {
      const [, name, value] = /^(\w+) = (.*)$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value]];
    }),
  );

/** Kong's defaults of directives that it injects (kong/templates/kong_defaults.lua). */
const INJECTED = {
  nginx_http_charset: "UTF-8",
  nginx_http_client_max_body_size: "0",
  nginx_http_client_body_buffer_size: "8k",
  nginx_http_keepalive_requests: "10000",
  nginx_proxy_real_ip_header: "X-Real-IP",
  nginx_proxy_real_ip_recursive: "off",
};

interface Ports {
  http: number;
  https: number;
}

function listens(proxyListen: string, ports: Ports): string[] {
  const here = (entry: string): string =>
    entry
      .replace(`0.0.0.0:${String(KONG_PORTS.http)}`, `127.0.0.1:${String(ports.http)}`)
      .replace(`0.0.0.0:${String(KONG_PORTS.https)}`, `127.0.0.1:${String(ports.https)}`)
      .replace(" http2", "");
  return proxyListen.split(", ").map((entry) => `listen ${here(entry)};`);
}

function nginxOfKong(files: ReadonlyMap<string, string>, edge: string, certificates: string, ports: Ports): string {
  const settings = new Map([...Object.entries(INJECTED), ...settingsIn(files.get("kong.conf") ?? "")]);
  const injected = (prefix: string): string[] =>
    [...settings].flatMap(([name, value]) => {
      if (!name.startsWith(prefix)) return [];
      const directive = name.slice(prefix.length);
      return [`${directive} ${directive === "include" ? edge : value};`];
    });
  const { services, certificates: own = [] } = load(files.get("kong.yaml") ?? "") as Declared;
  const [service] = services;
  const secretOf = ({ cert }: { cert: string }): string => cert.slice("{vault://env/tls-crt-".length, -1);
  const shown = ["default .;", ...own.flatMap((c) => c.snis.map(({ name }) => `${name} ${secretOf(c)};`))].join(" ");
  const proxyListen = settings.get("proxy_listen") ?? "";
  const time = (ms: number): string => `${String(ms)}ms`;
  return `
worker_processes 1;
pid nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
  server_tokens off;
  access_log off;
  underscores_in_headers on;
  ${injected("nginx_http_").join("\n  ")}
  # Kong keeps the mark of an empty query, which nginx does not.
  map $request_uri $query { "~\\?$" "?"; default $is_args$args; }
  map $ssl_server_name $certificate { ${shown} }
  map $request_uri $forwarded_path { "~^(?<path>[^?]*)" $path; }
  map $http_x_forwarded_for $forwarded_for { "" $remote_addr; default "$http_x_forwarded_for, $realip_remote_addr"; }
  map $http_upgrade $upstream_upgrade { "~*^websocket$" websocket; }
  map $http_upgrade $upstream_connection { default keep-alive; "~*^websocket$" "keep-alive, Upgrade"; }
  map $http_via $upstream_via { "" "1.1 kong/3.9.1"; default "$http_via, 1.1 kong/3.9.1"; }
  upstream kong_upstream { server ${service.host}:${String(service.port)}; keepalive 64; }
  server {
    server_name kong;
    ${listens(proxyListen, ports).join("\n    ")}
    ${proxyListen.includes("http2") ? "http2 on;" : ""}
    ${proxyListen.includes(" ssl") ? `ssl_certificate ${certificates}/$certificate/tls.crt; ssl_certificate_key ${certificates}/$certificate/tls.key;` : ""}
    ${injected("nginx_proxy_").join("\n    ")}
    location / {
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_connect_timeout ${time(service.connect_timeout)};
      proxy_read_timeout ${time(service.read_timeout)};
      proxy_send_timeout ${time(service.write_timeout)};
      proxy_next_upstream_tries ${String(service.retries + 1)};
      proxy_set_header Via $upstream_via;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $upstream_upgrade;
      proxy_set_header Connection $upstream_connection;
      proxy_set_header X-Forwarded-For $forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Forwarded-Path $forwarded_path;
      proxy_set_header X-Forwarded-Prefix "";
      proxy_set_header X-Real-IP $remote_addr;
      proxy_pass_header Server;
      proxy_pass_header Date;
      # Kong's own path would stand here: the filter must not look at it.
      proxy_pass http://kong_upstream/a-path-of-kongs-own$query;
    }
  }
}
`;
}

export const kongStandIn: StandFactory = async ({ system, environment, replicas }) => {
  const programs = await wheels();
  if (!programs) return { unavailable: "nginx cannot be installed" };
  return Around.with(system, "kong", programs.valkey, async (around) => {
    const instances: Instance[] = [];
    for (let n = 0; n < replicas; n++) {
      const [http = 0, https = 0, filter = 0, through = 0, reports = 0] = await freePorts(5);
      const admin = await freePair();
      const at = { http, https, filter, through, reports, admin };
      const placed = { ...at, certificates: around.certificates };
      const written = renderFor(around, "kong", environment, placed, withoutForwarded);
      const files = new Map(written.map((f) => [path.posix.basename(f.path), f.content]));
      await around.startFilter(files.get("filter.json") ?? "", at);
      const prefix = around.makeDirectory(`kong-${String(n)}`);
      chmodSync(around.directory, 0o755);
      const edge = path.join(prefix, "edge.conf");
      writeFileSync(edge, files.get("edge.conf") ?? "");
      const conf = path.join(prefix, "nginx.conf");
      const tls = around.model.front.tls === "gateway";
      const ports = tls ? { http, https } : { http: https, https: http };
      writeFileSync(conf, nginxOfKong(files, edge, around.certificates, ports));
      const part = startPart(programs.nginx, ["-p", prefix, "-c", conf, "-g", "daemon off;"], {
        logFile: around.logFile(`kong-${String(n)}.log`),
      });
      await until("nginx as Kong configures it", () => portOpen(https), part);
      instances.push({ http, https, stop: () => part.stop() });
    }
    return new RealStand("kong", around, instances);
  });
};
