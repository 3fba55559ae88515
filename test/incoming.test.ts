import type { IncomingMessage } from "node:http";
import { fromClient, fromProxy } from "../lib/filter/incoming";

/** Who calls, as the filter takes it from what stands in front; `lib/filter/incoming.ts`. */

interface Asking {
  peer?: string;
  forwarded?: string[];
  more?: string[];
}

function message({ peer = "10.0.0.1", forwarded = [], more = [] }: Asking): IncomingMessage {
  const rawHeaders = [
    ...["Host", "api.shop.test"],
    ...forwarded.flatMap((value) => ["X-Forwarded-For", value]),
    ...more,
  ];
  return { method: "GET", url: "/", rawHeaders, headers: {}, socket: { remoteAddress: peer } } as never;
}

describe("the client where the filter is the gateway itself", () => {
  test.each<[what: string, hops: number, asking: Asking, client: string]>([
    ["nobody in front: the peer", 0, {}, "10.0.0.1"],
    ["whatever it says of itself", 0, { forwarded: ["1.1.1.1"] }, "10.0.0.1"],
    ["an IPv4 address in IPv6 is written as IPv4", 0, { peer: "::ffff:10.0.0.9" }, "10.0.0.9"],
    ["IPv6 stays", 0, { peer: "2001:db8::1" }, "2001:db8::1"],
    ["one hop: the last address", 1, { forwarded: ["203.0.113.7"] }, "203.0.113.7"],
    ["never what the client put in front of it", 1, { forwarded: ["1.1.1.1, 203.0.113.7"] }, "203.0.113.7"],
    ["nor in a line of its own", 1, { forwarded: ["1.1.1.1", "203.0.113.7"] }, "203.0.113.7"],
    ["nor behind many", 1, { forwarded: [`${"1.1.1.1,".repeat(500)}203.0.113.7`] }, "203.0.113.7"],
    ["two hops: the second from the right", 2, { forwarded: ["1.1.1.1, 203.0.113.7, 10.9.9.9"] }, "203.0.113.7"],
    ["over two lines", 2, { forwarded: ["1.1.1.1, 203.0.113.7", "10.9.9.9"] }, "203.0.113.7"],
    ["fewer addresses than hops: the peer, who has passed the front", 2, { forwarded: ["203.0.113.7"] }, "10.0.0.1"],
    ["none at all: the peer", 1, {}, "10.0.0.1"],
    ["an empty one: the peer", 1, { forwarded: [""] }, "10.0.0.1"],
    ["an empty one at the end: the peer", 1, { forwarded: ["203.0.113.7,"] }, "10.0.0.1"],
    ["spaces are no part of it", 1, { forwarded: ["  203.0.113.7  "] }, "203.0.113.7"],
    ["the header's name in any case", 1, { more: ["x-FORWARDED-for", "203.0.113.7"] }, "203.0.113.7"],
    ["no other header", 1, { more: ["X-Real-IP", "1.1.1.1", "Forwarded", "for=1.1.1.1"] }, "10.0.0.1"],
    ["nor a proxy's word to the filter", 0, { more: ["X-Gateway-Client", "1.1.1.1"] }, "10.0.0.1"],
  ])("%s", (_, hops, asking, client) => {
    expect(fromClient(message(asking), "https", hops)?.client).toBe(client);
  });

  test("without one Host there is no request", () => {
    expect(fromClient(message({ more: ["Host", "other.test"] }), "https", 0)).toBeUndefined();
    const none = { method: "GET", url: "/", rawHeaders: [], headers: {}, socket: {} };
    expect(fromClient(none as never, "https", 0)).toBeUndefined();
  });
});

describe("the client behind a proxy, which alone can say so", () => {
  const told = ["X-Gateway-Client", "203.0.113.7", "X-Gateway-Route", "orders"];

  test("is what the proxy says, and the route too; neither is passed on", () => {
    const arrived = fromProxy(message({ forwarded: ["1.1.1.1"], more: told }), "nginx");
    expect([arrived?.request.client, arrived?.route]).toEqual(["203.0.113.7", "orders"]);
    expect(arrived?.request.headers.map(([name]) => name)).toEqual(["Host", "X-Forwarded-For"]);
  });

  test.each<[string, string[]]>([
    ["nothing", []],
    ["no client", ["X-Gateway-Route", "orders"]],
    ["no route", ["X-Gateway-Client", "203.0.113.7"]],
    ["two clients", [...told, "X-Gateway-Client", "1.1.1.1"]],
    ["two routes", [...told, "x-gateway-route", "open"]],
  ])("%s said: no request", (_, more) => {
    expect(fromProxy(message({ more }), "nginx")).toBeUndefined();
  });

  test("ingress-nginx has its own word for it, and chooses no routes", () => {
    const arrived = fromProxy(message({ more: ["X-Real-IP", "203.0.113.7"] }), "ingress-nginx");
    expect([arrived?.request.client, arrived?.route]).toEqual(["203.0.113.7", undefined]);
    expect(fromProxy(message({ more: told }), "ingress-nginx")).toBeUndefined();
  });
});
