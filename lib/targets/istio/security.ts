import { JsonPatch } from "cdk8s";
import type { Construct } from "constructs";
import {
  AuthorizationPolicy,
  AuthorizationPolicySpecAction,
  type AuthorizationPolicySpecRules,
  PeerAuthentication,
  PeerAuthenticationSpecMtlsMode,
  RequestAuthentication,
} from "../../../imports/security.istio.io";
import { Telemetry } from "../../../imports/telemetry.istio.io";
import { workloadOf } from "../../model";
import type { Place } from "../../plan";
import { clusterServices, destinationRules } from "./destinations";
import { hasDoor, type IstioDraft } from "./draft";
import { againRules } from "./second-check";
import { claimMembers } from "../../identity/claims";
import { metadata, providerName, splitAddress } from "./names";

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
  const own = [...draft.issuers.values()].map((rules) => ({
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
  const rules = [...own, ...againRules(draft)];
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

/** Who may call the filter, and services that say who calls them: the others of a namespace may not speak in the gateway's name. */
export function callerPolicies(scope: Construct, draft: IstioDraft): void {
  const { gateway, model, plan } = draft.input;
  const { trustDomain, istioGateway } = model.kubernetes;
  const principal = (namespace: string, account: string): string => `${trustDomain}/ns/${namespace}/sa/${account}`;
  const proxy = principal(istioGateway.namespace, istioGateway.serviceAccount);
  const { labels } = metadata(draft, "");
  const allow = (id: string, namespace: string, matchLabels: Record<string, string>, rules: AuthorizationPolicySpecRules[]): void => {
    new AuthorizationPolicy(scope, id, {
      metadata: { name: `${gateway.system}-${id}`, namespace, labels },
      spec: { selector: { matchLabels }, action: AuthorizationPolicySpecAction.ALLOW, rules },
    });
  };
  const places = new Set(plan.placements.map(({ place }) => place));
  const filter = workloadOf(model, false);
  const ports = {
    "ext-auth": splitAddress(model.filter.address).port,
    "ext-auth-body": splitAddress(model.filter.address).port,
    reported: splitAddress(model.filter.address).port,
    proxied: model.filter.throughPort,
  };
  const ofPlaces = Object.entries(ports).flatMap(([place, port]) => (places.has(place as Place) ? [port] : []));
  const asked = [...new Set([...ofPlaces, ...(plan.reports ? [model.filter.reportPort] : [])])];
  if (asked.length > 0) {
    allow("filters-callers", filter.namespace, { "app.kubernetes.io/name": filter.name }, [
      { from: [{ source: { principals: [proxy] } }], to: [{ operation: { ports: asked.map(String) } }] },
      // Who collects metrics may be outside of the mesh: the NetworkPolicy says who that is.
      { to: [{ operation: { ports: [String(model.filter.adminPort)] } }] },
    ]);
  }
  for (const [name, { address, workload, callers }] of Object.entries(model.services)) {
    const [, namespace = ""] = splitAddress(address).host.split(".");
    if (!workload) continue;
    const through = places.has("proxied") ? [principal(filter.namespace, filter.name)] : [];
    const others = callers.map((caller) => principal(...(caller.split("/") as [string, string])));
    allow(`callers-of-${name}`, namespace, workload, [{ from: [{ source: { principals: [proxy, ...through, ...others] } }] }]);
  }
}

const MTLS_MODES = { strict: PeerAuthenticationSpecMtlsMode.STRICT, permissive: PeerAuthenticationSpecMtlsMode.PERMISSIVE } as const;

export function meshPolicies(scope: Construct, draft: IstioDraft): void {
  peerAuthentications(scope, draft);
  destinationRules(scope, draft);
}

function peerAuthentications(scope: Construct, draft: IstioDraft): void {
  const { mtls } = draft.input.model.kubernetes;
  if (mtls === "none") return;
  const services = clusterServices(draft);
  const labels = metadata(draft, "").labels;
  // A service that speaks TLS itself speaks it past its sidecar: where its pods are not known, its namespace is not ours to say it of.
  const itself = services.filter(({ name }) => draft.backendTls.has(name));
  const podsOf = (name: string): Record<string, string> | undefined => draft.input.model.services[name]?.workload;
  const unknown = new Set(itself.filter(({ name }) => !podsOf(name)).map((s) => s.namespace));
  for (const { name, namespace } of mtls === "strict" ? itself : []) {
    const matchLabels = podsOf(name);
    if (!matchLabels) continue;
    new PeerAuthentication(scope, `mtls-of-${name}`, {
      metadata: { name: `${draft.input.gateway.system}-mtls-of-${name}`, namespace, labels },
      spec: { selector: { matchLabels }, mtls: { mode: PeerAuthenticationSpecMtlsMode.PERMISSIVE } },
    });
  }
  for (const namespace of new Set(services.map((s) => s.namespace))) {
    if (unknown.has(namespace)) continue;
    new PeerAuthentication(scope, `mtls-${namespace}`, {
      metadata: { name: `${draft.input.gateway.system}-mtls`, namespace, labels },
      spec: { mtls: { mode: MTLS_MODES[mtls] } },
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
