import type { GatewayModel } from "../../../lib/model";
import { OF_PROXIES } from "../../../lib/policy/kinds/header-hygiene";

/** Those that carry all to the filter say these themselves, and a model that lets a client say them is refused there. */
export function withoutForwarded(model: GatewayModel): GatewayModel {
  const narrowed = <T extends GatewayModel["policies"]>(policies: T): T => {
    const { headerHygiene: own } = policies;
    return own
      ? { ...policies, headerHygiene: { ...own, pass: own.pass.filter((name) => !OF_PROXIES.has(name)) } }
      : policies;
  };
  const hosts = Object.entries(model.hosts).map(([name, host]) => [
    name,
    { ...host, policies: narrowed(host.policies) },
  ]);
  return { ...model, policies: narrowed(model.policies), hosts: Object.fromEntries(hosts) as GatewayModel["hosts"] };
}
