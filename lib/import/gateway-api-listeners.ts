import type { Say } from "./gateway-api-filters";
import { specOf, type KubernetesObject } from "./objects";

/** Which listeners a route is attached to (https://gateway-api.sigs.k8s.io/concepts/api-overview/#attaching-routes-to-gateways). */

const GROUP = /^gateway\.networking\.k8s\.io\//;
export const isGatewayApi = ({ apiVersion }: KubernetesObject): boolean => GROUP.test(apiVersion);

interface Validation {
  mode?: string;
  caCertificateRefs?: object[];
}

interface GatewaySpec {
  listeners?: RawListener[];
  tls?: {
    frontend?: {
      default?: { validation?: Validation };
      perPort?: { port?: number; tls?: { validation?: Validation } }[];
    };
  };
}

interface RawListener {
  name?: string;
  hostname?: string;
  port?: number;
  protocol?: string;
  tls?: { mode?: string; certificateRefs?: { name?: string }[]; frontendValidation?: object };
  allowedRoutes?: { namespaces?: { from?: string } };
}

interface ParentRef {
  kind?: string;
  name?: string;
  namespace?: string;
  sectionName?: string;
  port?: number;
}

export interface Listener {
  /** Which it is, among all. */
  id: string;
  hostname?: string | undefined;
  isPlain: boolean;
  secrets: string[];
  /** Clients without a certificate of their own are refused there. */
  asksCertificates: boolean;
}

/** The name that both mean: that of the one within the other. */
export function meet(a: string, b: string): string | undefined {
  const covers = (wide: string, name: string): boolean =>
    wide.startsWith("*.") && name.endsWith(wide.slice(1)) && name !== wide;
  if (a === b || covers(b, a)) return a;
  return covers(a, b) ? b : undefined;
}

/** Somebody else has said who may use a listener. */
function isAllowed(
  gateway: KubernetesObject,
  route: KubernetesObject,
  { allowedRoutes }: RawListener,
  say: Say,
): boolean {
  const from = allowedRoutes?.namespaces?.from ?? "Same";
  if (from === "Selector")
    say(
      "changed",
      "allowedRoutes",
      `the labels of ${route.namespace} were not looked at: it is taken for one that may`,
    );
  return from === "All" || from === "Selector" || (from === "Same" && gateway.namespace === route.namespace);
}

export function listenersOf(route: KubernetesObject, objects: readonly KubernetesObject[], say: Say): Listener[] {
  const { parentRefs = [] } = specOf(route) as { parentRefs?: ParentRef[] };
  if (parentRefs.length === 0) say("idle", "parentRefs", "it is attached to nothing");
  return parentRefs.flatMap(
    ({ kind = "Gateway", name = "", namespace = route.namespace, sectionName, port }): Listener[] => {
      if (kind !== "Gateway") {
        say("lost", "parentRefs", `it is attached to a ${kind} too, which is not read`);
        return [];
      }
      const gateway = objects.find(
        (o) => isGatewayApi(o) && o.kind === "Gateway" && o.namespace === namespace && o.name === name,
      );
      if (!gateway) {
        say(
          "changed",
          "parentRefs",
          `the Gateway ${namespace}/${name} is not among the files: certificates are not known`,
        );
        return [{ id: `${namespace}/${name}`, isPlain: false, secrets: [], asksCertificates: false }];
      }
      const { listeners = [], tls } = specOf(gateway) as GatewaySpec;
      const wanted = listeners.filter(
        (one) => (sectionName ?? one.name) === one.name && (port === undefined || port === one.port),
      );
      const found = wanted.filter((one) => isAllowed(gateway, route, one, say));
      if (found.length === 0)
        say(
          "idle",
          "parentRefs",
          `${namespace}/${name} has no listener for it${wanted.length > 0 ? " that takes routes of its namespace" : ""}`,
        );
      return found.flatMap((one) => listenerOf(gateway, one, tls, say));
    },
  );
}

function listenerOf(
  { namespace, name }: KubernetesObject,
  { name: section = "", hostname, port, protocol = "", tls }: RawListener,
  ofGateway: GatewaySpec["tls"],
  say: Say,
): Listener[] {
  if (protocol !== "HTTP" && (protocol !== "HTTPS" || tls?.mode === "Passthrough")) {
    say("lost", "listeners", `a listener of ${protocol} that does not end TLS is not taken`);
    return [];
  }
  if (port !== (protocol === "HTTP" ? 80 : 443))
    say(
      "changed",
      "listeners",
      `port ${String(port)} is that of the model's listeners here (listeners.http, listeners.https)`,
    );
  const frontend = ofGateway?.frontend;
  const validation =
    frontend?.perPort?.find((one) => one.port === port)?.tls?.validation ?? frontend?.default?.validation;
  const asks =
    protocol === "HTTPS" && (tls?.frontendValidation !== undefined || validation?.caCertificateRefs !== undefined);
  if (asks)
    say(
      "lost",
      "frontendValidation",
      "certificates of clients are not asked for; its routes answer 503 until you write who may",
    );
  const secrets = tls?.certificateRefs?.flatMap((ref) => ref.name ?? []) ?? [];
  const id = `${namespace}/${name}/${section}`;
  return [
    {
      id,
      isPlain: protocol === "HTTP",
      secrets,
      asksCertificates: asks && validation?.mode !== "AllowInsecureFallback",
      ...(hostname !== undefined && { hostname }),
    },
  ];
}
