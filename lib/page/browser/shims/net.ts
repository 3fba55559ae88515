import ipaddr from "ipaddr.js";

/** As much of node:net as a decision asks for. */

type Address = ipaddr.IPv4 | ipaddr.IPv6;

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;

export function isIP(text: string): 0 | 4 | 6 {
  if (IPV4.test(text) && !/(^|\.)0\d/.test(text)) return 4;
  return ipaddr.IPv6.isValid(text) ? 6 : 0;
}

export const isIPv6 = (text: string): boolean => isIP(text) === 6;

export class SocketAddress {
  readonly address: string;

  constructor({ address }: { address: string }) {
    const parsed = ipaddr.IPv6.parse(address);
    this.address = parsed.isIPv4MappedAddress()
      ? `::ffff:${parsed.toIPv4Address().toString()}`
      : parsed.toRFC5952String();
  }
}

export class BlockList {
  readonly #networks: (readonly [Address, number])[] = [];

  addSubnet(address: string, bits: number): void {
    this.#networks.push([ipaddr.parse(address), bits]);
  }

  check(address: string): boolean {
    const asked = ipaddr.parse(address);
    return this.#networks.some(([network, bits]) => asked.kind() === network.kind() && asked.match(network, bits));
  }
}
