import { Readable } from "node:stream";
import { z } from "zod";
import {
  headerValues,
  policyKind,
  type Answer,
  type Exchange,
  type HeaderLine,
  type ServiceAnswer,
  type State,
} from "./kind";
import { NoAnswer, noAnswer } from "./no-answer";
import { duration, name, size } from "./values";

const schema = z.strictObject({
  ttl: duration.prefault("5m"),
  /** Who shares an answer. */
  by: z.enum(["tenant", "user", "everyone"]).default("tenant"),
  /** Routes that name the same group are one: a write through any of them drops what all of them have cached. */
  group: name,
  /** Larger answers are passed on and not kept. */
  maxBody: size.prefault("1MiB"),
});

type CacheConfig = z.output<typeof schema>;

/** What is kept of an answer. */
interface Kept {
  status: number;
  headers: HeaderLine[];
  storedMs: number;
  body: Buffer;
}

const SAFE = ["GET", "HEAD", "OPTIONS"];

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

const part = (text: string): string => encodeURIComponent(text);

/** The group of one tenant, user or of everyone; nothing where the request has none. */
function groupOf({ by, group }: CacheConfig, { system, environment, tenant, identity }: Exchange): string | undefined {
  const owner =
    by === "everyone" ? [] : by === "user" ? identity && [identity.issuer, identity.user] : tenant && [...tenant];
  return owner && [system, environment, group, ...owner].map(part).join(":");
}

const valuesOf = (headers: readonly HeaderLine[], name: string): string =>
  headers
    .filter(([n]) => n.toLowerCase() === name)
    .map(([, value]) => value.toLowerCase())
    .join(",");

/** Whether others may have this answer (RFC 9111 section 3): it depends on nothing but the target and the group. */
function isShareable({ status, headers }: ServiceAnswer): boolean {
  const control = valuesOf(headers, "cache-control");
  const vary = valuesOf(headers, "vary")
    .split(",")
    .map((word) => word.trim());
  return (
    status === 200 &&
    !/no-store|no-cache|private|max-age=0(\D|$)/.test(control) &&
    valuesOf(headers, "set-cookie") === "" &&
    valuesOf(headers, "content-encoding") === "" &&
    vary.every((word) => ["", "origin", "accept-encoding"].includes(word))
  );
}

/** The body, where it is small enough to be kept; `rest` is all of it as it goes on to the client. */
async function collect(
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
    return { rest: Readable.from(more()) };
  }
  const bytes = Buffer.concat(chunks);
  return { bytes, rest: bytes };
}

const encode = ({ body, ...head }: Kept): Buffer => {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, body]);
};

function decode(value: Buffer): Kept {
  const length = value.readUInt32BE();
  const head = JSON.parse(value.subarray(4, 4 + length).toString("utf8")) as Omit<Kept, "body">;
  return { ...head, body: value.subarray(4 + length) };
}

const answerOf = ({ status, headers, storedMs, body }: Kept, nowMs: number): ServiceAnswer => {
  const age: HeaderLine = ["age", String(Math.max(0, Math.floor((nowMs - storedMs) / 1000)))];
  return { by: "service", status, headers: [...headers, age, ["cache-status", "gatewright; hit"]], body };
};

interface Fetched {
  answer: Answer;
  /** For those who wait for the same. */
  kept?: Kept;
}

/** The service's answer, which is kept where others may have it. */
async function fetchFor(
  maxBody: number,
  state: State,
  call: () => Promise<Answer>,
  keep: (kept: Kept) => Promise<void>,
): Promise<Fetched> {
  const answer = await call();
  if (answer.by === "gateway" || !isShareable(answer)) return { answer };
  let collected;
  try {
    collected = await collect(answer.body, maxBody);
  } catch (error) {
    return { answer: noAnswer(error instanceof NoAnswer && error.kind === "timeout" ? "timeout" : "no-answer") };
  }
  const { bytes, rest } = collected;
  if (!bytes) return { answer: { ...answer, body: rest } };
  const headers = answer.headers.filter(([header]) => !NOT_KEPT.has(header.toLowerCase()));
  const kept = { status: answer.status, headers, storedMs: state.nowMs(), body: bytes };
  await keep(kept).catch(() => undefined);
  return { answer: { ...answer, body: bytes }, kept };
}

/**
 * Answers to GET kept for a while, shared by all replicas and by one tenant, user or everyone, and dropped by any write
 * through the same group. While the store is away every request goes to the service.
 */
export const cache = policyKind({
  kind: "cache",
  schema,
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: () => ["ResponseCache"],
  async around(config, exchange, state, call) {
    const group = groupOf(config, exchange);
    if (group === undefined) return call();
    const { request, upstream, service } = exchange;
    if (!SAFE.includes(request.method)) {
      try {
        return await call();
      } finally {
        // Whatever was answered: the service may have written. It is dropped before the client hears of it.
        await state.drops.drop(group, (g) => state.shared.drop(g));
      }
    }
    const cannotShare =
      request.method !== "GET" ||
      headerValues(request, "range").length > 0 ||
      // What is answered to somebody who has said who he is, is his (RFC 9111 section 3.5).
      (config.by === "everyone" && ["authorization", "cookie"].some((name) => headerValues(request, name).length > 0));
    if (cannotShare || state.drops.has(group)) return call();
    const key = `${service ?? ""} ${request.host} ${headerValues(request, "accept").join(",")} ${upstream.target}`;
    // Who asked for conditions or encodings does not decide what others get.
    for (const header of ["if-none-match", "if-modified-since", "accept-encoding"]) upstream.remove.add(header);
    const { version, value } = await state.shared
      .cached(group, key)
      .catch(() => ({ version: undefined, value: undefined }));
    state.count(value ? "cache-hit" : "cache-miss");
    if (value) return answerOf(decode(value), state.nowMs());

    const keep = (kept: Kept): Promise<void> => state.shared.keep(group, key, version, encode(kept), config.ttl);
    const fetch = (): Promise<Fetched> => fetchFor(config.maxBody, state, call, keep);
    // The version is part of it, so that nobody joins a call that was sent before his own write.
    const flight = `${group} ${version ?? ""} ${key}`;
    for (;;) {
      const others = state.flights.joined<Fetched>(flight);
      if (!others) return (await state.flights.lead(flight, fetch)).answer;
      // A call that broke off, as its client may have left, says nothing: one of those who waited calls for the others.
      const fetched = await others.catch(() => undefined);
      if (fetched) return fetched.kept ? answerOf(fetched.kept, state.nowMs()) : call();
    }
  },
});
