import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fromIngressNginx } from "../lib/filter/from-ingress-nginx";
import type { GatewayRequest } from "../lib/policy";
import { fromClient, fromProxy } from "../lib/filter/incoming";
import { IncomingBody } from "../lib/filter/incoming-body";

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
    ["from a stranger: the peer", 1, { peer: "192.0.2.1", forwarded: ["203.0.113.7"] }, "192.0.2.1"],
    ["its port is no part of it", 1, { forwarded: ["203.0.113.7:40123"] }, "203.0.113.7"],
    ["nor are brackets and the port of IPv6", 1, { forwarded: ["[2001:DB8:0::1]:99"] }, "2001:db8::1"],
    ["IPv4 in IPv6 is told as IPv4", 1, { forwarded: ["::ffff:203.0.113.7"] }, "203.0.113.7"],
    ["leading zeros make no address: the peer", 1, { forwarded: ["203.000.113.007"] }, "10.0.0.1"],
    ["nor does a name: the peer", 1, { forwarded: ["unknown"] }, "10.0.0.1"],
    ["nor a proxy's word to the filter", 0, { more: ["X-Gateway-Client", "1.1.1.1"] }, "10.0.0.1"],
  ])("%s", (_, hops, asking, client) => {
    expect(fromClient(message(asking), "https", { hops, networks: ["10.0.0.0/16"] })?.client).toBe(client);
  });

  test("without one Host there is no request", () => {
    expect(fromClient(message({ more: ["Host", "other.test"] }), "https", { hops: 0, networks: [] })).toBeUndefined();
    const none = { method: "GET", url: "/", rawHeaders: [], headers: {}, socket: {} };
    expect(fromClient(none as never, "https", { hops: 0, networks: [] })).toBeUndefined();
  });
});

test("nobody's word counts where no network in front is named", () => {
  const front = { hops: 1, networks: [] };
  expect(fromClient(message({ forwarded: ["203.0.113.7"] }), "https", front)?.client).toBe("10.0.0.1");
});

describe("the client behind a proxy, which alone can say so", () => {
  const told = ["X-Gateway-Client", "203.0.113.7", "X-Gateway-Route", "orders"];

  test("is what the proxy says, and the route too; neither is passed on", () => {
    const arrived = fromProxy(message({ forwarded: ["1.1.1.1"], more: told }));
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
    expect(fromProxy(message({ more }))).toBeUndefined();
  });
});

describe("a request that ingress-nginx' controller passes on", () => {
  const told = ["X-Real-IP", "203.0.113.7", "X-Gateway-Host", "other.test", "X-Forwarded-Proto", "http"];
  const from = (more: string[], tls: "gateway" | "front" = "gateway"): GatewayRequest | undefined =>
    fromIngressNginx(message({ forwarded: ["203.0.113.7"], more }), { tls })?.request;

  test("has the client and the host that the controller tells of, and none of its headers", () => {
    const own = ["X-Scheme", "https", "X-Forwarded-Scheme", "https", "X-Original-Forwarded-For", "1.1.1.1"];
    const request = from([...told, ...own, "X-Gateway-Route", "orders"]);
    expect([request?.client, request?.host, request?.scheme]).toEqual(["203.0.113.7", "other.test", "http"]);
    expect(request?.headers.map(([name]) => name)).toEqual(["Host"]);
  });

  test("is of https where TLS ends in front", () => {
    expect(from(told, "front")?.scheme).toBe("https");
  });

  test.each<[string, string[]]>([
    ["nothing", []],
    ["no host", told.slice(0, 2)],
    ["no client", told.slice(2)],
    ["two addresses", [...told, "x-real-ip", "1.1.1.1"]],
    ["no address", ["X-Real-IP", "unknown", ...told.slice(2)]],
  ])("%s said: no request", (_, more) => {
    expect(from(more)).toBeUndefined();
  });
});

describe("a client that sends its body in pieces", () => {
  /** What the reader gets, when each piece comes so late. */
  async function read(apartMs: number): Promise<string> {
    let outcome: Promise<string> | undefined;
    const server = createServer((incoming, response) => {
      outcome = new IncomingBody(incoming, { idleMs: 200 }).read(Infinity).then(
        (body) => String(body),
        () => "broken off",
      );
      void outcome.then((text) => response.end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const headers = { "content-length": "4" };
    const { port } = server.address() as AddressInfo;
    const client = request({ port, host: "127.0.0.1", method: "POST", headers, agent: false });
    client.on("error", () => undefined);
    for (const piece of ["a", "b", "c", "d"]) {
      client.write(piece);
      await sleep(apartMs);
    }
    client.end();
    const text = await outcome;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    return text ?? "nothing came";
  }

  test("is heard to the end, however long it takes in all", async () => {
    expect(await read(80)).toBe("abcd");
  });

  test("and is not heard any more when it stops", async () => {
    expect(await read(600)).toBe("broken off");
  });
});

test("a body whose client has left before anybody reads it is broken off", async () => {
  const outcome = new Promise<string>((resolve) => {
    const server = createServer((incoming) => {
      incoming.socket.once("close", () => {
        setTimeout(() => {
          new IncomingBody(incoming).read(Infinity).then(
            (body) => {
              resolve(String(body));
            },
            () => {
              resolve("broken off");
            },
          );
          server.close();
        }, 20);
      });
    });
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      const client = request({
        port,
        host: "127.0.0.1",
        method: "POST",
        headers: { "content-length": "4" },
        agent: false,
      });
      client.on("error", () => undefined);
      client.write("a");
      setTimeout(() => client.destroy(), 50);
    });
  });
  expect(await outcome).toBe("broken off");
});
