import { readFileSync } from "node:fs";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import path from "node:path";
import pino from "pino";
import { startFilter } from "../../lib/filter/server";
import { readPlan } from "../../lib/decision/plan-text";
import { makeCertificates } from "../../lib/conformance/certificates";
import { knownSystem } from "../conformance/systems";
import type { Drill, Run } from "./drill";
import { compiledFiles } from "./filter-process";
import { startIstio, startNginx, type Addresses, type Gateway } from "./gateways";
import { HOST } from "./question";
import { sleep } from "./wait";

/** Heads and bodies that begin and never end, on the proxies themselves: each has its time, and nothing stays open after it. */

const EACH = 60;
/** A head has 15 s, a pause of a body 30 s on nginx and 60 s on Envoy; some more to notice. */
const HEAD_MS = 15_000;
const LATE_MS = 4_000;

interface Asking {
  socket: net.Socket;
  got: string;
  closedMs?: number;
}

function ask(port: number, text: string, start: number): Asking {
  const asking: Asking = { socket: net.connect(port, "127.0.0.1", () => asking.socket.write(text)), got: "" };
  asking.socket.on("error", () => undefined);
  asking.socket.on("data", (chunk: Buffer) => (asking.got += chunk.toString("latin1")));
  asking.socket.on("close", () => (asking.closedMs = performance.now() - start));
  return asking;
}

/** `answer`: what a body that pauses is answered; nginx closes the connection without a word. */
const neverEnding = (
  target: string,
  begin: (run: Run, at: Addresses) => Promise<Gateway>,
  pauseMs: number,
  answer: string,
): Drill => ({
  name: `46 heads and bodies that never end on ${target}`,
  async run(run) {
    // It answers whoever has sent his body.
    const service = http.createServer((message, response) => message.resume().on("end", () => response.end("ok")));
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    run.after(() => {
      service.closeAllConnections();
      return new Promise((resolve) => service.close(resolve));
    });
    const address = `127.0.0.1:${String((service.address() as AddressInfo).port)}`;
    const { port } = await begin(run, {
      keysUrl: "http://127.0.0.1:1/keys",
      filterAddress: "127.0.0.1:1",
      serviceAddress: address,
    });
    const start = performance.now();
    const many = (text: string): Asking[] => Array.from({ length: EACH }, () => ask(port, text, start));
    const lines = `Host: ${HOST}\r\nX-Forwarded-For: 198.51.100.7\r\n`;
    const silent = many("");
    const halves = many(`GET /open HTTP/1.1\r\n${lines}`);
    const stalled = many(`POST /open HTTP/1.1\r\n${lines}Content-Length: 1000\r\n\r\nx`);
    run.after(() => {
      for (const { socket } of [...silent, ...halves, ...stalled]) socket.destroy();
      return Promise.resolve();
    });
    const open = (list: readonly Asking[]): number => list.filter((a) => a.closedMs === undefined).length;
    await sleep(HEAD_MS + LATE_MS);
    run.equal("half heads still open", open(halves), 0);
    run.equal(
      "half heads that were taken for a request",
      halves.filter((a) => /^HTTP\/1.1 [23]/.test(a.got)).length,
      0,
    );
    await sleep(pauseMs - HEAD_MS);
    run.equal("bodies still open", open(stalled), 0);
    const statuses = new Set(stalled.map((a) => /^HTTP\/1.1 (\d+)/.exec(a.got)?.[1] ?? "none"));
    run.note(
      `bodies: ${[...statuses].join(", ")}; half heads closed after ${String(Math.round(Math.max(...halves.map((a) => a.closedMs ?? 0)) / 1000))} s; connections that said nothing and are open: ${String(open(silent))}`,
    );
    run.equal("their answer", [...statuses], [answer]);
  },
});

/** The Node gateway ends TLS itself: whoever says nothing there has a time as well. */
const noHello: Drill = {
  name: "46 connections that never say hello on the TLS port of the node gateway",
  async run(run) {
    const { model, trust } = knownSystem("lab");
    await makeCertificates(run.directory, model, trust);
    const read = (name: string): string => readFileSync(path.join(run.directory, name), "utf8");
    const files = compiledFiles({ keysUrl: "http://127.0.0.1:1/keys", target: "node-gateway" });
    const filter = await startFilter({
      plan: readPlan(files.find((f) => f.path.endsWith("plan.json"))?.content ?? ""),
      ...{ host: "127.0.0.1", port: 0, redis: "redis://127.0.0.1:1", log: pino({ level: "silent" }) },
      gateway: { http: 0, https: 0, certificate: { cert: read("tls.crt"), key: read("tls.key") } },
    });
    run.after(() => filter.stop());
    const start = performance.now();
    // Nothing, and the beginning of a record of a handshake (RFC 8446 section 5.1).
    const silent = ["", "\x16\x03\x01"].flatMap((text) =>
      Array.from({ length: EACH }, () => ask(filter.gateway?.https ?? 0, text, start)),
    );
    run.after(() => {
      for (const { socket } of silent) socket.destroy();
      return Promise.resolve();
    });
    await sleep(HEAD_MS + LATE_MS);
    run.equal("still open", silent.filter((a) => a.closedMs === undefined).length, 0);
    run.atLeast("ms that each had", Math.min(...silent.map((a) => a.closedMs ?? 0)), HEAD_MS - 1_000);
  },
};

export const neverEndingDrills: readonly Drill[] = [
  noHello,
  neverEnding("nginx", startNginx, 30_000, "none"),
  neverEnding("istio", startIstio, 60_000, "408"),
];
