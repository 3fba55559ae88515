import { PassThrough } from "node:stream";
import { Departure } from "../../lib/filter/departure";
import { IncomingBody } from "../../lib/filter/incoming-body";
import { Balancer } from "../../lib/decision/balancer";
import type { Connections } from "../../lib/filter/upstream/connections";
import { HttpTransport, type UpgradedAnswer } from "../../lib/filter/upstream/transport";
import type { Exchange } from "../../lib/policy";

/** A request to a service at a port of this machine, past everything that decides. */
export interface Sent {
  /** The body, as its client sends it. */
  message: PassThrough;
  client: Departure;
  answer: Promise<UpgradedAnswer>;
  transport: HttpTransport;
}

interface What {
  /** The body is had whole before it is sent. */
  read?: boolean;
  method?: string;
  /** Its body is told by a length, or comes in chunks; without it there is none. */
  body?: { length: number } | "chunked";
  firstByteMs?: number;
  untilMs?: number;
  idleMs?: number;
}

export function send(connections: Connections, port: number, what: What = {}): Sent {
  const { method = what.body ? "POST" : "GET", body, firstByteMs = 5_000, untilMs = Infinity, idleMs = 60_000 } = what;
  const length = typeof body === "object" ? String(body.length) : undefined;
  const message = Object.assign(new PassThrough(), {
    headers: {
      ...(length !== undefined && { "content-length": length }),
      ...(body === "chunked" && { "transfer-encoding": "chunked" }),
    },
    setTimeout: () => undefined,
    socket: { destroy: () => undefined },
  });
  const exchange = {
    request: {
      ...{ scheme: "https", host: "s.test", client: "203.0.113.7", method },
      headers: [["Host", "s.test"], ...(length === undefined ? [] : [["Content-Length", length]])],
    },
    upstream: { set: new Map(), remove: new Set(), target: "/" },
    call: { tries: 1, idleMs },
  } as unknown as Exchange;
  const client = new Departure();
  const incoming = new IncomingBody(message as never);
  const transport = new HttpTransport({
    exchange,
    tls: {},
    several: {},
    balancer: new Balancer(),
    addresses: { s: `127.0.0.1:${String(port)}` },
    ofHost: { identityHeaders: [], passedHeaders: [] },
    body: incoming,
    connections,
    client,
    headBytes: 32_768,
    websocket: false,
  });
  const held = what.read ? incoming.read(Infinity) : Promise.resolve();
  return { message, client, transport, answer: held.then(() => transport.send("s", firstByteMs, untilMs)) };
}

/** The whole body of an answer. */
export async function textOf({ body }: UpgradedAnswer): Promise<string> {
  if (Buffer.isBuffer(body)) return body.toString("latin1");
  let text = "";
  for await (const bytes of body) text += (bytes as Buffer).toString("latin1");
  return text;
}
