import { z } from "zod";
import {
  headerValues,
  namedByConnection,
  policyKind,
  type Answer,
  type Exchange,
  type GatewayRequest,
  type State,
} from "../kind";
import { freshnessOf, keptMs, useOf } from "../freshness";
import {
  answerOf,
  collect,
  decode,
  encode,
  GONE,
  isShareable,
  keptHeaders,
  variesByOrigin,
  type Kept,
} from "../kept-answer";
import { NoAnswer, noAnswer } from "../no-answer";
import { duration, name, SAFE_METHODS, size } from "../values";

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

/** A service that is asked behind its answer's back has this long, in milliseconds, to end another one. */
const BEHIND_MS = 30_000;

type CacheConfig = z.output<typeof schema> & {
  /** Request headers that belong to an answer's key. */
  variesBy?: readonly string[];
};

const part = (text: string): string => encodeURIComponent(text);

/** The group of one tenant, user or of everyone; nothing where the request has none. */
function groupOf({ by, group }: CacheConfig, { system, environment, tenant, identity }: Exchange): string | undefined {
  const owner =
    by === "everyone" ? [] : by === "user" ? identity && [identity.issuer, identity.user] : tenant && [...tenant];
  return owner && [system, environment, group, ...owner].map(part).join(":");
}

interface Fetched {
  answer: Answer;
  /** For those who wait for the same. */
  kept?: Kept;
}

/** Lets go of an answer that nobody reads. */
function discard(answer: Answer): void {
  if (answer.by === "gateway" || Buffer.isBuffer(answer.body)) return;
  answer.body.on("error", () => undefined);
  answer.body.destroy();
}

/** A service that fails, or does not answer (RFC 5861 section 4). */
const isError = (answer: Answer): boolean =>
  answer.by === "gateway" ? answer.cause !== undefined : [500, 502, 503, 504].includes(answer.status);

const originOf = (request: GatewayRequest): string => headerValues(request, "origin").join(",");

/** One request for something that may be kept. */
class Lookup {
  readonly #key: string;

  constructor(
    private readonly config: CacheConfig,
    private readonly group: string,
    private readonly exchange: Exchange,
    private readonly state: State,
    private readonly call: () => Promise<Answer>,
  ) {
    const { request, upstream, service } = exchange;
    this.#key = [service ?? "", request.scheme, request.host, ...this.#varied(), upstream.target].join(" ");
  }

  /** The headers that belong to the key, as the service hears them. */
  #varied(): string[] {
    const { request, upstream } = this.exchange;
    const ofConnection = namedByConnection(request);
    return (this.config.variesBy ?? VARIES_BY).map((name) => {
      const isDropped = upstream.remove.has(name) || ofConnection.includes(name);
      return part(upstream.set.get(name) ?? (isDropped ? "" : headerValues(request, name).join(",")));
    });
  }

  async answer(): Promise<Answer> {
    const { state, group, exchange } = this;
    const { version, value } = await state.shared
      .cached(group, this.#key)
      .catch(() => ({ version: undefined, value: undefined }));
    const found = value && decode(value);
    const kept = found && this.#fits(found) ? found : undefined;
    const use = kept ? useOf(kept, exchange.request, state.nowMs() - kept.storedMs) : "none";
    state.count(use === "fresh" || use === "while-revalidate" ? "cache-hit" : "cache-miss");
    if (kept && use === "fresh") return answerOf(kept, state.nowMs());
    // The version is part of it, so that nobody joins a call that was sent before his own write.
    const flight = `${group} ${version ?? ""} ${this.#key}`;
    if (kept && use === "while-revalidate") {
      this.#fetchBehind(`behind ${flight}`, version);
      return answerOf(kept, state.nowMs());
    }
    const answer = await this.#fetchOnce(flight, () => this.#fetch(version, kept !== undefined));
    if (!kept || use !== "if-error" || !isError(answer)) return answer;
    discard(answer);
    return answerOf(kept, state.nowMs());
  }

  #fits({ origin }: Kept): boolean {
    return origin === undefined || origin === originOf(this.exchange.request);
  }

  /** Asks the service, once for all who ask for the same at once. */
  async #fetchOnce(flight: string, fetch: () => Promise<Fetched>): Promise<Answer> {
    const { flights } = this.state;
    for (;;) {
      const others = flights.joined<Fetched>(flight);
      if (!others) return (await flights.lead(flight, fetch)).answer;
      // A call that broke off, as its client may have left, says nothing: one of those who waited calls for the others.
      const fetched = await others.catch(() => undefined);
      if (!fetched) continue;
      return fetched.kept && this.#fits(fetched.kept) ? answerOf(fetched.kept, this.state.nowMs()) : this.call();
    }
  }

  /** Fetches another answer while the client has one, which nobody waits for. */
  #fetchBehind(flight: string, version: string | undefined): void {
    const { flights } = this.state;
    if (flights.joined(flight)) return;
    const over = AbortSignal.timeout(BEHIND_MS);
    void flights
      .lead(flight, () => this.#fetch(version, true, over))
      .then(
        ({ answer }) => {
          discard(answer);
        },
        () => undefined,
      );
  }

  /** The service's answer, which is kept where others may have it. */
  async #fetch(version: string | undefined, replaces: boolean, over?: AbortSignal): Promise<Fetched> {
    const { config, state, exchange } = this;
    const answer = await this.call();
    const freshness =
      answer.by === "service" && isShareable(config.variesBy ?? VARIES_BY, answer)
        ? freshnessOf(exchange.request, answer, config.ttl, state.nowMs())
        : undefined;
    if (answer.by === "gateway" || !freshness) {
      // What was kept is not what the service says now.
      if (replaces && !isError(answer)) await this.#keep(version, GONE);
      return { answer };
    }
    const { body } = answer;
    if (!Buffer.isBuffer(body)) over?.addEventListener("abort", () => body.destroy(new Error("It took too long.")));
    let collected;
    try {
      collected = await collect(body, config.maxBody);
    } catch (error) {
      return { answer: noAnswer(error instanceof NoAnswer && error.kind === "timeout" ? "timeout" : "no-answer") };
    }
    const { bytes, rest } = collected;
    if (!bytes) return { answer: { ...answer, body: rest } };
    const kept: Kept = {
      ...freshness,
      ...(variesByOrigin(answer) && { origin: originOf(exchange.request) }),
      status: answer.status,
      headers: keptHeaders(answer),
      storedMs: state.nowMs(),
      body: bytes,
    };
    await this.#keep(version, kept);
    return { answer: { ...answer, body: bytes }, kept };
  }

  #keep(version: string | undefined, kept: Kept): Promise<void> {
    return this.state.shared
      .keep(this.group, this.#key, version, encode(kept), Math.max(1000, keptMs(kept)))
      .catch(() => undefined);
  }
}

/** What nobody else may be answered with, or is asked with a body that the key does not have. */
function isAlone(by: CacheConfig["by"], request: GatewayRequest): boolean {
  const has = (name: string): boolean => headerValues(request, name).length > 0;
  return (
    request.method !== "GET" ||
    has("range") ||
    has("transfer-encoding") ||
    headerValues(request, "content-length").some((length) => !/^0+$/.test(length)) ||
    // What is answered to somebody who has said who he is, is his (RFC 9111 section 3.5).
    (by === "everyone" && ["authorization", "cookie"].some(has))
  );
}

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
    const { request, upstream } = exchange;
    if (!SAFE_METHODS.includes(request.method)) {
      try {
        return await call();
      } finally {
        // Whatever was answered: the service may have written. It is dropped before the client hears of it.
        await state.drops.drop(group, (g) => state.shared.drop(g));
      }
    }
    if (isAlone(config.by, request) || state.drops.has(group)) return call();
    // Who asked for conditions or encodings does not decide what others get.
    for (const header of ["if-none-match", "if-modified-since", "accept-encoding"]) upstream.remove.add(header);
    return new Lookup(config, group, exchange, state, call).answer();
  },
});
