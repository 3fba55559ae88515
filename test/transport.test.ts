import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { Departure } from "../lib/filter/departure";
import { IncomingBody } from "../lib/filter/incoming";
import { Connections } from "../lib/filter/upstream/connections";
import { HttpTransport } from "../lib/filter/upstream/transport";
import type { Exchange } from "../lib/policy";
import type { NoAnswer } from "../lib/policy/no-answer";

/** How long a service has for its first byte: from when it has the request, not from when the client began to send it. */

let thinksMs = 0;
const service: Server = createServer((message, response) => {
  let bytes = 0;
  message.on("data", (chunk: Buffer) => (bytes += chunk.length));
  message.once("end", () => setTimeout(() => response.end(String(bytes)), thinksMs));
});
const connections = new Connections();

beforeAll(() => new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve)));
afterAll(async () => {
  connections.stop();
  await new Promise((resolve) => service.close(resolve));
});

const FIRST_BYTE_MS = 300;

/** Sends five bytes, so far apart, and gives the status; or why there is none. */
async function sent(apartMs: number, length: boolean): Promise<number | string> {
  const message = Object.assign(new PassThrough(), {
    headers: length ? { "content-length": "5" } : { "transfer-encoding": "chunked" },
    setTimeout: () => undefined,
  });
  const exchange = {
    request: {
      scheme: "https",
      host: "s.test",
      client: "203.0.113.7",
      method: "POST",
      headers: [["Host", "s.test"], ...(length ? [["Content-Length", "5"]] : [])],
    },
    upstream: { set: new Map(), remove: new Set(), target: "/" },
    call: { tries: 1, idleMs: 60_000 },
  } as unknown as Exchange;
  const transport = new HttpTransport({
    exchange,
    tls: {},
    addresses: { s: `127.0.0.1:${String((service.address() as AddressInfo).port)}` },
    ofHost: { identityHeaders: [], passedHeaders: [] },
    body: new IncomingBody(message as never),
    connections,
    client: new Departure(),
    headBytes: 32_768,
    websocket: false,
  });
  const answer = transport.send("s", FIRST_BYTE_MS, Infinity).then(
    ({ status }) => status,
    (error: unknown) => (error as NoAnswer).kind,
  );
  for (let i = 0; i < 5; i++) {
    await sleep(apartMs);
    message.write("x");
  }
  message.end();
  return answer;
}

describe.each([
  ["with a length", true],
  ["in chunks", false],
])("a body %s", (_, length) => {
  test("that comes at once leaves the service its time", async () => {
    thinksMs = FIRST_BYTE_MS / 2;
    expect(await sent(0, length)).toBe(200);
  });

  test("is followed by a time-out where the service takes longer", async () => {
    thinksMs = FIRST_BYTE_MS * 3;
    expect(await sent(0, length)).toBe("timeout");
  });

  test("that a client sends slowly is no time-out of the service, which would count against its breaker", async () => {
    thinksMs = 0;
    expect(await sent(FIRST_BYTE_MS / 2, length)).toBe(200);
  });
});
