import { createHash } from "node:crypto";
import type { Construct } from "constructs";
import {
  DestinationRule,
  DestinationRuleSpecTrafficPolicyLoadBalancerSimple as Balance,
  DestinationRuleSpecTrafficPolicyTlsMode as TlsMode,
  ServiceEntry,
  ServiceEntrySpecLocation,
  ServiceEntrySpecResolution,
} from "../../../imports/networking.istio.io";
import type { WeightsConfig } from "../../policy/kinds/route-shape";
import { connectTimeout } from "./destinations";
import type { IstioDraft } from "./draft";
import { metadata, splitAddress } from "./names";

/**
 * Services that share a route whose tries go on at the others are endpoints of one host: Istio tries again at an endpoint that
 * has not been tried (`previous_hosts`), and among several destinations of a route it stays with the one that was chosen.
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

/** The host that stands for all of them, on port 80. */
export const jointHost = (draft: IstioDraft, backends: Backends): string =>
  `${nameOf(backends)}.${draft.input.gateway.system}.internal`;

export function jointBackends(scope: Construct, draft: IstioDraft): void {
  const { services, kubernetes } = draft.input.model;
  const all = [...draft.hosts.values()].flatMap(({ routes }) => [...routes.values()].flatMap(({ joint }) => (joint ? [joint] : [])));
  for (const [name, backends] of new Map(all.map((joint) => [nameOf(joint), used(joint)]))) {
    const addresses = backends.map(({ service, weight }) => ({ ...splitAddress(services[service]?.address ?? ""), weight }));
    new ServiceEntry(scope, name, {
      metadata: metadata(draft, name),
      spec: {
        hosts: [jointHost(draft, backends)],
        exportTo: ["."],
        location: ServiceEntrySpecLocation.MESH_UNDERSCORE_EXTERNAL,
        resolution: ServiceEntrySpecResolution.DNS,
        ports: [{ number: 80, name: "http", protocol: "HTTP" }],
        endpoints: addresses.map(({ host, port, weight }) => ({ address: host, ports: { http: port }, weight })),
      },
    });
    // Istio does not know whose pods these are, and speaks mutual TLS of itself with none.
    const mutual = kubernetes.mtls === "strict" || backends.some(({ service }) => services[service]?.workload);
    new DestinationRule(scope, `destination-${name}`, {
      metadata: metadata(draft, name),
      spec: {
        host: jointHost(draft, backends),
        exportTo: ["."],
        trafficPolicy: {
          connectionPool: { tcp: { connectTimeout: connectTimeout(draft, backends.map(({ service }) => service)) } },
          loadBalancer: { simple: Balance.ROUND_UNDERSCORE_ROBIN },
          ...(mutual && { tls: { mode: TlsMode.ISTIO_UNDERSCORE_MUTUAL } }),
        },
      },
    });
  }
}
