import type { RawBackend, Say } from "./gateway-api-filters";
import { specOf, type KubernetesObject } from "./objects";
import { keep, nameOf, type ImportedService } from "./services";

/** Services that routes of the Gateway API name, and how they are called by TLS. */

interface ServiceSpec {
  type?: string;
  clusterIP?: string;
  externalName?: string;
  ports?: { port: number; targetPort?: number | string }[];
}

interface Grant {
  from?: { group?: string; kind?: string; namespace?: string }[];
  to?: { group?: string; kind?: string; name?: string }[];
}

interface TlsPolicy {
  targetRefs?: { name?: string; sectionName?: string }[];
  validation?: {
    hostname?: string;
    caCertificateRefs?: { kind?: string; name?: string }[];
    subjectAltNames?: object[];
  };
}

export class BackendTable {
  readonly services = new Map<string, ImportedService>();
  readonly #tls: { service: string; tls: ImportedService["tls"] }[] = [];

  constructor(
    private readonly objects: readonly KubernetesObject[],
    say: (object: KubernetesObject) => Say,
  ) {
    for (const object of objects.filter(({ kind }) => kind === "BackendTLSPolicy")) this.#policy(object, say(object));
  }

  /** The name under which a backend is called; nothing where it is not to be called. */
  add(route: KubernetesObject, ref: RawBackend, say: Say): string | undefined {
    const { group = "", kind = "Service", name, namespace = route.namespace, port, filters } = ref;
    if (group !== "" || kind !== "Service" || port === undefined) {
      say("lost", "backendRefs", `${kind} ${name} is no Service with a port`);
      return undefined;
    }
    if (namespace !== route.namespace && !this.#isGranted(route, namespace, name)) {
      say("lost", "backendRefs", `no ReferenceGrant among the files lets it ask ${namespace}/${name}`);
      return undefined;
    }
    if (filters?.length) say("lost", "backendRefs", `filters of ${name} alone are not taken`);
    const found = this.objects.find((o) => o.kind === "Service" && o.namespace === namespace && o.name === name);
    const spec = found && (specOf(found) as ServiceSpec);
    const target = spec?.ports?.find((one) => one.port === port)?.targetPort;
    const own = spec?.clusterIP === "None" && typeof target === "number" ? target : port;
    const host = spec?.type === "ExternalName" ? spec.externalName : undefined;
    const full = `${name}.${namespace}.svc.cluster.local`;
    const tls = this.#tls.find(({ service }) => service === full)?.tls;
    const service: ImportedService = {
      address: `${host ?? full}:${String(own)}`,
      ...(route.kind === "GRPCRoute" && { protocol: "grpc" as const }),
      ...(tls && { tls }),
    };
    return keep(this.services, nameOf(namespace, name, String(port)), service);
  }

  #isGranted(route: KubernetesObject, namespace: string, name: string): boolean {
    return this.objects
      .filter((o) => o.kind === "ReferenceGrant" && o.namespace === namespace)
      .some((object) => {
        const { from = [], to = [] } = specOf(object) as Grant;
        return (
          from.some((one) => one.kind === route.kind && one.namespace === route.namespace) &&
          to.some((one) => one.kind === "Service" && (one.name === undefined || one.name === name))
        );
      });
  }

  #policy(object: KubernetesObject, say: Say): void {
    const { targetRefs = [], validation = {} } = specOf(object) as TlsPolicy;
    const { hostname, caCertificateRefs = [], subjectAltNames } = validation;
    if (subjectAltNames) say("lost", "subjectAltNames", "a certificate is known by its host name");
    const [ca, ...others] = caCertificateRefs.map(({ name }) => name);
    if (others.length > 0) say("lost", "caCertificateRefs", "one authority is taken, the first");
    if (ca !== undefined)
      say(
        "changed",
        "caCertificateRefs",
        `the authority is read from a Secret ${ca} with ca.crt, not from a ConfigMap`,
      );
    for (const { name = "", sectionName } of targetRefs) {
      const service = `${name}.${object.namespace}.svc.cluster.local`;
      if (sectionName !== undefined) say("changed", "targetRefs", `every port of ${name} is called by TLS`);
      if (this.#tls.some((one) => one.service === service)) say("lost", "targetRefs", `${name} has a policy already`);
      else
        this.#tls.push({
          service,
          tls: { ...(hostname !== undefined && { serverName: hostname }), ...(ca !== undefined && { ca }) },
        });
    }
  }
}
