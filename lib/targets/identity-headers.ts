import { configOf, type Host } from "../policy/gateway";

/** Headers that the door sets from an identity, on whatever route of the host. */
export function identityHeaders(host: Host): string[] {
  const names = host.routes.flatMap((route) => {
    const tenant = configOf(route.policies, "tenant") as { headers: Record<string, string> } | undefined;
    const jwt = configOf(route.policies, "jwt") as { claimHeaders: Record<string, string> } | undefined;
    return [...Object.keys(jwt?.claimHeaders ?? {}), ...Object.keys(tenant?.headers ?? {})];
  });
  return [...new Set(names)].sort();
}
