import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { readCases } from "../../lib/conformance/case";
import { pair } from "../../lib/conformance/certificates";
import { runCase } from "../../lib/conformance/run-case";
import type { Stand } from "../../lib/conformance/stands/stand";
import type { Services } from "../../lib/conformance/upstreams";
import { sendHttp2 } from "../../lib/conformance/wire-h2";

/** What a run that a busy machine has spoilt says of a case, and what one that it has not. */

const folder = mkdtempSync(path.join(os.tmpdir(), "gatewright-"));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
writeFileSync(
  path.join(folder, "shop.yaml"),
  "system: shop\ncases: [{ name: open, request: { host: shop.test, path: / }, expect: { status: 200 } }]\n",
);
const [testCase] = readCases(folder);

type Answer = (stream: http2.ServerHttp2Stream) => void;

const reset: Answer = (stream) => {
  stream.respond({ ":status": 200 });
  stream.write("half");
  setImmediate(() => {
    stream.destroy(new Error("lost"));
  });
};
const status =
  (code: number): Answer =>
  (stream) => {
    stream.respond({ ":status": code }, { endStream: true });
  };
/** As from a machine that is taken away for a while. Node's monitor of the loop compares with what it has measured before. */
const heldUp: Answer = (stream) => {
  setTimeout(() => {
    const end = performance.now() + 400;
    while (performance.now() < end);
    status(503)(stream);
  }, 100);
};

/** The case of one GET that is to be 200, against a server that gives these answers in their order, the last one forever. */
async function run(...answers: Answer[]): Promise<{ outcome: string; details: string[]; asked: number }> {
  const server = http2.createSecureServer(await pair(["shop.test"]));
  let asked = 0;
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    answers[Math.min(asked++, answers.length - 1)]?.(stream);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const none = (): Promise<void> => Promise.resolve();
  const stand = {
    target: "nginx-http2",
    services: { seen: [] } as unknown as Services,
    begin: none,
    end: none,
    stop: none,
    logs: () => "",
    send: (request) => sendHttp2({ port, tls: true }, request),
  } as Partial<Stand> as Stand;
  if (!testCase) throw new Error("there is no case");
  try {
    return { ...(await runCase(stand, testCase)), asked };
  } finally {
    server.close();
  }
}

test.each([
  ["a stream that is reset within its answer", reset],
  ["a wrong answer while the runner itself was held up", heldUp],
])("%s proves nothing: the case is asked again", async (_, first) => {
  expect(await run(first, status(200))).toMatchObject({ outcome: "passed", asked: 2 });
});

test("a stream that is reset every time is a failure", async () => {
  const { outcome, details } = await run(reset);
  expect({ outcome, details }).toEqual({ outcome: "failed", details: ["the stream was reset (2)"] });
});

test("a wrong answer is a failure at once", async () => {
  expect(await run(status(503), status(200))).toMatchObject({ outcome: "failed", asked: 1 });
});
