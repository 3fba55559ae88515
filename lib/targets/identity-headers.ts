import type { HostHeaders } from "../decision/answer";
import { DOOR_WITH_BODY } from "./filter/claims";
import { keyHeader } from "../policy/kinds/api-key";
import { SIGNATURE_HEADERS } from "../policy/kinds/signature";
import { configOf, type Host } from "../decision/gateway";
import { once } from "../once";
import { kindNamed, type KindName, type PolicyKind } from "../policy";

/** Headers that the door sets from an identity or a secret, on whatever route of the host. */
export const identityHeaders = once((host: Host): string[] => {
  const names = host.routes.flatMap((route) => {
    const tenant = configOf(route.policies, "tenant") as { headers: Record<string, string> } | undefined;
    const jwt = configOf(route.policies, "jwt") as { claimHeaders: Record<string, string> } | undefined;
    const secrets = configOf(route.policies, "secretHeaders") as { set: object } | undefined;
    return [
      ...Object.keys(jwt?.claimHeaders ?? {}),
      ...Object.keys(tenant?.headers ?? {}),
      ...Object.keys(secrets?.set ?? {}),
    ];
  });
  return [...new Set(names)].sort();
});

/** Names that steer a service, and pass here all the same. */
export function passedHeaders({ policies }: Host): string[] {
  return (configOf(policies, "headerHygiene") as { pass: string[] } | undefined)?.pass ?? [];
}

export function hostHeaders(host: Host): HostHeaders {
  return { identityHeaders: identityHeaders(host), passedHeaders: passedHeaders(host) };
}

const readsBody = (kind: KindName): boolean =>
  kind in DOOR_WITH_BODY || (kindNamed(kind) as PolicyKind).reported?.seesBody === true;

/** Headers that the door looks at beside those that it sets. */
export function askedHeaders(host: Host): string[] {
  const names = host.routes.flatMap((route) => {
    const apiKey = configOf(route.policies, "apiKey") as { basic: boolean; header: string } | undefined;
    const csrf = configOf(route.policies, "csrf") as { header: string } | undefined;
    const jwt = configOf(route.policies, "jwt") as { cookie?: string; header?: string } | undefined;
    const cookie = csrf !== undefined || jwt?.cookie !== undefined;
    // What chose the route chooses its policies there.
    const chosenBy = Object.keys(route.match.headers ?? {});
    const kinds = route.policies.map(({ kind }) => kind);
    return [
      ...chosenBy,
      ...(kinds.some(readsBody) ? ["content-type", "content-encoding"] : []),
      ...(kinds.includes("signature") ? SIGNATURE_HEADERS : []),
      ...(apiKey ? [keyHeader(apiKey)] : []),
      ...(csrf ? [csrf.header] : []),
      ...(cookie ? ["cookie"] : []),
      ...(jwt?.header === undefined ? [] : [jwt.header]),
    ];
  });
  return [...new Set(names)].sort();
}
