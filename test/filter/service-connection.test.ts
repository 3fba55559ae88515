import net, { type AddressInfo, type Server, type Socket } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import type { Readable } from "node:stream";
import { ClientGone } from "../../lib/filter/incoming-body";
import { Connections } from "../../lib/filter/upstream/connections";
import type { NoAnswer } from "../../lib/policy/no-answer";
import { send, textOf, type Sent } from "./upstream-stand";

/** Connections to services: when one is used again, and when it must not be. */

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

let connections: Connections;
let server: Server | undefined;
/** What each connection has brought, in the order of their opening. */
let brought: string[];
let sockets: Socket[];

beforeEach(() => {
  connections = new Connections();
  brought = [];
  sockets = [];
});
afterEach(async () => {
  connections.stop();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server?.close(resolve));
});

/** A service that says this, each time when something comes. */
async function service(say: (socket: Socket, text: string, connection: number) => void): Promise<number> {
  server = net.createServer((socket) => {
    const connection = brought.push("") - 1;
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      brought[connection] = `${brought[connection] ?? ""}${bytes.toString("latin1")}`;
      say(socket, bytes.toString("latin1"), connection);
    });
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

const outcome = async ({ answer }: Sent): Promise<string> =>
  answer.then(
    async (got) => `${String(got.status)} ${await textOf(got)}`,
    (error: unknown) => (error as NoAnswer).kind,
  );

/** One after the other, with a turn of the event loop between them. */
async function twice(port: number): Promise<string[]> {
  const first = await outcome(send(connections, port));
  await turn();
  await turn();
  return [first, await outcome(send(connections, port))];
}

test("the next request goes by the connection of the last", async () => {
  const port = await service((socket) => socket.write(OK));
  expect(await twice(port)).toEqual(["200 ok", "200 ok"]);
  expect(brought).toHaveLength(1);
});

test("two at once have a connection each", async () => {
  const port = await service((socket) => setTimeout(() => socket.write(OK), 20));
  expect(await Promise.all([1, 2].map(() => outcome(send(connections, port))))).toEqual(["200 ok", "200 ok"]);
  expect(brought).toHaveLength(2);
});

const SECRET = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret";

test.each([
  ["with its answer", 0],
  ["after its answer", 10],
])("what a service says %s is nobody's answer", async (_, laterMs) => {
  const port = await service((socket, _text, connection) => {
    if (connection > 0 || laterMs === 0) socket.write(connection > 0 ? OK : OK + SECRET);
    else {
      socket.write(OK);
      setTimeout(() => socket.write(SECRET), laterMs);
    }
  });
  expect(await outcome(send(connections, port))).toBe("200 ok");
  await sleep(laterMs * 5);
  expect(await outcome(send(connections, port))).toBe("200 ok");
  expect(brought).toHaveLength(2);
});

test.each([
  ["that says it is the last", "Connection: close\r\n"],
  ["that the service keeps for no second", "Keep-Alive: timeout=1\r\n"],
])("an answer %s leaves no connection", async (_, line) => {
  const port = await service((socket) => socket.write(OK.replace("\r\n", `\r\n${line}`)));
  expect(await twice(port)).toEqual(["200 ok", "200 ok"]);
  expect(brought).toHaveLength(2);
});

test("a connection that was closed while nobody used it is not used", async () => {
  const port = await service((socket) => {
    socket.write(OK);
    setTimeout(() => socket.end(), 10);
  });
  expect(await outcome(send(connections, port))).toBe("200 ok");
  await sleep(100);
  expect(await outcome(send(connections, port))).toBe("200 ok");
});

test("a connection whose request is not whole is not used again, and the rest of the body is taken", async () => {
  const port = await service((socket, text) => {
    if (text.includes("\r\n\r\n")) socket.write(OK);
  });
  const slow = send(connections, port, { body: { length: 4 } });
  slow.message.write("ab");
  expect(await outcome(slow)).toBe("200 ok");
  await turn();
  expect(await outcome(send(connections, port))).toBe("200 ok");
  expect(brought).toHaveLength(2);
  slow.message.end("cd");
  await sleep(50);
  expect(brought[0]).toMatch(/\r\n\r\nabcd$/);
  expect(sockets[0]?.destroyed).toBe(true);
});

test("a service that answers and hangs up in the middle of a body has answered", async () => {
  const port = await service((socket) => socket.end(OK.replace("\r\n", "\r\nConnection: close\r\n")));
  const slow = send(connections, port, { body: "chunked" });
  slow.message.write("ab");
  expect(await outcome(slow)).toBe("200 ok");
  await sleep(20);
  // Its client is still read, so that it can read why.
  slow.message.end("c".repeat(100_000));
  await new Promise((resolve) => slow.message.once("end", resolve));
});

test("bodies are framed as they came", async () => {
  const port = await service((socket, text) => {
    if (/(\r\n0\r\n\r\n|abc)$/.test(text)) socket.write(OK);
  });
  const counted = send(connections, port, { body: { length: 3 } });
  counted.message.end("abc");
  expect(await outcome(counted)).toBe("200 ok");
  const chunked = send(connections, port, { body: "chunked" });
  chunked.message.write("ab");
  await sleep(20);
  chunked.message.end("c");
  expect(await outcome(send(connections, port, { method: "PUT", firstByteMs: 50 }))).toBe("timeout");
  const [first = ""] = brought;
  expect(first).toMatch(/Content-Length: 3\r\n\r\nabc/);
  expect(brought.join("")).toMatch(/Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n/);
  expect(brought.join("")).toMatch(/PUT \/ HTTP\/1\.1\r\n(?:(?!\r\n\r\n)[^])*Content-Length: 0\r\n\r\n/);
});

test.each([
  ["before an answer", ""],
  ["in the middle of its head", "HTTP/1.1 200 OK\r\nConte"],
  ["with what is no answer", "HTTP/1.1 200 OK\r\nContent Length: 2\r\n\r\nok"],
])("a service that ends %s has given none", async (_, said) => {
  const port = await service((socket) => socket.end(said));
  expect(await outcome(send(connections, port))).toBe("reset");
});

test("an answer that breaks off is broken, not ended", async () => {
  const port = await service((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"));
  const { answer } = send(connections, port);
  await expect(textOf(await answer)).rejects.toMatchObject({ kind: "reset" });
});

test("an answer that pauses for too long breaks, and so does one that takes too long", async () => {
  const port = await service((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"));
  const paused = send(connections, port, { idleMs: 50 });
  await expect(textOf(await paused.answer)).rejects.toMatchObject({ kind: "timeout" });
  const late = send(connections, port, { untilMs: Date.now() + 50 });
  await expect(textOf(await late.answer)).rejects.toMatchObject({ kind: "timeout" });
});

test("a service that cannot be reached, or says nothing, is told apart", async () => {
  const port = await service(() => undefined);
  expect(await outcome(send(connections, port, { firstByteMs: 50 }))).toBe("timeout");
  const closed = net.createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port: nobody } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  expect(await outcome(send(connections, nobody))).toBe("connect-failure");
});

test("a client that leaves ends the call, and nobody else's", async () => {
  const port = await service((socket, text) => {
    if (!text.includes("POST")) socket.write(OK);
  });
  const first = send(connections, port);
  expect(await outcome(first)).toBe("200 ok");
  await turn();
  await turn();
  const second = send(connections, port, { body: { length: 2 } });
  // The first one's client leaves late: the connection is another's by now.
  first.client.leave();
  await sleep(20);
  expect(sockets[0]?.destroyed).toBe(false);
  second.client.leave();
  await expect(second.answer).rejects.toThrow();
  await sleep(20);
  expect(sockets[0]?.destroyed).toBe(true);
});

test("a body that was handed over whole and is not read goes before nobody's request", async () => {
  const port = await service((socket, text, connection) => {
    socket.write(OK);
    if (connection === 0 && text.includes("PUT")) socket.pause();
  });
  const large = send(connections, port, { method: "PUT", body: { length: 8_000_000 }, read: true });
  large.message.end(Buffer.alloc(8_000_000));
  expect(await outcome(large)).toBe("200 ok");
  await turn();
  expect(await outcome(send(connections, port))).toBe("200 ok");
  expect(brought).toHaveLength(2);
});

test("an answer that breaks before anybody reads it harms nobody, and is broken for who reads it then", async () => {
  const port = await service((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok"));
  const { body } = await send(connections, port).answer;
  await sleep(50);
  expect((body as Readable).destroyed).toBe(true);
});

test("a client that leaves ends the try that is under way, whatever becomes of the one before", async () => {
  let asked = 0;
  const port = await service((socket) => {
    if (asked++ > 0) return;
    socket.write("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu");
    setTimeout(() => socket.write("sy"), 50);
  });
  const first = send(connections, port);
  first.transport.discard(await first.answer);
  const second = first.transport.send("s", 5_000, Infinity);
  await sleep(150);
  first.client.leave();
  await expect(second).rejects.toBeInstanceOf(ClientGone);
});

test("lines that end by LF alone are no answer at once", async () => {
  const port = await service((socket) => socket.write("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"));
  expect(await outcome(send(connections, port))).toBe("reset");
});

test("a large answer waits for its reader", async () => {
  const BYTES = 50_000_000;
  const port = await service((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(BYTES)}\r\n\r\n`);
    socket.write(Buffer.alloc(BYTES));
  });
  const got = await send(connections, port).answer;
  await sleep(300);
  expect(sockets[0]?.writableLength).toBeGreaterThan(BYTES / 2);
  expect((await textOf(got)).length).toBe(BYTES);
});
