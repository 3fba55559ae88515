import type {
  BackendAddressesConfig,
  BackendGrpcConfig,
  BackendTls,
  BackendTlsConfig,
} from "../policy/kinds/route-shape";
import type { SeveralAddresses } from "../decision/filter-plan";
import { once } from "../once";
import type { GatewayModel } from "./schema";
import { health } from "./service-schema";

/** How services are called by TLS that are; each is asked for by its address's name where none is said. */
export const servicesTls = once(({ services }: GatewayModel): Record<string, BackendTls> => {
  const entries = Object.entries(services).flatMap(([name, { address, tls }]) =>
    tls ? [[name, { ...tls, serverName: tls.serverName ?? address.slice(0, address.lastIndexOf(":")) }] as const] : [],
  );
  return Object.fromEntries(entries);
});

/** Where services are that are at several addresses. */
export function servicesSeveral({ services }: GatewayModel): Record<string, SeveralAddresses> {
  const entries = Object.entries(services).flatMap(([name, { addresses, health: own }]) => {
    if (!addresses) return [];
    const { failures, ejectionTime } = own ?? health.parse({});
    return [[name, { addresses, failures, ejectionMs: ejectionTime }] as const];
  });
  return Object.fromEntries(entries);
}

/** What a route to these services asks of a target: TLS. */
export function backendTlsOf(model: GatewayModel, services: readonly string[]): { backendTls?: BackendTlsConfig } {
  const all = servicesTls(model);
  const backends = Object.fromEntries(services.flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
  if (Object.keys(backends).length === 0) return {};
  return { backendTls: { backends, alike: new Set(services.map((name) => JSON.stringify(all[name]))).size === 1 } };
}

/** What a route to these services asks of a target where some are at several addresses. */
export function backendAddressesOf(
  { services }: GatewayModel,
  names: readonly string[],
  triesOthers: boolean,
): { backendAddresses?: BackendAddressesConfig } {
  const several = names.filter((name) => services[name]?.addresses);
  if (several.length === 0) return {};
  return { backendAddresses: { byTls: several.some((name) => services[name]?.tls !== undefined), triesOthers } };
}

/** nginx has a table of one size for the names of headers of gRPC (ngx_http_grpc_module): a longer one does not fit. */
const LONGEST_NAME = 46;

interface GrpcRoute {
  /** Its tries, and whether it takes methods that are tried again. */
  tries: number;
  idempotent: boolean;
  /** Names of headers that the gateway sets or drops. */
  headers: readonly string[];
}

/** And gRPC. */
export function backendGrpcOf(
  model: GatewayModel,
  services: readonly string[],
  { tries, idempotent, headers }: GrpcRoute,
): { backendGrpc?: BackendGrpcConfig } {
  const speaking = services.filter((name) => model.services[name]?.protocol === "grpc");
  if (speaking.length === 0) return {};
  return {
    backendGrpc: {
      ...{ services: speaking, alike: speaking.length === services.length },
      ...{ tries: tries > 1 && idempotent, longNames: headers.some((n) => n.length > LONGEST_NAME) },
    },
  };
}

/** Two services of one address of which one is called otherwise than the other: a mesh knows an address by one way. */
export function calledTwoWays({ services }: GatewayModel, used: readonly string[]): [string, string] | undefined {
  const ways = new Map<string, string>();
  for (const name of used) {
    const { address = "", addresses, protocol, tls } = services[name] ?? {};
    // Several addresses are a host of their own.
    if (addresses) continue;
    const other = ways.get(address);
    const way = JSON.stringify([protocol, tls]);
    if (other === undefined) ways.set(address, name);
    else if (JSON.stringify([services[other]?.protocol, services[other]?.tls]) !== way) return [other, name];
  }
  return undefined;
}
