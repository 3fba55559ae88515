import { isIP, type Server, type Socket } from "node:net";
import { canonicalAddress } from "../policy/client-address";

/** Who calls, by the PROXY protocol of HAProxy, versions 1 and 2: what a balancer writes before everything else on a connection. */

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
const V1 = Buffer.from("PROXY ", "latin1");
/** Section 2.1: the longest line there can be. */
const LONGEST_LINE = 107;
const V2_HEAD = 16;
/** What a balancer adds (section 2.2.7, AWS: the id of an endpoint) is a few dozen bytes. */
const LONGEST_V2 = 4_096;
const LOCAL = 0x20;
const PROXY = 0x21;
const TCP4 = 0x11;
const TCP6 = 0x21;

export interface Announced {
  /** The client; nothing where the balancer speaks for itself. */
  client?: string;
  /** Bytes of the header. */
  length: number;
}

/** What is announced; nothing where more has to come, and "none" where it is no header. */
export function readAnnouncement(bytes: Buffer): Announced | "none" | undefined {
  const begins = (with_: Buffer): boolean => {
    const length = Math.min(bytes.length, with_.length);
    return bytes.compare(with_, 0, length, 0, length) === 0;
  };
  if (begins(V1)) return readLine(bytes);
  return begins(SIGNATURE) ? readBinary(bytes) : "none";
}

function readLine(bytes: Buffer): Announced | "none" | undefined {
  const end = bytes.indexOf("\r\n");
  if (end < 0 ? bytes.length >= LONGEST_LINE : end + 2 > LONGEST_LINE) return "none";
  if (end < 0) return undefined;
  const [, family, source, destination, ...ports] = bytes.toString("latin1", 0, end).split(" ");
  if (family === "UNKNOWN") return { length: end + 2 };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : -1;
  const areGood = isIP(source ?? "") === version && isIP(destination ?? "") === version;
  if (!areGood || ports.length !== 2 || !ports.every((port) => /^\d{1,5}$/.test(port))) return "none";
  return { ...clientOf(source ?? ""), length: end + 2 };
}

function readBinary(bytes: Buffer): Announced | "none" | undefined {
  if (bytes.length < V2_HEAD) return undefined;
  const [command = 0, family = 0] = bytes.subarray(12);
  const rest = bytes.readUInt16BE(14);
  const length = V2_HEAD + rest;
  if ((command !== LOCAL && command !== PROXY) || length > LONGEST_V2) return "none";
  if (bytes.length < length) return undefined;
  // Section 2.2: of what is not TCP over IP nothing is told that could be used.
  if (command === LOCAL || (family !== TCP4 && family !== TCP6)) return { length };
  const size = family === TCP4 ? 4 : 16;
  if (rest < 2 * size + 4) return "none";
  const source = bytes.subarray(V2_HEAD, V2_HEAD + size);
  const groups = Array.from({ length: 8 }, (_, i) => (size === 16 ? source.readUInt16BE(2 * i).toString(16) : ""));
  return { ...clientOf(size === 4 ? source.join(".") : groups.join(":")), length };
}

function clientOf(text: string): { client?: string } {
  const client = canonicalAddress(text);
  return client === undefined ? {} : { client };
}

/** By both ends of a connection: behind TLS there is another object for it. */
const announced = new Map<string, string>();

const keyOf = ({ remoteAddress = "", remotePort = 0, localPort = 0 }: Socket): string =>
  `${remoteAddress} ${String(remotePort)} ${String(localPort)}`;

/** The client that was announced on this connection. */
export const announcedClient = (socket: Socket): string | undefined =>
  announced.size === 0 ? undefined : announced.get(keyOf(socket));

/** Reads the header of each connection before its server hears of it. Without one, or with a late one, the connection ends. */
export function expectAnnouncements(server: Server, withinMs: number): void {
  const listeners = server.listeners("connection") as ((this: Server, socket: Socket) => void)[];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const late = setTimeout(() => socket.destroy(), withinMs).unref();
    const broken = (): void => {
      clearTimeout(late);
      socket.destroy();
    };
    let held = Buffer.alloc(0);
    const onReadable = (): void => {
      const more = socket.read() as Buffer | null;
      if (!more) return;
      held = Buffer.concat([held, more]);
      const found = readAnnouncement(held);
      if (found === undefined) return;
      // Errors stay heard: a reset before the server listens would be nobody's, and end the process.
      socket.off("readable", onReadable).off("end", broken);
      clearTimeout(late);
      if (found === "none") {
        socket.destroy();
        return;
      }
      if (found.client !== undefined) {
        const key = keyOf(socket);
        announced.set(key, found.client);
        socket.once("close", () => announced.delete(key));
      }
      socket.unshift(held.subarray(found.length));
      // Only then does the stream wait for whoever reads it next.
      setImmediate(() => {
        if (socket.destroyed) return;
        for (const listener of listeners) listener.call(server, socket);
      });
    };
    socket.on("readable", onReadable).on("error", broken).on("end", broken);
  });
}
