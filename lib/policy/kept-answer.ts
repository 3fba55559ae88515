import { Readable } from "node:stream";
import { joined, type Freshness } from "./freshness";
import type { HeaderLine, ServiceAnswer } from "./kind";

/** An answer that is kept: which may be, what is kept of it, and how it is written down. */

/** What is kept of an answer. */
export interface Kept extends Freshness {
  /** Whom it is for, where it varies by the origin. */
  origin?: string;
  status: number;
  headers: HeaderLine[];
  storedMs: number;
  body: Buffer;
}

/** Of one exchange or one connection: never of another client's answer. */
const NOT_KEPT = new Set([
  "x-request-id",
  "date",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "trailer",
  "age",
]);

/** Its headers without those of one exchange. */
export const keptHeaders = ({ headers }: ServiceAnswer): HeaderLine[] =>
  headers.filter(([name]) => !NOT_KEPT.has(name.toLowerCase()));

/** Whether the answer is one that others may have, whatever it says of time: it depends on nothing but what the key has. */
export function isShareable(variesBy: readonly string[], { status, headers }: ServiceAnswer): boolean {
  const vary = joined(headers, "vary")
    .split(",")
    .map((word) => word.trim());
  return (
    status === 200 &&
    joined(headers, "set-cookie") === "" &&
    joined(headers, "set-cookie2") === "" &&
    joined(headers, "content-encoding") === "" &&
    vary.every((word) => ["", "accept-encoding", "origin", ...variesBy].includes(word))
  );
}

/** Whether it says to be another for another origin. */
export const variesByOrigin = ({ headers }: ServiceAnswer): boolean =>
  /(^|[,\s])origin($|[,\s])/.test(joined(headers, "vary"));

/** The body, where it is small enough to be kept; `rest` is all of it as it goes on to the client. */
export async function collect(
  body: ServiceAnswer["body"],
  max: number,
): Promise<{ bytes?: Buffer; rest: ServiceAnswer["body"] }> {
  if (Buffer.isBuffer(body)) return { rest: body, ...(body.length <= max && { bytes: body }) };
  const chunks: Buffer[] = [];
  let length = 0;
  const iterator = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    chunks.push(next.value);
    length += next.value.length;
    if (length <= max) continue;
    const bytes = Buffer.concat(chunks);
    const more = async function* (): AsyncGenerator<Buffer> {
      try {
        yield bytes;
        for (let left = await iterator.next(); !left.done; left = await iterator.next()) yield left.value;
      } finally {
        await iterator.return?.();
      }
    };
    const rest = Readable.from(more());
    // A generator that nobody has asked ends without a word to its source.
    rest.once("close", () => body.destroy());
    return { rest };
  }
  const bytes = Buffer.concat(chunks);
  return { bytes, rest: bytes };
}

export const encode = ({ body, ...head }: Kept): Buffer => {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, body]);
};

export function decode(value: Buffer): Kept {
  const length = value.readUInt32BE();
  const head = JSON.parse(value.subarray(4, 4 + length).toString("utf8")) as Omit<Kept, "body">;
  return { ...head, body: value.subarray(4 + length) };
}

export const answerOf = ({ status, headers, storedMs, ageMs, body }: Kept, nowMs: number): ServiceAnswer => {
  const age: HeaderLine = ["age", String(Math.max(0, Math.floor((nowMs - storedMs + ageMs) / 1000)))];
  return { by: "service", status, headers: [...headers, age, ["cache-status", "gatewright; hit"]], body };
};

/** In the place of an answer that is not one any more. */
export const GONE: Kept = {
  ...{ status: 0, headers: [], storedMs: 0, body: Buffer.alloc(0) },
  ...{ ageMs: 0, freshMs: 0, whileRevalidateMs: 0, ifErrorMs: 0 },
};
