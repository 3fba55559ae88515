import type { Construct } from "constructs";
import {
  DestinationRule,
  DestinationRuleSpecTrafficPolicyPortLevelSettingsConnectionPoolHttpH2UpgradePolicy as H2UpgradePolicy,
  DestinationRuleSpecTrafficPolicyPortLevelSettingsTlsMode as TlsMode,
  type DestinationRuleSpecTrafficPolicyPortLevelSettingsTls as ClientTls,
} from "../../../imports/networking.istio.io";
import type { BackendTls } from "../../policy/kinds/route-shape";
import { addressesOf } from "../../model/service-schema";
import { once } from "../../once";
import type { IstioDraft } from "./draft";
import { duration, metadata, splitAddress } from "./names";

/** Services of the cluster by their namespaces: `name.namespace.svc…`; one at several addresses stands there for each. */
export function clusterServices(draft: IstioDraft): { name: string; namespace: string; host: string }[] {
  const { gateway, model } = draft.input;
  const used = new Set(gateway.hosts.flatMap((h) => h.routes.flatMap((r) => r.backends.map((b) => b.service))));
  return [...used].sort().flatMap((name) => {
    const service = model.services[name];
    return (service ? addressesOf(service) : []).flatMap((address) => {
      const { host } = splitAddress(address);
      const [, namespace, svc] = host.split(".");
      return namespace !== undefined && svc === "svc" ? [{ name, namespace, host }] : [];
    });
  });
}

/** Services of one host, which has one rule for all its ports: of several Istio would heed the first. */
interface Destination {
  host: string;
  namespace: string;
  names: string[];
}

function destinationsOf(draft: IstioDraft): Destination[] {
  const { services, kubernetes } = draft.input.model;
  const found = new Map<string, Destination>();
  const add = (name: string, host: string, namespace: string): void => {
    const known = found.get(host);
    if (known) known.names.push(name);
    else found.set(host, { host, namespace, names: [name] });
  };
  // What is at several addresses is called as a host of its own (joint-backends.ts).
  const atOne = (name: string): boolean => services[name]?.addresses === undefined;
  for (const { name, namespace, host } of clusterServices(draft)) if (atOne(name)) add(name, host, namespace);
  const inCluster = new Set([...found.values()].flatMap(({ names }) => names));
  for (const name of new Set([...draft.backendTls.keys(), ...draft.backendGrpc])) {
    const { host } = splitAddress(services[name]?.address ?? "");
    if (!inCluster.has(name) && atOne(name)) add(name, host, kubernetes.istioGateway.namespace);
  }
  return [...found.values()];
}

/** The shortest first try of each service, in milliseconds; for drafts that are whole. */
const firstTries = once((draft: IstioDraft): ReadonlyMap<string, number> => {
  const found = new Map<string, number>();
  for (const { retries, firstByteMs, route } of [...draft.hosts.values()].flatMap((h) => [...h.routes.values()])) {
    const ms = retries?.perTryMs ?? firstByteMs ?? 10_000;
    for (const { service } of route.backends) found.set(service, Math.min(ms, found.get(service) ?? Infinity));
  }
  return found;
});

/** How long a connection may take: no longer than the shortest first try. */
export const connectTimeout = (draft: IstioDraft, names: readonly string[]): string =>
  duration(Math.min(...names.map((name) => firstTries(draft).get(name) ?? Infinity)));

/**
 * How services are called. What is said of TLS is said to the gateway alone: whoever else calls such a service, the filter among
 * them, speaks TLS himself, and a sidecar would wrap that once more.
 */
export function destinationRules(scope: Construct, draft: IstioDraft): void {
  const { model, gateway } = draft.input;
  const { labels } = metadata(draft, "");
  const { istioGateway } = model.kubernetes;
  for (const { host, namespace, names } of destinationsOf(draft)) {
    const connectionPool = { tcp: { connectTimeout: connectTimeout(draft, names) } };
    const portLevelSettings = names.flatMap((name) => {
      const tls = draft.backendTls.get(name);
      const grpc = draft.backendGrpc.has(name);
      const { port } = splitAddress(model.services[name]?.address ?? "");
      const pool = { ...connectionPool, ...(grpc && { http: { h2UpgradePolicy: H2UpgradePolicy.UPGRADE } }) };
      return tls || grpc ? [{ port: { number: port }, connectionPool: pool, ...(tls && { tls: clientTls(tls) }) }] : [];
    });
    const byTls = names.some((name) => draft.backendTls.has(name));
    const [first = ""] = names;
    new DestinationRule(scope, `destination-${first}`, {
      metadata: { name: `${gateway.system}-${first}`, namespace: byTls ? istioGateway.namespace : namespace, labels },
      spec: {
        host,
        ...(byTls && { exportTo: ["."], workloadSelector: { matchLabels: istioGateway.labels } }),
        trafficPolicy: { connectionPool, ...(portLevelSettings.length > 0 && { portLevelSettings }) },
      },
    });
  }
}

/** Secrets are given to gateways alone, by their name (Istio: `credentialName`); one has authorities and certificate. */
function clientTls({ serverName, ca, clientCertificate }: BackendTls): ClientTls {
  const credentialName = clientCertificate ?? ca;
  return {
    mode: clientCertificate === undefined ? TlsMode.SIMPLE : TlsMode.MUTUAL,
    sni: serverName,
    subjectAltNames: [serverName],
    ...(credentialName !== undefined && { credentialName }),
  };
}

