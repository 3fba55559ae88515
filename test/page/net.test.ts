import fc from "fast-check";
import { BlockList, isIP, SocketAddress } from "node:net";
import * as own from "../../lib/page/browser/shims/net";

/** What stands in for node:net in a page, beside it: who is let in by his address must not depend on where it is asked. */

const group = fc.oneof(
  fc.constant("0"),
  fc.constant("ffff"),
  fc.integer({ max: 0xffff, min: 0 }).map((n) => n.toString(16)),
);
const dotted = fc.ipV4();
const text = fc.oneof(
  fc.ipV4(),
  fc.ipV4Extended(),
  fc.ipV6(),
  fc.array(group, { minLength: 1, maxLength: 9 }).map((all) => all.join(":")),
  fc
    .tuple(fc.array(group, { maxLength: 7 }), fc.array(group, { maxLength: 7 }))
    .map(([left, right]) => `${left.join(":")}::${right.join(":")}`),
  fc
    .tuple(fc.constantFrom("::", "::ffff:", "::ffff:0:", "64:ff9b::", "1:2:3:4:5:6:"), dotted)
    .map((parts) => parts.join("")),
  fc.constantFrom(
    "",
    ":",
    ":::",
    "1.2.3.04",
    "::ffff:1.2.3.04",
    "::1.2.3",
    "fe80::1%eth0",
    "1::2::3",
    "::g",
    "::1 ",
    "[::1]",
    "1.2.3.4:80",
  ),
);

const addresses = text.filter((t) => isIP(t) !== 0 && !t.includes("%"));

test("what an address is", () => {
  fc.assert(
    fc.property(text, (t) => own.isIP(t) === isIP(t)),
    { numRuns: 5000 },
  );
});

test("its canonical form", () => {
  const ofIpv6 = addresses.filter((t) => isIP(t) === 6);
  fc.assert(
    fc.property(ofIpv6, (address) => {
      expect(new own.SocketAddress({ address }).address).toBe(new SocketAddress({ address, family: "ipv6" }).address);
    }),
    { numRuns: 5000 },
  );
});

test("whether it is in a network, also where one is IPv4 and the other IPv6", () => {
  const network = addresses.chain((address) =>
    fc.tuple(fc.constant(address), fc.integer({ min: 0, max: isIP(address) === 4 ? 32 : 128 })),
  );
  const near = fc
    .tuple(network, addresses)
    .chain(([net, other]) => fc.tuple(fc.constant(net), fc.constantFrom(other, net[0])));
  fc.assert(
    fc.property(near, ([[address, bits], asked]) => {
      const family = (t: string): "ipv4" | "ipv6" => (isIP(t) === 4 ? "ipv4" : "ipv6");
      const [theirs, ours] = [new BlockList(), new own.BlockList()];
      theirs.addSubnet(address, bits, family(address));
      ours.addSubnet(address, bits);
      expect([address, bits, asked, ours.check(asked)]).toEqual([
        address,
        bits,
        asked,
        theirs.check(asked, family(asked)),
      ]);
    }),
    { numRuns: 10_000 },
  );
});
