import type { Annotated } from "./annotated";
import type { KubernetesObject } from "./objects";

/** Services that Ingresses name, as the model calls them. */

export interface BackendRef {
  name?: string;
  port?: { number?: number; name?: string };
}

interface ServiceSpec {
  type?: string;
  clusterIP?: string;
  externalName?: string;
  ports?: { name?: string; port: number; targetPort?: number | string }[];
}

export interface ImportedService {
  address: string;
  protocol?: "grpc";
  tls?: Record<string, string>;
}

/** Names of the model: small letters, digits, hyphens, 63 at most. */
export const nameOf = (...words: string[]): string =>
  words
    .join("-")
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^[^a-z]+|-+$/g, "")
    .slice(0, 63)
    .replace(/-+$/, "") || "service";

/** The name under which it is kept: one for each way of calling, since one port may be spoken to in two. */
export function keep(services: Map<string, ImportedService>, wanted: string, service: ImportedService): string {
  for (let n = 1; ; n++) {
    const key = n === 1 ? wanted : `${wanted.slice(0, 60)}-${String(n)}`;
    const known = services.get(key);
    if (known && JSON.stringify(known) !== JSON.stringify(service)) continue;
    services.set(key, service);
    return key;
  }
}

export class ServiceTable {
  readonly services = new Map<string, ImportedService>();

  constructor(private readonly objects: readonly KubernetesObject[]) {}

  /** The name under which a backend is called; nothing where it cannot be told. */
  add(a: Annotated, { name, port = {} }: BackendRef): string | undefined {
    if (name === undefined) {
      a.note("lost", "backend", "a backend that is no Service has no address");
      return undefined;
    }
    const { namespace } = a.object;
    const found = this.objects.find((o) => o.kind === "Service" && o.namespace === namespace && o.name === name);
    const spec = found?.body["spec"] as ServiceSpec | undefined;
    const entry = spec?.ports?.find((p) => (port.name === undefined ? p.port === port.number : p.name === port.name));
    const number = port.number ?? entry?.port;
    if (number === undefined) {
      a.note("lost", "port", `port "${port.name ?? ""}" of ${name} has no number: add its Service to the files`);
      return undefined;
    }
    const headless = spec?.clusterIP === "None" && typeof entry?.targetPort === "number";
    const host = spec?.type === "ExternalName" ? spec.externalName : undefined;
    const address = `${host ?? `${name}.${namespace}.svc.cluster.local`}:${String(headless ? entry.targetPort : number)}`;
    const service: ImportedService = { address, ...this.#protocol(a) };
    return keep(this.services, nameOf(namespace, name, String(number)), service);
  }

  #protocol(a: Annotated): Omit<ImportedService, "address"> {
    const protocol = a.text("backend-protocol")?.toUpperCase() ?? "HTTP";
    if (!["HTTP", "HTTPS", "GRPC", "GRPCS"].includes(protocol))
      a.note("lost", "backend-protocol", `${protocol} is not spoken to services`);
    const grpc = protocol.startsWith("GRPC") && { protocol: "grpc" as const };
    if (!/^(HTTPS|GRPCS)$/.test(protocol)) return { ...grpc };
    const secret = a.text("proxy-ssl-secret")?.split("/").pop();
    const serverName = a.text("proxy-ssl-name");
    if (a.text("proxy-ssl-verify") !== "on" || secret === undefined)
      a.note(
        "changed",
        "backend-protocol",
        "the service's certificate was not verified, and is now: one that is not trusted is 502",
      );
    const tls = {
      ...(serverName !== undefined && { serverName }),
      ...(secret !== undefined && { ca: secret, clientCertificate: secret }),
    };
    return { ...grpc, tls };
  }
}
