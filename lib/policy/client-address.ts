import { isIP, SocketAddress } from "node:net";

/** Addresses of clients: each has one spelling, by which lists and counters know it. */

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const WITH_PORT = /^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d{1,5})?$/;

/**
 * The canonical form (RFC 5952) of an address as somebody in front has told it: without port and brackets, an IPv4 address in
 * IPv6 (RFC 4291 section 2.5.5.2) as IPv4. Nothing for what is no address: a zone, leading zeros, a name.
 */
export function canonicalAddress(text: string): string | undefined {
  const said = text.trim();
  const [, bracketed, plain] = WITH_PORT.exec(said) ?? [];
  const address = bracketed ?? plain ?? said;
  const family = isIP(address);
  // An IPv4 address stands in no brackets.
  if (family === 4) return bracketed === undefined ? address : undefined;
  if (family !== 6 || address.includes("%")) return undefined;
  const canonical = new SocketAddress({ address, family: "ipv6" }).address;
  return MAPPED.exec(canonical)?.[1] ?? canonical;
}

/** The eight groups of an IPv6 address, without an IPv4 address in it. */
export function groupsOf(address: string): number[] {
  const [head = "", tail] = address.split("::");
  const read = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => parseInt(group, 16)));
  const [left, right] = [read(head), read(tail ?? "")];
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

/**
 * By what an address is counted: IPv4 as such, IPv6 by its network, since whoever has one address has 2^64 of them (RFC 6177).
 * What is no address counts as one.
 */
export function addressGroup(address: string, ipv6Prefix = 64): string {
  if (isIP(address) !== 6 || address.includes(".")) return address;
  const bits = groupsOf(address).map((group, i) => {
    const own = Math.max(0, Math.min(16, ipv6Prefix - 16 * i));
    return group & (0xffff << (16 - own)) & 0xffff;
  });
  return `${bits.map((group) => group.toString(16)).join(":")}/${String(ipv6Prefix)}`;
}
