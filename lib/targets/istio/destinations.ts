import type { Construct } from "constructs";
import {
  DestinationRule,
  DestinationRuleSpecTrafficPolicyPortLevelSettingsTlsMode as TlsMode,
  type DestinationRuleSpecTrafficPolicyPortLevelSettingsTls as ClientTls,
} from "../../../imports/networking.istio.io";
import type { BackendTls } from "../../policy/kinds/route-shape";
import type { IstioDraft } from "./draft";
import { duration, metadata, splitAddress } from "./names";

/** Services of the cluster by their namespaces: `name.namespace.svc…`. */
export function clusterServices(draft: IstioDraft): { name: string; namespace: string; host: string }[] {
  const { gateway, model } = draft.input;
  const used = new Set(gateway.hosts.flatMap((h) => h.routes.flatMap((r) => r.backends.map((b) => b.service))));
  return [...used].sort().flatMap((name) => {
    const { host } = splitAddress(model.services[name]?.address ?? "");
    const [, namespace, svc] = host.split(".");
    return namespace !== undefined && svc === "svc" ? [{ name, namespace, host }] : [];
  });
}

/** How services are called: those of the cluster within a first try's time, and by TLS those that speak it themselves. */
export function destinationRules(scope: Construct, draft: IstioDraft): void {
  const { model, gateway } = draft.input;
  const labels = metadata(draft, "").labels;
  const inCluster = clusterServices(draft);
  const outside = [...draft.backendTls.keys()]
    .filter((name) => !inCluster.some((s) => s.name === name))
    .map((name) => ({ name, namespace: model.kubernetes.istioGateway.namespace, host: splitAddress(model.services[name]?.address ?? "").host }));
  for (const { name, namespace, host } of [...inCluster, ...outside]) {
    const firstTries = [...draft.hosts.values()].flatMap((h) =>
      [...h.routes.values()]
        .filter((r) => r.route.backends.some((b) => b.service === name))
        .map((r) => r.retries?.perTryMs ?? r.firstByteMs ?? 10_000),
    );
    const connectionPool = { tcp: { connectTimeout: duration(Math.min(...firstTries)) } };
    const { port } = splitAddress(model.services[name]?.address ?? "");
    const tls = draft.backendTls.get(name);
    const byTls = tls && { portLevelSettings: [{ port: { number: port }, connectionPool, tls: clientTls(tls) }] };
    new DestinationRule(scope, `destination-${name}`, {
      metadata: { name: `${gateway.system}-${name}`, namespace, labels },
      spec: { host, trafficPolicy: { connectionPool, ...byTls } },
    });
  }
}

/** Secrets are given to gateways alone, by their name (Istio: `credentialName`). */
function clientTls({ serverName, ca, clientCertificate }: BackendTls): ClientTls {
  const credentialName = clientCertificate ?? ca;
  return {
    mode: clientCertificate === undefined ? TlsMode.SIMPLE : TlsMode.MUTUAL,
    sni: serverName,
    subjectAltNames: [serverName],
    ...(credentialName !== undefined && { credentialName }),
  };
}

