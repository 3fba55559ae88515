import type { BackendTls, BackendTlsConfig } from "../policy/kinds/route-shape";
import type { GatewayModel } from "./schema";

/** How services are called by TLS that are; each is asked for by its address's name where none is said. */
export function servicesTls({ services }: GatewayModel): Record<string, BackendTls> {
  const entries = Object.entries(services).flatMap(([name, { address, tls }]) =>
    tls ? [[name, { ...tls, serverName: tls.serverName ?? address.slice(0, address.lastIndexOf(":")) }] as const] : [],
  );
  return Object.fromEntries(entries);
}

/** What a route to these services asks of a target. */
export function backendTlsOf(model: GatewayModel, services: readonly string[]): { backendTls?: BackendTlsConfig } {
  const all = servicesTls(model);
  const backends = Object.fromEntries(services.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
  if (Object.keys(backends).length === 0) return {};
  return { backendTls: { backends, alike: new Set(services.map((name) => JSON.stringify(all[name]))).size === 1 } };
}
