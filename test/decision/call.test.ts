import { PassThrough } from "node:stream";
import type { Answer, Exchange, ServiceAnswer, State } from "../../lib/policy";
import { callService, chooseService, type Transport } from "../../lib/decision/call";
import { NoAnswer } from "../../lib/policy/no-answer";
import type { Backend, ConfiguredPolicy, Route } from "../../lib/decision/gateway";
import { BodyRefused, kindNamed, TOO_LARGE, type KindName } from "../../lib/policy";
import { aloneState } from "../../lib/decision/alone-state";

/** One call of a service with all its tries, by a transport whose time is only counted. */

type Try = number | NoAnswer["kind"] | "body-too-large" | Error;

/** Answers with what it is given, one after the other; the last one for ever. Each try takes its time. */
class Script implements Transport {
  nowMs = 1_000_000;
  readonly sent: { service: string; firstByteMs: number; leftMs: number }[] = [];
  discarded = 0;
  #streams: PassThrough[] | undefined;

  constructor(
    private readonly tries: readonly Try[],
    private readonly takesMs = 0,
  ) {}

  send(service: string, firstByteMs: number, untilMs: number): Promise<ServiceAnswer> {
    const next = this.tries[Math.min(this.sent.length, this.tries.length - 1)] ?? 200;
    this.sent.push({ service, firstByteMs, leftMs: untilMs - this.nowMs });
    this.nowMs += next === "timeout" ? firstByteMs : this.takesMs;
    if (next === "body-too-large") return Promise.reject(new BodyRefused(TOO_LARGE));
    if (next instanceof Error) return Promise.reject(next);
    if (typeof next === "string") return Promise.reject(new NoAnswer(next));
    const body = this.#streams ? new PassThrough() : Buffer.alloc(0);
    if (body instanceof PassThrough) this.#streams?.push(body);
    return Promise.resolve({ by: "service", status: next, headers: [], body });
  }

  /** From now on answers come in pieces, until what is given here has ended. */
  streams(): readonly PassThrough[] {
    this.#streams = [];
    return this.#streams;
  }

  discard(): void {
    this.discarded += 1;
  }
}

const backend = (service: string, weight: number): Backend => ({ service, weight });
const routeTo = (...backends: Backend[]): Route => ({ name: "r", match: { paths: [] }, backends, policies: [] });
const policy = (kind: KindName, config: object = {}): ConfiguredPolicy => ({
  kind,
  config: kindNamed(kind).schema.parse(config),
});

const EVERY = ["connect-failure", "reset", "timeout", "502", "503", "504"];

interface Asking {
  tries?: number;
  perTryMs?: number;
  totalMs?: number;
  retryOn?: readonly string[];
  policies?: ConfiguredPolicy[];
  state?: State;
}

async function called(script: Script, asking: Asking = {}): Promise<{ answer: Answer; exchange: Exchange }> {
  const { tries = 3, perTryMs = 2_000, totalMs, retryOn = EVERY, policies = [] } = asking;
  const exchange = {
    request: { method: "GET", headers: [], client: "203.0.113.1" },
    upstream: { set: new Map(), remove: new Set(), target: "/" },
    call: { tries, perTryMs, retryOn: new Set(retryOn), ...(totalMs !== undefined && { totalMs }) },
  } as unknown as Exchange;
  const state = asking.state ?? aloneState({ nowMs: () => script.nowMs, keys: { find: () => undefined } });
  const answer = await callService(policies, routeTo(backend("s", 100)), exchange, state, script);
  return { answer, exchange };
}

/** A status of the service, or what the gateway says in its place. */
const said = (answer: Answer): string =>
  answer.by === "service"
    ? String(answer.status)
    : [answer.refusal.status, answer.refusal.reason, answer.cause].filter((w) => w !== undefined).join(" ");

describe("tries", () => {
  test.each<[what: string, tries: Try[], asking: Asking, outcome: string, sent: number]>([
    ["a good answer is taken at once", [200], {}, "200", 1],
    ["an answer that is not listed is taken", [500], {}, "500", 1],
    ["a listed one is tried again", [503, 200], {}, "200", 2],
    ["the last try's answer is the service's own", [503, 502, 504], {}, "504", 3],
    ["a status that is not listed by this route is taken", [502, 200], { retryOn: ["503"] }, "502", 1],
    ["one try alone takes what comes", [503], { tries: 1, retryOn: EVERY }, "503", 1],
    ["a connection that fails is tried again", ["connect-failure", 200], {}, "200", 2],
    ["a connection that breaks is tried again", ["reset", "reset", 201], {}, "201", 3],
    ["a try that runs out is tried again", ["timeout", 200], {}, "200", 2],
    ["but not where that is not allowed", ["reset", 200], { retryOn: [] }, "502 no-answer no-answer", 1],
    ["without any answer it is 502", ["connect-failure"], {}, "502 no-answer no-answer", 3],
    ["without an answer in time it is 504", ["timeout"], {}, "504 timeout timeout", 3],
    ["the last try says which", ["timeout", "timeout", "reset"], {}, "502 no-answer no-answer", 3],
    [
      "a body that has turned out too large is 413, and not sent again",
      ["body-too-large"],
      {},
      "413 body-too-large",
      1,
    ],
  ])("%s", async (_, tries, asking, outcome, sent) => {
    const script = new Script(tries);
    const { answer } = await called(script, asking);
    expect([said(answer), script.sent.length]).toEqual([outcome, sent]);
  });

  test("answers that are tried again are let go of, the one that is taken is not", async () => {
    const script = new Script([503, 503, 503]);
    await called(script);
    expect(script.discarded).toBe(2);
  });

  test("anything else that goes wrong is nobody's answer", async () => {
    await expect(called(new Script([new Error("a bug")]))).rejects.toThrow("a bug");
  });
});

describe("time", () => {
  test("each try has its own", async () => {
    const script = new Script(["timeout"]);
    await called(script);
    expect(script.sent.map((s) => s.firstByteMs)).toEqual([2_000, 2_000, 2_000]);
    expect(script.sent.every((s) => s.leftMs === Infinity)).toBe(true);
  });

  test("all of them together have the total, and the last one what is left", async () => {
    const script = new Script(["timeout"]);
    const { answer } = await called(script, { totalMs: 5_000, tries: 5 });
    expect(script.sent).toEqual([
      { service: "s", firstByteMs: 2_000, leftMs: 5_000 },
      { service: "s", firstByteMs: 2_000, leftMs: 3_000 },
      { service: "s", firstByteMs: 1_000, leftMs: 1_000 },
    ]);
    expect(said(answer)).toBe("504 timeout timeout");
  });

  test("when it is over nothing is sent, and it is 504 whatever the last try has said", async () => {
    const script = new Script([503], 3_000);
    const { answer } = await called(script, { totalMs: 5_000, tries: 10 });
    expect(script.sent).toHaveLength(2);
    expect(said(answer)).toBe("504 timeout timeout");
  });

  test("a single try is cut by the total as well", async () => {
    const script = new Script([200]);
    await called(script, { tries: 1, perTryMs: 15_000, totalMs: 500 });
    expect(script.sent).toEqual([{ service: "s", firstByteMs: 500, leftMs: 500 }]);
  });
});

describe("what stands around the call", () => {
  const policies = [
    policy("fallback", { status: 200, body: "instead" }),
    policy("circuitBreaker", { minimumCalls: 2, minimumCallers: 1, errorPercent: 50 }),
  ];

  test("a breaker counts a call with all its tries once", async () => {
    const script = new Script(["reset"]);
    const state = aloneState({ nowMs: () => script.nowMs, keys: { find: () => undefined } });
    await called(script, { policies, state });
    expect(state.breakers.states(script.nowMs)).toEqual([{ service: "s", state: "closed" }]);
    await called(script, { policies, state });
    expect(state.breakers.states(script.nowMs)).toEqual([{ service: "s", state: "open" }]);
    expect(script.sent).toHaveLength(6);
    await called(script, { policies, state });
    expect(script.sent).toHaveLength(6);
  });

  test("an answer counts with its last byte, that of a stream with its head", async () => {
    for (const longExchanges of [false, true]) {
      const breaker = policy("circuitBreaker", { minimumCalls: 1, minimumCallers: 1 });
      const script = new Script([503]);
      const bodies = script.streams();
      const state = aloneState({ nowMs: () => script.nowMs, keys: { find: () => undefined } });
      const config = { ...(breaker.config as object), longExchanges };
      await called(script, { policies: [{ ...breaker, config }], state, tries: 1 });
      const stateNow = (): string | undefined => state.breakers.states(script.nowMs)[0]?.state;
      expect(stateNow()).toBe(longExchanges ? "open" : "closed");
      bodies[0]?.destroy();
      await new Promise((resolve) => setImmediate(resolve));
      expect(stateNow()).toBe("open");
    }
  });

  test("a service that answers 503 by a try that goes well was well", async () => {
    const script = new Script([503, 200, 503, 200]);
    const state = aloneState({ nowMs: () => script.nowMs, keys: { find: () => undefined } });
    for (let i = 0; i < 2; i++) await called(script, { policies, state });
    expect(state.breakers.states(script.nowMs)).toEqual([{ service: "s", state: "closed" }]);
  });

  test("the fallback answers for a breaker inside it, and says nothing of what a service has said", async () => {
    const script = new Script(["reset"]);
    const state = aloneState({ nowMs: () => script.nowMs, keys: { find: () => undefined } });
    const outcomes: string[] = [];
    for (let i = 0; i < 3; i++) outcomes.push(said((await called(script, { policies, state })).answer));
    expect(outcomes).toEqual(["200 no-answer no-answer", "200 no-answer no-answer", "200 breaker-open breaker-open"]);
    expect(said((await called(new Script([500]), { policies })).answer)).toBe("500");
  });

  test("what is done to every answer is done last, whatever the order of the policies", async () => {
    const large = new Script([200]);
    large.send = () =>
      Promise.resolve({
        by: "service",
        status: 200,
        headers: [["content-type", "text/plain"]],
        body: Buffer.alloc(5_000, "x"),
      });
    const exchange = {
      request: { method: "GET", host: "s.test", headers: [["accept-encoding", "gzip"]] },
      system: "s",
      environment: "e",
      upstream: { set: new Map(), remove: new Set(), target: "/" },
      call: { tries: 1, perTryMs: 1_000, retryOn: new Set() },
    } as unknown as Exchange;
    const state = aloneState({ keys: { find: () => undefined } });
    const both = [policy("cache", { group: "g", by: "everyone" }), policy("compression")];
    const run = (): Promise<Answer> => callService(both, routeTo(backend("s", 1)), exchange, state, large);
    // What is kept is plain; each client gets it as it likes.
    for (let i = 0; i < 2; i++) {
      const answer = await run();
      expect(answer.by === "service" && answer.headers.find(([n]) => n === "content-encoding")?.[1]).toBe("gzip");
    }
    const { value } = await state.shared.cached("s:e:g", "s  s.test   /");
    expect(value?.includes("x".repeat(5_000))).toBe(true);
  });
});

const NOBODY = {} as Exchange;

describe("a rollout", () => {
  const at = (share: number, sticky: string): Route => ({
    ...routeTo({ service: "new", weight: share }, { service: "old", weight: 100 - share }),
    policies: [{ kind: "weights", config: { rollout: { to: "new", sticky } } }],
  });
  const user = (n: number): Exchange => ({ identity: { issuer: "main", user: `u${String(n)}` } }) as Exchange;
  const tenant = (n: number): Exchange => ({ tenant: [`t${String(n)}`, "x"] }) as unknown as Exchange;
  const EVERY = Array.from({ length: 2_000 }, (_, n) => n);

  test.each([
    ["user", user],
    ["tenant", tenant],
  ])("by %s: whoever has been on the new side stays there, and each step has its share", (sticky, exchange) => {
    const newAt = (share: number): Set<number> =>
      new Set(EVERY.filter((n) => chooseService(at(share, sticky), exchange(n)) === "new"));
    const [ten, half, most] = [newAt(10), newAt(50), newAt(90)];
    expect([...ten].every((n) => half.has(n)) && [...half].every((n) => most.has(n))).toBe(true);
    const shares = [ten, half, most].map(({ size }) => Math.round((size / EVERY.length) * 100));
    [10, 50, 90].forEach((share, i) => {
      expect(Math.abs((shares[i] ?? 0) - share)).toBeLessThanOrEqual(2);
    });
    expect(newAt(50)).toEqual(half);
  });

  test("who is not known is shared by chance, and so is everybody where nothing sticks", () => {
    const at50 = (exchange: Exchange, sticky: string, chance: number): string =>
      chooseService(at(50, sticky), exchange, () => chance);
    expect([0, 0.49, 0.51].map((chance) => at50(NOBODY, "user", chance))).toEqual(["new", "new", "old"]);
    expect([0, 0.49, 0.51].map((chance) => at50(user(1), "none", chance))).toEqual(["new", "new", "old"]);
  });
});

describe("backends", () => {
  const shares = (...backends: Backend[]): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < 1_000; i++) {
      const service = chooseService(routeTo(...backends), NOBODY, () => i / 1_000);
      counts[service] = (counts[service] ?? 0) + 1;
    }
    return counts;
  };

  test.each<[string, Backend[], Record<string, number>]>([
    ["the only one", [backend("a", 100)], { a: 1_000 }],
    ["by weight", [backend("a", 90), backend("b", 10)], { a: 900, b: 100 }],
    ["weights need not sum up to anything", [backend("a", 1), backend("b", 3)], { a: 250, b: 750 }],
    ["weight 0 gets nothing, first", [backend("a", 0), backend("b", 1)], { b: 1_000 }],
    ["nor last", [backend("a", 1), backend("b", 0)], { a: 1_000 }],
    ["three", [backend("a", 1), backend("b", 1), backend("c", 2)], { a: 250, b: 250, c: 500 }],
    ["one service twice", [backend("a", 1), backend("b", 2), backend("a", 1)], { a: 500, b: 500 }],
  ])("%s", (_, backends, counts) => {
    expect(shares(...backends)).toEqual(counts);
  });

  test("the chosen one is what the exchange says", async () => {
    const script = new Script([200]);
    const { exchange } = await called(script);
    expect([exchange.service, script.sent[0]?.service]).toEqual(["s", "s"]);
  });
});
