import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Connections } from "../../lib/filter/upstream/connections";
import type { NoAnswer } from "../../lib/policy/no-answer";
import { send } from "./upstream-stand";

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
  const { port } = service.address() as AddressInfo;
  const { message, answer } = send(connections, port, {
    body: length ? { length: 5 } : "chunked",
    firstByteMs: FIRST_BYTE_MS,
  });
  const outcome = answer.then(
    ({ status }) => status,
    (error: unknown) => (error as NoAnswer).kind,
  );
  for (let i = 0; i < 5; i++) {
    await sleep(apartMs);
    message.write("x");
  }
  message.end();
  return outcome;
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
