import fc from "fast-check";
import { addressGroup, canonicalAddress } from "../../lib/policy/client-address";

test.each<[string, string | undefined]>([
  ["203.0.113.5", "203.0.113.5"],
  [" 203.0.113.5\t", "203.0.113.5"],
  ["203.0.113.5:40123", "203.0.113.5"],
  ["[2001:db8::1]:99", "2001:db8::1"],
  ["[2001:db8::1]", "2001:db8::1"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["::ffff:203.0.113.9", "203.0.113.9"],
  ["::FFFF:cb00:7109", "203.0.113.9"],
  ["[::ffff:203.0.113.9]:1", "203.0.113.9"],
  // Without brackets a port cannot be told from a group.
  ["2001:db8::1:99", "2001:db8::1:99"],
  ["203.000.113.005", undefined],
  ["203.0.113", undefined],
  ["0x7f.0.0.1", undefined],
  ["[203.0.113.5]", undefined],
  ["203.0.113.5:400000", undefined],
  ["203.0.113.5, 10.0.0.1", undefined],
  ["fe80::1%eth0", undefined],
  ["unknown", undefined],
  ["_hidden", undefined],
  ["", undefined],
])("%j is %s", (text, address) => {
  expect(canonicalAddress(text)).toBe(address);
});

const group = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16));

test("every spelling of an IPv6 address is one", () => {
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat({ max: 65_535 }), (groups, port) => {
      const long = groups.map((g) => g.padStart(4, "0").toUpperCase()).join(":");
      const canonical = canonicalAddress(long);
      expect(canonicalAddress(groups.join(":"))).toBe(canonical);
      expect(canonicalAddress(`[${long}]:${String(port)}`)).toBe(canonical);
      expect(canonicalAddress(canonical ?? "")).toBe(canonical);
    }),
  );
});

test("addresses of one network of IPv6 count as one, those of two do not", () => {
  const host = fc.array(group, { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(host, host, host, (network, a, b) => {
      const at = (own: string[]): string => canonicalAddress([...network, ...own].join(":")) ?? "";
      fc.pre(!at(a).includes(".") && !at(b).includes("."));
      expect(addressGroup(at(a))).toBe(addressGroup(at(b)));
    }),
  );
  expect(addressGroup("2001:db8:0:1::1")).not.toBe(addressGroup("2001:db8:0:2::1"));
  expect(addressGroup("2001:db8:0:1::1", 48)).toBe(addressGroup("2001:db8:0:2::1", 48));
  expect(addressGroup("203.0.113.5")).toBe("203.0.113.5");
});
