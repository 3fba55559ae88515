import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { announcedClient, expectAnnouncements, readAnnouncement } from "../../lib/filter/proxy-protocol";

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

function binary(command: number, family: number, addresses: readonly number[], more: readonly number[] = []): Buffer {
  const length = addresses.length + more.length;
  return Buffer.from([...SIGNATURE, command, family, length >> 8, length & 255, ...addresses, ...more]);
}

const V4 = [203, 0, 113, 9, 10, 0, 0, 1, 0x9c, 0x40, 0x01, 0xbb];
const V6 = [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), 7, ...Array<number>(15).fill(0), 1, 0, 1, 0, 2];
/** A type-length-value of AWS: the id of an endpoint. */
const TLV = [0xea, 0, 5, 1, 0x76, 0x70, 0x63, 0x65];

const GOOD: [string, Buffer, string | undefined][] = [
  ["a line", Buffer.from("PROXY TCP4 203.0.113.9 10.0.0.1 40000 443\r\n"), "203.0.113.9"],
  ["a line of IPv6", Buffer.from("PROXY TCP6 2001:DB8::7 ::1 40000 443\r\n"), "2001:db8::7"],
  ["a line that knows nothing", Buffer.from("PROXY UNKNOWN\r\n"), undefined],
  ["one that knows what is no use", Buffer.from("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), undefined],
  ["version 2", binary(0x21, 0x11, V4), "203.0.113.9"],
  ["version 2 with more behind the addresses", binary(0x21, 0x11, V4, TLV), "203.0.113.9"],
  ["version 2 of IPv6", binary(0x21, 0x21, V6), "2001:db8::7"],
  ["the balancer itself", binary(0x20, 0, []), undefined],
  ["the balancer itself, with addresses", binary(0x20, 0x11, V4), undefined],
  ["no TCP", binary(0x21, 0x12, V4), undefined],
];

test.each(GOOD)("%s is read", (_, header, client) => {
  expect(readAnnouncement(header)).toEqual({ ...(client !== undefined && { client }), length: header.length });
  expect(readAnnouncement(Buffer.concat([header, Buffer.from("GET / HTTP/1.1\r\n")]))).toEqual(
    readAnnouncement(header),
  );
});

test("a part of a header is waited for", () => {
  for (const [, header] of GOOD)
    for (let end = 0; end < header.length; end++) expect(readAnnouncement(header.subarray(0, end))).toBeUndefined();
});

test.each<[string, Buffer]>([
  ["a request", Buffer.from("GET / HTTP/1.1\r\n")],
  ["a handshake of TLS", Buffer.from([0x16, 3, 1, 2, 0])],
  ["an address of another family", Buffer.from("PROXY TCP4 2001:db8::7 ::1 1 2\r\n")],
  ["no address", Buffer.from("PROXY TCP4 nobody 10.0.0.1 1 2\r\n")],
  ["no ports", Buffer.from("PROXY TCP4 203.0.113.9 10.0.0.1\r\n")],
  ["words behind the ports", Buffer.from("PROXY TCP4 203.0.113.9 10.0.0.1 1 2 3\r\n")],
  ["another family", Buffer.from("PROXY UDP4 203.0.113.9 10.0.0.1 1 2\r\n")],
  ["a line without an end", Buffer.from(`PROXY TCP4 ${"1".repeat(200)}`)],
  ["a longer line", Buffer.from(`PROXY UNKNOWN ${"1".repeat(200)}\r\n`)],
  ["another version", binary(0x31, 0x11, V4)],
  ["another command", binary(0x22, 0x11, V4)],
  ["addresses that are too short", binary(0x21, 0x21, V4)],
  ["more than anybody says", binary(0x21, 0x11, V4, Array<number>(5_000).fill(0))],
])("%s is none", (_, bytes) => {
  expect(readAnnouncement(bytes)).toBe("none");
});

test("whatever comes is read, waited for or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom([], [0x50], SIGNATURE), (bytes, first) => {
      const found = readAnnouncement(Buffer.from([...first, ...bytes]));
      if (found !== undefined && found !== "none")
        expect(found.length).toBeLessThanOrEqual(first.length + bytes.length);
    }),
  );
});

describe("a server behind a balancer", () => {
  let server: http.Server;
  beforeEach(async () => {
    server = http.createServer((message, response) => response.end(announcedClient(message.socket) ?? "nobody"));
    expectAnnouncements(server, 300);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Everything that is answered until the connection ends. */
  const send = (pieces: readonly Buffer[]): Promise<string> =>
    new Promise((resolve) => {
      const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
        const next = (i: number): void => {
          const piece = pieces[i];
          if (piece)
            socket.write(piece, () =>
              setTimeout(() => {
                next(i + 1);
              }, 2),
            );
        };
        next(0);
      });
      let text = "";
      socket.setNoDelay(true);
      socket.on("data", (data) => (text += String(data))).on("error", () => undefined);
      socket.on("close", () => {
        resolve(text);
      });
    });
  const question = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const [, header = Buffer.alloc(0)] = GOOD[5] ?? [];

  test.each<[string, Buffer[]]>([
    ["in one piece", [Buffer.concat([header, question])]],
    ["apart", [header, question]],
    ["byte by byte", [...Buffer.concat([header, question])].map((byte) => Buffer.from([byte]))],
  ])("hears who calls: %s", async (_, pieces) => {
    expect(await send(pieces)).toMatch(/^HTTP\/1\.1 200 [^]*203\.0\.113\.9/);
  });

  test("of each request on a connection", async () => {
    const kept = Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const text = await send([Buffer.concat([header, kept, kept]), question]);
    expect(text.match(/203\.0\.113\.9/g)).toHaveLength(3);
  });

  test("outlives a connection that is reset behind its header, before the server has it", async () => {
    const connection = new Duplex({ read: () => undefined });
    server.emit("connection", connection);
    connection.once("readable", () => {
      process.nextTick(() => connection.destroy(new Error("reset")));
    });
    connection.push(header);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(connection.destroyed).toBe(true);
    expect(await send([header, question])).toContain("203.0.113.9");
  });

  test("forgets a client whose connection has ended", async () => {
    await send([header, question]);
    const [, own = Buffer.alloc(0)] = GOOD[7] ?? [];
    expect(await send([own, question])).toContain("nobody");
  });

  test.each<[string, Buffer[]]>([
    ["none", [question]],
    ["a broken one", [Buffer.from("PROXY TCP4 nobody\r\n"), question]],
    ["a part of one", [header.subarray(0, 9)]],
  ])("answers nobody without a header: %s", async (_, pieces) => {
    expect(await send(pieces)).toBe("");
  });
});
