/** As much of node:net as a decision asks for, to the letter: who is let in by his address must not depend on where it is asked. */

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const GROUP = /^[\da-f]{1,4}$/i;

const ofIpv4 = (text: string): number[] | undefined => (IPV4.test(text) ? text.split(".").map(Number) : undefined);

/** Eight groups (RFC 4291 section 2.2), of which the last two may be an IPv4 address; nothing where it is none. */
function groupsIn(text: string): number[] | undefined {
  const last = text.slice(text.lastIndexOf(":") + 1);
  const dotted = last.includes(".") ? ofIpv4(last) : undefined;
  if (last.includes(".") && !dotted) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = dotted ?? [];
  const plain = dotted
    ? `${text.slice(0, -last.length)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
    : text;
  const halves = plain.split("::");
  const [left = [], right = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (halves.length > 2 || ![...left, ...right].every((group) => GROUP.test(group))) return undefined;
  const given = left.length + right.length;
  if (halves.length === 2 ? given > 7 : given !== 8) return undefined;
  const zeros = Array.from({ length: 8 - given }, () => "0");
  return [...left, ...zeros, ...right].map((group) => parseInt(group, 16));
}

/** Without a zone (RFC 4007), which says nothing of the address. */
const withoutZone = (text: string): string => text.replace(/%[\w.-]+$/, "");

export function isIP(text: string): 0 | 4 | 6 {
  if (IPV4.test(text)) return 4;
  return text.includes(":") && groupsIn(withoutZone(text)) ? 6 : 0;
}

export const isIPv6 = (text: string): boolean => isIP(text) === 6;

/** The longest run of zeros, the first of those that are as long; from two on it is left out. */
function longestZeros(groups: readonly number[]): { at: number; length: number } {
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (groups[end] === 0) end++;
    if (end - at > best.length) best = { at, length: end - at };
  }
  return best;
}

export class SocketAddress {
  readonly address: string;

  constructor({ address }: { address: string }) {
    const groups = groupsIn(address) ?? [];
    const { at, length } = longestZeros(groups);
    // What holds an IPv4 address ends as one.
    const ofIpv4 = at === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
    const [high = 0, low = 0] = groups.slice(6);
    const end = [high >> 8, high & 255, low >> 8, low & 255].join(".");
    const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
    if (ofIpv4) this.address = `::${groups[5] === 0xffff ? "ffff:" : ""}${end}`;
    else this.address = at < 0 ? hex(groups) : `${hex(groups.slice(0, at))}::${hex(groups.slice(at + length))}`;
  }
}

/** An IPv4 address is one of IPv6 as well (RFC 4291 section 2.5.5.2). */
function bitsOf(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = ofIpv4(address) ?? [];
  const groups = IPV4.test(address) ? [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d] : (groupsIn(address) ?? []);
  return groups.map((group) => group.toString(2).padStart(16, "0")).join("");
}

export class BlockList {
  readonly #prefixes: string[] = [];

  addSubnet(address: string, bits: number): void {
    this.#prefixes.push(bitsOf(address).slice(0, IPV4.test(address) ? 96 + bits : bits));
  }

  check(address: string): boolean {
    const asked = bitsOf(address);
    return this.#prefixes.some((prefix) => asked.startsWith(prefix));
  }
}
