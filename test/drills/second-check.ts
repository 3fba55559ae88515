import http from "node:http";
import type { AddressInfo } from "node:net";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { Connection } from "./connection";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { startIstio, startUpstream, startServer } from "./gateways";
import { Issuer, newKey } from "./issuer";
import { HOST } from "./question";

/** Envoy verifies what the filter has admitted: seen with one that admits everybody, which is what the second lock is for. */

/** A filter gone wrong: it says yes to whoever asks, and what else a test wants. */
const startYes = (run: Run, words: Record<string, string>): Promise<number> =>
  startServer(run, (_, response) => response.writeHead(200, words).end());

async function statusOf(port: number, path: string, headers: Record<string, string> = {}): Promise<number> {
  const lines = [`GET ${path} HTTP/1.1`, `Host: ${HOST}`, "X-Forwarded-For: 198.51.100.7", "Connection: close"];
  const own = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const connection = await Connection.open(port);
  try {
    return (await connection.ask(Buffer.from(`${[...lines, ...own].join("\r\n")}\r\n\r\n`))).status;
  } finally {
    connection.close();
  }
}

async function secondCheck(run: Run): Promise<void> {
  const issuer = new Issuer();
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const upstream = await startUpstream();
  run.after(() => upstream.stop());
  const keysUrl = `http://127.0.0.1:${String(keys.port)}/keys`;
  const plan = planOf(compiledFiles({ keysUrl, target: "istio" }));
  const env = { KEYS_SETTLED_MS: "0" };
  const sound = await FilterProcess.start({ directory: run.directory, plan, env });
  run.after(() => sound.stop());
  const good = issuer.token();
  const forged = issuer.token(newKey());
  let behind = sound.port;
  // What stands at the filter's address changes; Envoy opens a connection for each question.
  const switcher = http.createServer((message, response) => {
    const headers = { ...message.headers, connection: "close" };
    const asked = http.request({ port: behind, path: message.url, method: message.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 503, answer.headers);
      answer.pipe(response);
    });
    message.pipe(asked);
  });
  await new Promise<void>((resolve) => switcher.listen(0, "127.0.0.1", resolve));
  run.after(() => {
    switcher.closeAllConnections();
    switcher.close();
    return Promise.resolve();
  });
  const gateway = await startIstio(run, {
    keysUrl,
    filterAddress: `127.0.0.1:${String((switcher.address() as AddressInfo).port)}`,
    serviceAddress: `127.0.0.1:${String(upstream.port)}`,
  });
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  run.equal("a good token", await statusOf(gateway.port, "/read", bearer(good)), 200);
  run.equal("no token", await statusOf(gateway.port, "/read"), 401);
  run.equal("an open route with a bad token", await statusOf(gateway.port, "/open", bearer(forged)), 200);
  const before = upstream.requests;

  const faulty = async (said: Record<string, string>): Promise<void> => {
    behind = await startYes(run, said);
  };
  await faulty({});
  run.equal("a yes to no token", await statusOf(gateway.port, "/read"), 403);
  run.equal("a yes to a good token that is not handed on", await statusOf(gateway.port, "/read", bearer(good)), 403);
  const own = { "x-gateway-token": good, "x-gateway-verified": "once" };
  run.equal("what the filter alone may say, said by a client", await statusOf(gateway.port, "/read", own), 403);
  await faulty({ "x-gateway-token": forged });
  run.equal("a forged token that is handed on", await statusOf(gateway.port, "/read"), 401);
  run.equal("calls of the service by then", upstream.requests, before);
  await faulty({ "x-gateway-verified": "once" });
  run.equal("keys that Istio may not have yet", await statusOf(gateway.port, "/read"), 200);
}

export const secondCheckDrills: readonly Drill[] = [
  { name: "51 istio verifies what the filter has admitted", run: secondCheck },
];
