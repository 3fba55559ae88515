import { Connections } from "./connections";
import { load, type LoadReport } from "./load";
import type { Server } from "./servers";
import type { Stand } from "./stands";
import { cpuUs } from "./usage";

/** What a stand was seen to use for a load. */
export interface Seen {
  report: LoadReport;
  /** CPU microseconds a request. */
  proxy: number;
  upstream: number;
  door: number;
  newAtUpstream: number;
  newAtDoor: number;
}

interface Times {
  seconds: number;
  warmUp: number;
  /** Requests a second; as many as it can answer where it is not given. */
  rate?: number | undefined;
}

export async function observe(
  stand: Stand,
  upstream: Server,
  requests: string,
  { seconds, warmUp, rate }: Times,
): Promise<Seen> {
  const { proxy, door } = stand;
  const target = { port: proxy.port, requests, expect: 200, contains: '"order":17' };
  const options = { ...target, ...(rate !== undefined && { rate }) };
  await load({ ...options, seconds: warmUp });
  const connections = new Connections([upstream.port, ...(door ? [door.port] : [])]);
  const use = (): number[] => [proxy, upstream, door].map((server) => (server ? cpuUs(server.part.pid) : 0));
  const made = (): number[] => [upstream, door].map((server) => (server ? connections.count(server.port) : 0));
  const [before, madeBefore] = [use(), made()];
  const report = await load({ ...options, seconds });
  const spent = use().map((value, i) => (value - (before[i] ?? 0)) / report.answered);
  const fresh = made().map((value, i) => value - (madeBefore[i] ?? 0));
  connections.stop();
  const [proxyUs = 0, upstreamUs = 0, doorUs = 0] = spent;
  const [newAtUpstream = 0, newAtDoor = 0] = fresh;
  return { report, proxy: proxyUs, upstream: upstreamUs, door: doorUs, newAtUpstream, newAtDoor };
}
