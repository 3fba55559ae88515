import net, { type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { join } from "../../lib/filter/reply";
import type { Exchange } from "../../lib/policy";
import { newExchange } from "../../lib/decision/decide";

/** A WebSocket ends with the token that it began with: when its time is over, or when it is revoked. */

const made: (Socket | net.Server)[] = [];

afterEach(() => {
  jest.useRealTimers();
  for (const one of made.splice(0)) {
    if (one instanceof net.Server) one.close();
    else one.destroy();
  }
});

/** Two ends of one connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const outside = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [inside] = (await once(server, "connection")) as [Socket];
  made.push(server, outside, inside);
  return [outside, inside];
}

async function opened(
  own: Partial<Exchange>,
  closesAtExpiry = true,
): Promise<{ ended: Promise<void>; sides: Socket[] }> {
  const [[outside, client], [service, inner]] = [await pair(), await pair()];
  const exchange = {
    ...newExchange({ system: "s", environment: "e", hosts: [] }, { headers: [] } as never, () => "id"),
    ...own,
  };
  const answer = { by: "service" as const, status: 101, headers: [], body: Buffer.alloc(0), socket: inner };
  const ended = join(exchange, client, Buffer.alloc(0), answer, 60_000, closesAtExpiry);
  return { ended, sides: [outside, service] };
}

const isOpen = async (ended: Promise<void>): Promise<boolean> => {
  let over = false;
  void ended.then(() => (over = true));
  for (let i = 0; i < 5; i++) await setImmediate();
  return !over;
};

const timers = { doNotFake: ["setImmediate", "nextTick"] as ("setImmediate" | "nextTick")[] };

test("ends at the end of the token's time, on both sides", async () => {
  jest.useFakeTimers(timers);
  const { ended, sides } = await opened({ validUntilMs: Date.now() + 5_000 });
  await jest.advanceTimersByTimeAsync(4_000);
  expect(await isOpen(ended)).toBe(true);
  const closed = Promise.all(sides.map((side) => once(side.resume(), "close")));
  await jest.advanceTimersByTimeAsync(1_500);
  await ended;
  await closed;
});

test("goes on where the model says so", async () => {
  jest.useFakeTimers(timers);
  const { ended } = await opened({ validUntilMs: Date.now() + 5_000 }, false);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(await isOpen(ended)).toBe(true);
});

test("ends when the token is revoked, and not while nobody knows", async () => {
  jest.useFakeTimers(timers);
  let known: () => Promise<boolean> = () => Promise.reject(new Error("away"));
  const { ended } = await opened({ stillGood: () => known() });
  await jest.advanceTimersByTimeAsync(25_000);
  expect(await isOpen(ended)).toBe(true);
  known = () => Promise.resolve(true);
  await jest.advanceTimersByTimeAsync(25_000);
  expect(await isOpen(ended)).toBe(true);
  known = () => Promise.resolve(false);
  await jest.advanceTimersByTimeAsync(10_000);
  await ended;
});
