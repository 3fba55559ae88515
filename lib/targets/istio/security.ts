import { JsonPatch } from "cdk8s";
import type { Construct } from "constructs";
import {
  AuthorizationPolicy,
  AuthorizationPolicySpecAction,
  PeerAuthentication,
  PeerAuthenticationSpecMtlsMode,
  RequestAuthentication,
} from "../../../imports/security.istio.io";
import { DestinationRule } from "../../../imports/networking.istio.io";
import { Telemetry } from "../../../imports/telemetry.istio.io";
import { hasDoor, type IstioDraft } from "./draft";
import { claimMembers } from "../../policy/claims";
import { duration, metadata, providerName, splitAddress } from "./names";

/**
 * Every port asks the door: one that nobody thought of is refused, not open. What needs nobody's word (open routes, and the
 * plain port's redirects) says so itself, by its name.
 */
export function doorPolicy(scope: Construct, draft: IstioDraft): void {
  if (!hasDoor(draft)) return;
  new AuthorizationPolicy(scope, "door", {
    metadata: metadata(draft, "door"),
    spec: {
      selector: { matchLabels: draft.input.model.kubernetes.istioGateway.labels },
      action: AuthorizationPolicySpecAction.CUSTOM,
      provider: { name: providerName(draft) },
      rules: [{}],
    },
  });
}

export function requestAuthentication(scope: Construct, draft: IstioDraft): void {
  const { issuers, kubernetes } = draft.input.model;
  const claimHeaders = new Map(
    [...draft.hosts.values()].flatMap((h) => [...h.routes.values()].flatMap((r) => Object.entries(r.claimHeaders ?? {}))),
  );
  const rules = [...draft.issuers.values()].map((rules) => ({
    ...(rules.issuer !== undefined && { issuer: rules.issuer }),
    ...(rules.audiences.length > 0 && { audiences: [...rules.audiences] }),
    jwksUri: issuers[rules.name]?.jwks?.url ?? "",
    forwardOriginalToken: true,
    // Without this Istio would take a token from the query as well.
    fromHeaders: [{ name: "Authorization", prefix: "Bearer " }],
    ...(claimHeaders.size > 0 && {
      outputClaimToHeaders: [...claimHeaders.entries()].map(([header, claim]) => ({ header, claim: claimMembers(claim).join(".") })),
    }),
  }));
  if (rules.length === 0) return;
  const manifest = new RequestAuthentication(scope, "tokens", {
    metadata: metadata(draft, "tokens"),
    spec: { selector: { matchLabels: kubernetes.istioGateway.labels }, jwtRules: rules },
  });
  // The CRD has two spellings of this field, and the import has kept the older one.
  rules.forEach(({ jwksUri }, i) => {
    const at = `/spec/jwtRules/${String(i)}`;
    manifest.addJsonPatch(JsonPatch.remove(`${at}/jwks_uri`), JsonPatch.add(`${at}/jwksUri`, jwksUri));
  });
}

/** Services of the cluster by their namespaces: `name.namespace.svc…`. */
function clusterServices(draft: IstioDraft): { name: string; namespace: string; host: string }[] {
  const { gateway, model } = draft.input;
  const used = new Set(gateway.hosts.flatMap((h) => h.routes.flatMap((r) => r.backends.map((b) => b.service))));
  return [...used].sort().flatMap((name) => {
    const { host } = splitAddress(model.services[name]?.address ?? "");
    const [, namespace, svc] = host.split(".");
    return namespace !== undefined && svc === "svc" ? [{ name, namespace, host }] : [];
  });
}

export function meshPolicies(scope: Construct, draft: IstioDraft): void {
  const services = clusterServices(draft);
  const labels = metadata(draft, "").labels;
  for (const namespace of new Set(services.map((s) => s.namespace))) {
    new PeerAuthentication(scope, `mtls-${namespace}`, {
      metadata: { name: `${draft.input.gateway.system}-mtls`, namespace, labels },
      spec: { mtls: { mode: PeerAuthenticationSpecMtlsMode.STRICT } },
    });
  }
  for (const { name, namespace, host } of services) {
    const firstTries = [...draft.hosts.values()].flatMap((h) =>
      [...h.routes.values()]
        .filter((r) => r.route.backends.some((b) => b.service === name))
        .map((r) => r.retries?.perTryMs ?? r.firstByteMs ?? 10_000),
    );
    new DestinationRule(scope, `destination-${name}`, {
      metadata: { name: `${draft.input.gateway.system}-${name}`, namespace, labels },
      spec: { host, trafficPolicy: { connectionPool: { tcp: { connectTimeout: duration(Math.min(...firstTries)) } } } },
    });
  }
}

export function telemetry(scope: Construct, draft: IstioDraft): void {
  if (![...draft.hosts.values()].some((h) => h.log)) return;
  new Telemetry(scope, "access-log", {
    metadata: metadata(draft, "access-log"),
    spec: {
      selector: { matchLabels: draft.input.model.kubernetes.istioGateway.labels },
      accessLogging: [{ providers: [{ name: "envoy" }] }],
    },
  });
}
