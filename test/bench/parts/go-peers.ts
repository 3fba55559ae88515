import path from "node:path";
import { pythonPackages } from "../../parts/python-packages";
import { CORES } from "./cores";
import type { Server } from "./servers";
import type { Stage } from "./stage";

/** Gateways in Go that ask the filter's door as their own users would ask an authorization service. */

async function program(name: "traefik" | "caddy"): Promise<string> {
  const folder = await pythonPackages(name);
  if (typeof folder !== "string") throw new Error(folder.unavailable);
  return path.join(folder, "bin", name);
}

interface Ports {
  listen: number;
  upstream: number;
  door: number;
}

/** What the door is told of every request: they are all the same here, and neither can say more without a plugin. */
const told = (target: string, route = target.split("/")[1] ?? ""): Readonly<Record<string, string>> => ({
  "X-Gateway-Method": "GET",
  "X-Gateway-Target": target,
  "X-Gateway-Client": "127.0.0.1",
  "X-Gateway-Route": route,
});

const ONE_CORE = { GOMAXPROCS: "1" };

/** Traefik with ForwardAuth (https://doc.traefik.io/traefik/middlewares/http/forwardauth/). */
export async function startTraefik({ servers }: Stage, ports: Ports, target: string): Promise<Server> {
  const dynamic = {
    http: {
      routers: { all: { rule: "PathPrefix(`/`)", service: "orders", middlewares: ["told", "door"] } },
      middlewares: {
        told: { headers: { customRequestHeaders: told(target) } },
        door: {
          forwardAuth: {
            address: `http://localhost:${String(ports.door)}/door/nginx`,
            authResponseHeaders: ["X-User-Id"],
          },
        },
      },
      services: { orders: { loadBalancer: { servers: [{ url: `http://127.0.0.1:${String(ports.upstream)}` }] } } },
    },
  };
  const file = servers.file("traefik-dynamic.yaml", JSON.stringify(dynamic));
  const args = [
    `--entrypoints.web.address=127.0.0.1:${String(ports.listen)}`,
    `--providers.file.filename=${file}`,
    ...["--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=ERROR"],
  ];
  return servers.start("traefik", CORES.server, [await program("traefik"), ...args], {
    port: ports.listen,
    env: ONE_CORE,
  });
}

/** Caddy with forward_auth (https://caddyserver.com/docs/caddyfile/directives/forward_auth). */
export async function startCaddy({ servers }: Stage, ports: Ports, target: string): Promise<Server> {
  const headers = Object.entries(told(target)).map(([name, value]) => `header_up ${name} "${value}"`);
  const file = servers.file(
    "Caddyfile",
    `{
	admin off
	auto_https off
}
http://:${String(ports.listen)} {
	bind 127.0.0.1
	forward_auth 127.0.0.1:${String(ports.door)} {
		uri /door/nginx?
		copy_headers X-User-Id
		${headers.join("\n\t\t")}
	}
	reverse_proxy 127.0.0.1:${String(ports.upstream)}
}
`,
  );
  const command = [await program("caddy"), "run", "--adapter", "caddyfile", "--config", file] as const;
  return servers.start("caddy", CORES.server, [...command], {
    port: ports.listen,
    env: { ...ONE_CORE, XDG_DATA_HOME: servers.directory, XDG_CONFIG_HOME: servers.directory },
  });
}
