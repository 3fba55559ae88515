import http from "node:http";
import net, { type AddressInfo } from "node:net";
import type { Drill, Run } from "./drill";
import { startIstio, startNginx, type Addresses, type Gateway } from "./gateways";
import { descendants, rssMiB, unnamedFiles } from "./process-table";
import { HOST } from "./question";
import { sleep } from "./wait";

/** Bytes flow: no proxy holds a body or an answer that no promise must see. */

const UPLOAD_MIB = 300;
const GROWTH_MIB = 20;
const FIRST_BYTE_MS = 500;
const EVENTS = 6;
const PAUSE_MS = 400;
const LATE_MS = 150;
const SILENCE_MS = 180_000;
const PIECE = Buffer.alloc(1024 * 1024, "a");

interface Service {
  address: string;
  /** When the first byte of the present upload was there, and how many there were. */
  firstMs: number;
  bytes: number;
}

async function startService(run: Run): Promise<Service> {
  const service: Service = { address: "", firstMs: 0, bytes: 0 };
  const server = http.createServer((message, response) => {
    if (message.url?.startsWith("/silent") === true) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("first");
      setTimeout(() => response.end("last"), SILENCE_MS);
      return;
    }
    if (message.url?.startsWith("/events") === true) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      void (async () => {
        for (let i = 0; i < EVENTS; i++) {
          // Both clocks are this process' own.
          response.write(`data: ${String(performance.now())}\n\n`);
          await sleep(PAUSE_MS);
        }
        response.end();
      })();
      return;
    }
    Object.assign(service, { firstMs: 0, bytes: 0 });
    message.on("data", (chunk: Buffer) => {
      if (service.bytes === 0) service.firstMs = performance.now();
      service.bytes += chunk.length;
    });
    message.once("end", () => response.end("ok"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  run.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  service.address = `127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return service;
}

const head = (method: string, path: string, ...lines: string[]): string =>
  [`${method} ${path} HTTP/1.1`, `Host: ${HOST}`, "X-Forwarded-For: 198.51.100.7", ...lines, "\r\n"].join("\r\n");

const drained = (socket: net.Socket): Promise<unknown> => new Promise((resolve) => socket.once("drain", resolve));

/** Sends the upload with the pace that the other side has; gives the status, or nothing. */
async function upload(port: number, chunked: boolean): Promise<{ status: string; startMs: number }> {
  const socket = net.connect(port, "127.0.0.1");
  let got = "";
  socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1"))).on("error", () => undefined);
  const ended = new Promise((resolve) => socket.once("close", resolve));
  const framing = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${String(UPLOAD_MIB * PIECE.length)}`;
  const startMs = performance.now();
  socket.write(head("POST", "/upload", framing, "Connection: close"));
  for (let i = 0; i < UPLOAD_MIB && !socket.destroyed; i++) {
    if (chunked) socket.write(`${PIECE.length.toString(16)}\r\n`);
    const flows = socket.write(PIECE);
    if (chunked) socket.write("\r\n");
    if (!flows) await Promise.race([drained(socket), ended]);
  }
  if (chunked) socket.write("0\r\n\r\n");
  await Promise.race([ended, sleep(60_000)]);
  socket.destroy();
  return { status: /^HTTP\/1.1 (\d+)/.exec(got)?.[1] ?? "none", startMs };
}

/** How much later than it was sent each event arrived, in milliseconds. */
function listen(port: number): Promise<number[]> {
  return new Promise((resolve) => {
    const late: number[] = [];
    const socket = net.connect(port, "127.0.0.1", () => socket.write(head("GET", "/events", "Connection: close")));
    socket.on("data", (chunk: Buffer) => {
      for (const [, sent] of chunk.toString("latin1").matchAll(/data: ([\d.]+)/g))
        late.push(performance.now() - Number(sent));
    });
    socket
      .on("error", () => undefined)
      .once("close", () => {
        resolve(late);
      });
  });
}

/** `chunked`: whether a body without a length flows as well: Envoy holds one to count it. */
const flow = (target: string, begin: (run: Run, at: Addresses) => Promise<Gateway>, chunked: boolean): Drill => ({
  name: `48 uploads and events flow through ${target}`,
  async run(run) {
    const service = await startService(run);
    const { port, pid } = await begin(run, {
      keysUrl: "http://127.0.0.1:1/keys",
      filterAddress: "127.0.0.1:1",
      serviceAddress: service.address,
    });
    const pids = [pid, ...descendants(pid)];
    const memory = (): number => pids.reduce((sum, p) => sum + rssMiB(p), 0);
    for (const way of chunked ? [false, true] : [false]) {
      const what = way ? "without a length" : "with a length";
      const before = memory();
      let most = before;
      const files = new Set<string>();
      const look = setInterval(() => {
        most = Math.max(most, memory());
        for (const file of pids.flatMap(unnamedFiles)) files.add(file);
      }, 20);
      const { status, startMs } = await upload(port, way);
      clearInterval(look);
      run.equal(`the answer to an upload ${what}`, status, "200");
      run.equal(`bytes ${what}`, service.bytes, UPLOAD_MIB * PIECE.length);
      run.atMost(`ms to the service's first byte ${what}`, service.firstMs - startMs, FIRST_BYTE_MS);
      run.atMost(`MiB that the proxy grew by ${what}`, most - before, GROWTH_MIB);
      run.equal(`files that it wrote ${what}`, [...files], []);
    }
    const late = await listen(port);
    run.equal("events", late.length, EVENTS);
    run.atMost("ms that an event came late", Math.max(...late), LATE_MS);
  },
});

/** What comes before the connection ends. */
function heard(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    let got = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(head("GET", path, "Connection: close")));
    socket.on("data", (chunk: Buffer) => (got += chunk.toString("latin1"))).on("error", () => undefined);
    socket.once("close", () => {
      resolve(got);
    });
  });
}

const silence: Drill = {
  name: "48 a stream that is silent for three minutes stays, where it may be",
  slow: true,
  async run(run) {
    const service = await startService(run);
    const at = {
      ...{ keysUrl: "http://127.0.0.1:1/keys", filterAddress: "127.0.0.1:1" },
      serviceAddress: service.address,
    };
    const gateways = { nginx: await startNginx(run, at), istio: await startIstio(run, at) };
    const answers = Object.entries(gateways).map(async ([name, { port }]) => {
      const got = await heard(port, "/silent");
      run.equal(`the first and the last word by ${name}`, [/first/.test(got), /last/.test(got)], [true, true]);
    });
    await Promise.all(answers);
  },
};

export const flowDrills: readonly Drill[] = [
  flow("nginx", startNginx, true),
  flow("istio", startIstio, false),
  silence,
];
