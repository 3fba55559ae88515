import { Readable } from "node:stream";
import { z } from "zod";
import {
  headerValues,
  policyKind,
  type Answer,
  type Exchange,
  type GatewayRequest,
  type HeaderLine,
  type ServiceAnswer,
  type State,
} from "./kind";
import { freshnessOf, keptMs, useOf, type Freshness } from "./freshness";
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

/** Request headers that belong to an answer's key where a model says nothing else. */
const VARIES_BY: readonly string[] = ["accept", "origin"];

type CacheConfig = z.output<typeof schema> & {
  /** Request headers that belong to an answer's key. */
  variesBy?: readonly string[];
};

/** What is kept of an answer. */
interface Kept extends Freshness {
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

/** Whether the answer is one that others may have, whatever it says of time: it depends on nothing but what the key has. */
function isShareable({ variesBy = VARIES_BY }: CacheConfig, { status, headers }: ServiceAnswer): boolean {
  const vary = valuesOf(headers, "vary")
    .split(",")
    .map((word) => word.trim());
  return (
    status === 200 &&
    valuesOf(headers, "set-cookie") === "" &&
    valuesOf(headers, "set-cookie2") === "" &&
    valuesOf(headers, "content-encoding") === "" &&
    vary.every((word) => ["", "accept-encoding", "origin", ...variesBy].includes(word))
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

const answerOf = ({ status, headers, storedMs, ageMs, body }: Kept, nowMs: number): ServiceAnswer => {
  const age: HeaderLine = ["age", String(Math.max(0, Math.floor((nowMs - storedMs + ageMs) / 1000)))];
  return { by: "service", status, headers: [...headers, age, ["cache-status", "gatewright; hit"]], body };
};

interface Fetched {
  answer: Answer;
  /** For those who wait for the same. */
  kept?: Kept;
}

/** The service's answer, which is kept where others may have it. */
async function fetchFor(
  config: CacheConfig,
  request: GatewayRequest,
  state: State,
  call: () => Promise<Answer>,
  keep: (kept: Kept) => Promise<void>,
): Promise<Fetched> {
  const answer = await call();
  if (answer.by === "gateway" || !isShareable(config, answer)) return { answer };
  const freshness = freshnessOf(request, answer, config.ttl);
  if (!freshness) return { answer };
  let collected;
  try {
    collected = await collect(answer.body, config.maxBody);
  } catch (error) {
    return { answer: noAnswer(error instanceof NoAnswer && error.kind === "timeout" ? "timeout" : "no-answer") };
  }
  const { bytes, rest } = collected;
  if (!bytes) return { answer: { ...answer, body: rest } };
  const headers = answer.headers.filter(([header]) => !NOT_KEPT.has(header.toLowerCase()));
  const kept = { ...freshness, status: answer.status, headers, storedMs: state.nowMs(), body: bytes };
  await keep(kept).catch(() => undefined);
  return { answer: { ...answer, body: bytes }, kept };
}

/** Lets go of an answer that nobody reads. */
function discard(answer: Answer): void {
  if (answer.by === "gateway" || Buffer.isBuffer(answer.body)) return;
  answer.body.on("error", () => undefined);
  answer.body.resume();
}

/** A service that fails, or does not answer (RFC 5861 section 4). */
const isError = (answer: Answer): boolean =>
  answer.by === "gateway" ? answer.cause !== undefined : [500, 502, 503, 504].includes(answer.status);

/** Asks the service, once for all who ask for the same at once. */
async function fetchOnce(
  state: State,
  flight: string,
  fetch: () => Promise<Fetched>,
  call: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    const others = state.flights.joined<Fetched>(flight);
    if (!others) return (await state.flights.lead(flight, fetch)).answer;
    // A call that broke off, as its client may have left, says nothing: one of those who waited calls for the others.
    const fetched = await others.catch(() => undefined);
    if (fetched) return fetched.kept ? answerOf(fetched.kept, state.nowMs()) : call();
  }
}

/** What nobody else may be answered with, or is asked with a body that the key does not have. */
const isAlone = (by: CacheConfig["by"], request: GatewayRequest): boolean => {
  const has = (name: string): boolean => headerValues(request, name).some((value) => value !== "0");
  return (
    request.method !== "GET" ||
    ["range", "content-length", "transfer-encoding"].some(has) ||
    // What is answered to somebody who has said who he is, is his (RFC 9111 section 3.5).
    (by === "everyone" && ["authorization", "cookie"].some(has))
  );
};

/**
 * Answers to GET kept for a while (RFC 9111), shared by all replicas and by one tenant, user or everyone, and dropped by any
 * write through the same group. `ttl` is the most; the service's word shortens it. While the store is away every request goes
 * to the service.
 */
export const cache = policyKind({
  kind: "cache",
  schema,
  phase: "upstream",
  sees: "response",
  perHost: false,
  requires: () => ["ResponseCache"],
  async around(config: CacheConfig, exchange, state, call) {
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
    if (isAlone(config.by, request) || state.drops.has(group)) return call();
    const varied = (config.variesBy ?? VARIES_BY).map((name) => part(headerValues(request, name).join(",")));
    const key = `${service ?? ""} ${request.host} ${varied.join(" ")} ${upstream.target}`;
    // Who asked for conditions or encodings does not decide what others get.
    for (const header of ["if-none-match", "if-modified-since", "accept-encoding"]) upstream.remove.add(header);
    const { version, value } = await state.shared
      .cached(group, key)
      .catch(() => ({ version: undefined, value: undefined }));
    const kept = value && decode(value);
    const use = kept ? useOf(kept, request, state.nowMs() - kept.storedMs) : "none";
    state.count(use === "fresh" || use === "while-revalidate" ? "cache-hit" : "cache-miss");
    if (kept && use === "fresh") return answerOf(kept, state.nowMs());

    const keep = (kept: Kept): Promise<void> => state.shared.keep(group, key, version, encode(kept), keptMs(kept));
    const fetch = (): Promise<Fetched> => fetchFor(config, request, state, call, keep);
    // The version is part of it, so that nobody joins a call that was sent before his own write.
    const flight = `${group} ${version ?? ""} ${key}`;
    if (kept && use === "while-revalidate") {
      if (!state.flights.joined(flight))
        void state.flights.lead(flight, fetch).then(
          ({ answer }) => {
            discard(answer);
          },
          () => undefined,
        );
      return answerOf(kept, state.nowMs());
    }
    const answer = await fetchOnce(state, flight, fetch, call);
    if (!kept || use !== "if-error" || !isError(answer)) return answer;
    discard(answer);
    return answerOf(kept, state.nowMs());
  },
});
