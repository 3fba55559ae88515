import type { IstioDraft, RouteDraft } from "./draft";

/** Names that several manifests must agree on. */

const CHART_LABEL = "gatewright";

/** Name of a route in Envoy: unique over all hosts, so that a patch can name it alone. */
export function routeName(host: string, route: string): string {
  return `${host}/${route}`;
}

/** Requests of a known host that no route takes; the guard answers them, and this name leads nowhere. */
export const MISSING = "-missing";
/** A path that only preflights ask for without a method of its own: it leads nowhere. */
export const PREFLIGHT = "-preflight";
/** What a host that redirects has on the plain port, and nothing else. */
export const REDIRECT = "-redirect";
/** Methods that are sent once only have a route of their own. */
export const ONCE = "/once";

/** Handshakes of WebSockets. */
export const UPGRADE = "/upgrade";

/** A host without endpoints: what ends up there is answered by nobody. */
export function nowhere(draft: IstioDraft): string {
  return `nowhere.${draft.input.gateway.system}.internal`;
}

/** The names of a route in Envoy: what is sent once, and handshakes, have routes of their own. */
export function namesOf(host: string, route: RouteDraft): string[] {
  const full = routeName(host, route.route.name);
  const kinds = route.retries || route.through ? ["", ONCE] : [""];
  return [...kinds.map((kind) => full + kind), ...(hasHandshakes(route) ? [full + UPGRADE] : [])];
}

/** A handshake has no body to be counted, and may be silent for as long as the model says. */
export const hasHandshakes = (route: RouteDraft): boolean => route.webSocketIdleMs !== undefined && !route.respond;

export function providerName(draft: IstioDraft): string {
  return `gatewright-${draft.input.gateway.system}`;
}

export function metadata(draft: IstioDraft, name: string): { name: string; namespace: string; labels: Record<string, string> } {
  const { gateway, model } = draft.input;
  return {
    // No object's name has a star in it.
    name: `${gateway.system}-${name.replace(/^\*/, "any")}`,
    namespace: model.kubernetes.istioGateway.namespace,
    labels: { "app.kubernetes.io/managed-by": CHART_LABEL, "app.kubernetes.io/part-of": gateway.system },
  };
}

export function splitAddress(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}

export function duration(ms: number): string {
  return ms % 1000 === 0 ? `${String(ms / 1000)}s` : `${String(ms)}ms`;
}

/** A text where Envoy would read `%` as the start of a command. */
export function formatText(text: string): string {
  return text.replace(/%/g, "%%");
}

/** Words to the guard that stand on answers as they pass it: the type of one to a HEAD that the filter has refused … */
export const REFUSED_HEAD = "x-gateway-refused-head";
/** … and in which coding a service has sent one. */
export const CODING = "x-gateway-coding";

/** A word of the guard to what counts bodies: how many bytes one without a length may have. */
export const COUNTED = "x-gateway-count";

/** What the filter is told by the guard, and a service is not. */
export const TOLD = ["x-gateway-client", "x-gateway-route"];
