import { createHash } from "node:crypto";
import type { Construct } from "constructs";
import {
  DestinationRule,
  DestinationRuleSpecTrafficPolicyConnectionPoolHttpH2UpgradePolicy as H2UpgradePolicy,
  DestinationRuleSpecTrafficPolicyLoadBalancerSimple as Balance,
  type DestinationRuleSpecTrafficPolicyOutlierDetection as OutlierDetection,
  DestinationRuleSpecTrafficPolicyTlsMode as TlsMode,
  ServiceEntry,
  ServiceEntrySpecLocation,
  ServiceEntrySpecResolution,
} from "../../../imports/networking.istio.io";
import type { SeveralAddresses } from "../../decision/filter-plan";
import { servicesSeveral } from "../../model";
import type { WeightsConfig } from "../../policy/kinds/route-shape";
import { connectTimeout } from "./destinations";
import type { IstioDraft } from "./draft";
import { duration, metadata, splitAddress } from "./names";

/**
 * Services that share a route whose tries go on at the others, and addresses of one service, are endpoints of one host: Istio
 * tries again at an endpoint that has not been tried (`previous_hosts`), and among several destinations of a route it stays with
 * the one that was chosen.
 */

export type Backends = WeightsConfig["backends"];

const used = (backends: Backends): Backends => backends.filter(({ weight }) => weight > 0);

/** A label of a domain name is no longer (RFC 1035 section 2.3.4). */
const LONGEST = 63;

function nameOf(backends: Backends): string {
  const name = used(backends).map(({ service, weight }) => `${service}-${String(weight)}`).join("-or-");
  if (name.length <= LONGEST) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${name.slice(0, LONGEST - digest.length - 1)}-${digest}`;
}

/** The port of the hosts that stand for others. */
export const JOINT_PORT = 80;

/** The host that stands for all of them. */
export const jointHost = (draft: IstioDraft, backends: Backends): { host: string; port: number } => ({
  host: `${nameOf(backends)}.${draft.input.gateway.system}.internal`,
  port: JOINT_PORT,
});

/** Where a service is called: several addresses are one host. */
export function destinationOf({ input: { model, gateway } }: IstioDraft, service: string): { host: string; port: number } {
  const { address = "", addresses } = model.services[service] ?? {};
  return addresses ? { host: `${service}.services.${gateway.system}.internal`, port: JOINT_PORT } : splitAddress(address);
}

interface Joint {
  name: string;
  host: string;
  services: string[];
  endpoints: { address: string; weight?: number }[];
  outlierDetection?: OutlierDetection;
}

/** Services of routes that are not called by one address alone. */
export function joints(draft: IstioDraft): Joint[] {
  const { services } = draft.input.model;
  const routes = [...draft.hosts.values()].flatMap((h) => [...h.routes.values()]);
  const all = routes.flatMap(({ joint }) => (joint ? [joint] : []));
  const ofRoutes = [...new Map(all.map((joint) => [nameOf(joint), used(joint)]))].map(([name, backends]): Joint => ({
    name,
    host: jointHost(draft, backends).host,
    services: backends.map(({ service }) => service),
    endpoints: backends.map(({ service, weight }) => ({ address: services[service]?.address ?? "", weight })),
  }));
  const called = routes.filter((r) => r.takesTurns).flatMap(({ route }) => route.backends.map(({ service }) => service));
  const ofServices = Object.entries(servicesSeveral(draft.input.model))
    .filter(([service]) => called.includes(service))
    .map(([service, several]): Joint => ({
      // No service has a name with a dot.
      name: `${service}.addresses`,
      host: destinationOf(draft, service).host,
      services: [service],
      endpoints: several.addresses.map((address) => ({ address })),
      outlierDetection: ejection(several),
    }));
  return [...ofRoutes, ...ofServices];
}

/** Connections that broke count among gateway errors alone: apart (`splitExternalLocalOriginErrors`), each that opens ends the row. */
const ejection = ({ addresses, failures, ejectionMs }: SeveralAddresses): OutlierDetection => ({
  consecutiveGatewayErrors: failures,
  consecutive5XxErrors: 0,
  interval: "1s",
  baseEjectionTime: duration(ejectionMs),
  // One always stays: without any, Envoy would answer for the service itself.
  maxEjectionPercent: Math.floor((100 * (addresses.length - 1)) / addresses.length),
});

export function jointBackends(scope: Construct, draft: IstioDraft): void {
  const { services: known, kubernetes } = draft.input.model;
  for (const { name, host, services, endpoints, outlierDetection } of joints(draft)) {
    const grpc = services.every((service) => draft.backendGrpc.has(service));
    const protocol = grpc ? "grpc" : "http";
    new ServiceEntry(scope, name, {
      metadata: metadata(draft, name),
      spec: {
        hosts: [host],
        exportTo: ["."],
        location: ServiceEntrySpecLocation.MESH_UNDERSCORE_EXTERNAL,
        resolution: ServiceEntrySpecResolution.DNS,
        ports: [{ number: JOINT_PORT, name: protocol, protocol: protocol.toUpperCase() }],
        endpoints: endpoints.map(({ address: at, ...weight }) => {
          const { host: address, port } = splitAddress(at);
          return { address, ports: { [protocol]: port }, ...weight };
        }),
      },
    });
    // Istio does not know whose pods these are, and speaks mutual TLS of itself with none; outside of the cluster nobody does.
    const inMesh = endpoints.every(({ address }) => splitAddress(address).host.split(".")[2] === "svc");
    const mutual = inMesh && (kubernetes.mtls === "strict" || services.some((service) => known[service]?.workload));
    new DestinationRule(scope, `destination-${name}`, {
      metadata: metadata(draft, name),
      spec: {
        host,
        exportTo: ["."],
        trafficPolicy: {
          connectionPool: {
            tcp: { connectTimeout: connectTimeout(draft, services) },
            ...(grpc && { http: { h2UpgradePolicy: H2UpgradePolicy.UPGRADE } }),
          },
          loadBalancer: { simple: Balance.ROUND_UNDERSCORE_ROBIN },
          ...(outlierDetection && { outlierDetection }),
          ...(mutual && { tls: { mode: TlsMode.ISTIO_UNDERSCORE_MUTUAL } }),
        },
      },
    });
  }
}
