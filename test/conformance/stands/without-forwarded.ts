import type { GatewayModel } from "../../../lib/model";
import { FORWARDED_HEADERS } from "../../../lib/policy/kinds/header-hygiene";

/** Kong and ingress-nginx' controller say these themselves, and a model that lets a client say them is refused there. */
const SAID = [...FORWARDED_HEADERS, "x-forwarded-path", "x-forwarded-prefix", "x-real-ip"] as readonly string[];

export function withoutForwarded(model: GatewayModel): GatewayModel {
  const narrowed = <T extends GatewayModel["policies"]>(policies: T): T => {
    const { headerHygiene: own } = policies;
    return own
      ? { ...policies, headerHygiene: { ...own, pass: own.pass.filter((name) => !SAID.includes(name)) } }
      : policies;
  };
  const hosts = Object.entries(model.hosts).map(([name, host]) => [
    name,
    { ...host, policies: narrowed(host.policies) },
  ]);
  return { ...model, policies: narrowed(model.policies), hosts: Object.fromEntries(hosts) as GatewayModel["hosts"] };
}
