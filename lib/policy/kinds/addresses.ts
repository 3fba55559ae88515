import { BlockList, isIP, isIPv6 } from "node:net";
import { z } from "zod";
import type { Feature } from "../feature";
import { policyKind } from "../kind";
import { cidr } from "../values";

const lists = new WeakMap<readonly string[], BlockList>();

function listOf(networks: readonly string[]): BlockList {
  let list = lists.get(networks);
  if (!list) {
    list = new BlockList();
    for (const network of networks) {
      const [address = "", bits] = network.split("/");
      const family = isIPv6(address) ? "ipv6" : "ipv4";
      list.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
    }
    lists.set(networks, list);
  }
  return list;
}

/** Whether an address in its canonical form is in one of the networks. */
export function contains(networks: readonly string[], address: string): boolean {
  return listOf(networks).check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/** Of an address that cannot be read nobody knows where it belongs. */
function admits({ allow, deny }: { allow: string[]; deny: string[] }, client: string): boolean {
  if (isIP(client) === 0 || contains(deny, client)) return false;
  return allow.length === 0 || contains(allow, client);
}

/** Networks that may call (`allow`; none listed means all), and networks that may not (`deny`, which wins). */
export const addresses = policyKind({
  kind: "addresses",
  schema: z.strictObject({ allow: z.array(cidr).default([]), deny: z.array(cidr).default([]) }),
  phase: "address",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (config.allow.length > 0) features.push("AddressAllowList");
    if (config.deny.length > 0) features.push("AddressDenyList");
    return features;
  },
  decide(config, { request }) {
    if (admits(config, request.client)) return undefined;
    return { status: 403, reason: "address-not-allowed", message: "The client address is not allowed." };
  },
});
