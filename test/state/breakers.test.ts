import { aloneState } from "../../lib/decision/alone-state";
import { STALLED, type Answer, type Exchange } from "../../lib/policy";
import { circuitBreaker } from "../../lib/policy/kinds/circuit-breaker";
import { CircuitBreakers, type BreakerRules, type Call, type BreakerState } from "../../lib/state/breakers";

const RULES: BreakerRules = {
  errorPercent: 50,
  minimumCallers: 1,
  minimumCalls: 4,
  windowMs: 10_000,
  openForMs: 30_000,
};

type Breaker = ReturnType<CircuitBreakers["of"]>;
type Outcome = Parameters<Breaker["record"]>[0];

/** One breaker in a time of its own. */
class Bench {
  readonly breakers = new CircuitBreakers();
  readonly breaker = this.breakers.of("s");
  now = 1_000_000;
  readonly #sent: Call[] = [];

  constructor(private readonly rules: Partial<BreakerRules> = {}) {}

  get state(): BreakerState {
    return this.breaker.stateAt(this.now);
  }

  admit(): number {
    const { waitMs, call } = this.breaker.admit(this.now);
    if (waitMs === 0) this.#sent.push(call);
    return waitMs;
  }

  /** Tells of the oldest call that is under way. */
  record(outcome: Outcome): void {
    this.breaker.record(
      outcome,
      "a",
      { ...RULES, ...this.rules },
      this.now,
      this.#sent.shift() ?? { atMs: 0, tries: false },
    );
  }

  /** Calls that end at once, `o` well and `x` badly; those that are not admitted are not told of. */
  calls(outcomes: string): string {
    return Array.from(outcomes, (c) => {
      if (this.admit() > 0) return "-";
      this.record(c === "o" ? "ok" : c === "x" ? "error" : "unknown");
      return c;
    }).join("");
  }

  /** Opens it, and waits until it may be tried. */
  halfOpen(): this {
    this.calls("xxxx");
    this.now += RULES.openForMs;
    return this;
  }
}

describe("closed", () => {
  test.each<[string, string, Partial<BreakerRules>, BreakerState]>([
    ["no call", "", {}, "closed"],
    ["errors below the smallest number of calls", "xxx", {}, "closed"],
    ["that many calls, all of them errors", "xxxx", {}, "open"],
    ["that many calls, exactly the share of them errors", "ooxx", {}, "open"],
    ["one error less", "ooox", {}, "closed"],
    ["the share is of all calls, not of the last ones", "ooooooxxxx", {}, "closed"],
    ["and is reached by one more", "ooooxxxx", {}, "open"],
    ["a share of 100 forgives nothing but one success", "oxxxxxxxx", { errorPercent: 100 }, "closed"],
    ["a share of 100, all errors", "xxxx", { errorPercent: 100 }, "open"],
    ["a share of 1", "ooox", { errorPercent: 1 }, "open"],
    ["one call is enough where one is asked for", "x", { minimumCalls: 1 }, "open"],
    ["calls that the client broke off are neither", "xxx?????", {}, "closed"],
    ["and do not dilute", "xxx?????x", {}, "open"],
  ])("%s: %s", (_, outcomes, rules, state) => {
    const bench = new Bench(rules);
    expect(bench.calls(outcomes)).toBe(outcomes);
    expect(bench.state).toBe(state);
  });

  test("what is older than the window is forgotten", () => {
    const bench = new Bench();
    bench.calls("xxx");
    bench.now += RULES.windowMs + 1_000;
    bench.calls("x");
    expect(bench.state).toBe("closed");
    bench.calls("xxx");
    expect(bench.state).toBe("open");
  });

  test("what is inside the window counts, however it is spread", () => {
    const bench = new Bench();
    for (let i = 0; i < 4; i++) {
      bench.calls("x");
      bench.now += RULES.windowMs / 4 - 1;
    }
    expect(bench.state).toBe("open");
  });

  test("old successes leave the window as old errors do", () => {
    const bench = new Bench();
    bench.calls("o".repeat(100));
    bench.now += RULES.windowMs * 2;
    bench.calls("xxxx");
    expect(bench.state).toBe("open");
  });

  test("a long life leaves no trace", () => {
    const bench = new Bench();
    for (let i = 0; i < 10_000; i++) {
      bench.calls("ooox");
      bench.now += 137;
    }
    expect(bench.state).toBe("closed");
  });
});

describe("open", () => {
  test("admits nobody for its time, and says how long that is", () => {
    const bench = new Bench();
    bench.calls("xxxx");
    expect(bench.admit()).toBe(30_000);
    bench.now += 29_999;
    expect([bench.admit(), bench.state]).toEqual([1, "open"]);
    bench.now += 1;
    expect(bench.state).toBe("half-open");
    expect(bench.admit()).toBe(0);
  });

  test("is not kept open, nor closed, by calls that were sent before it opened", () => {
    const bench = new Bench();
    for (let i = 0; i < 6; i++) expect(bench.admit()).toBe(0);
    for (let i = 0; i < 4; i++) bench.record("error");
    bench.now += 10_000;
    bench.record("error");
    bench.record("ok");
    expect([bench.admit(), bench.state]).toEqual([20_000, "open"]);
  });
});

describe("half-open", () => {
  test("one call tries, the others wait a second", () => {
    const bench = new Bench().halfOpen();
    expect([bench.admit(), bench.admit(), bench.admit()]).toEqual([0, 1_000, 1_000]);
    expect(bench.state).toBe("half-open");
  });

  test("closes when that call ends well, and begins to count anew", () => {
    const bench = new Bench().halfOpen();
    expect(bench.calls("o")).toBe("o");
    expect(bench.state).toBe("closed");
    expect(bench.calls("xxx")).toBe("xxx");
    expect(bench.state).toBe("closed");
  });

  test("opens for its whole time again when it does not", () => {
    const bench = new Bench().halfOpen();
    expect(bench.calls("x")).toBe("x");
    expect([bench.state, bench.admit()]).toEqual(["open", 30_000]);
    bench.now += 30_000;
    expect(bench.calls("o")).toBe("o");
    expect(bench.state).toBe("closed");
  });

  test("a call that the client broke off proves nothing: the next one tries", () => {
    const bench = new Bench().halfOpen();
    expect(bench.calls("?o")).toBe("?o");
    expect(bench.state).toBe("closed");
  });

  test.each<[string, Outcome]>([
    ["well", "ok"],
    ["badly", "error"],
    ["with nothing known", "unknown"],
  ])("a call that was sent before it opened and ends %s now is not the one that tries", (_, outcome) => {
    const bench = new Bench();
    expect(bench.admit()).toBe(0);
    bench.halfOpen();
    expect(bench.admit()).toBe(0);
    bench.record(outcome);
    expect([bench.state, bench.admit()]).toEqual(["half-open", 1_000]);
  });

  test("waits for as long as its one call takes", () => {
    const bench = new Bench().halfOpen();
    bench.admit();
    bench.now += 600_000;
    expect(bench.admit()).toBe(1_000);
    bench.record("ok");
    expect(bench.state).toBe("closed");
  });
});

describe("several services", () => {
  test("have a breaker each, and routes to one service share it", () => {
    const breakers = new CircuitBreakers();
    const [one, two] = [breakers.of("one"), breakers.of("two")];
    for (let i = 0; i < 4; i++) {
      one.record("error", "a", RULES, 0, one.admit(0).call);
      two.record("ok", "a", RULES, 0, two.admit(0).call);
    }
    expect(breakers.of("one").admit(1).waitMs).toBe(29_999);
    expect(breakers.of("two").admit(1).waitMs).toBe(0);
    expect(breakers.states(1)).toEqual([
      { service: "one", state: "open" },
      { service: "two", state: "closed" },
    ]);
    expect(breakers.states(30_000)[0]).toEqual({ service: "one", state: "half-open" });
  });

  describe("and routes with other numbers", () => {
    const told = (breakers: CircuitBreakers, count: number, rules: Partial<BreakerRules>, nowMs: number): void => {
      const breaker = breakers.of("s");
      for (let i = 0; i < count; i++) {
        breaker.record("error", "a", { ...RULES, ...rules }, nowMs, breaker.admit(nowMs).call);
      }
    };

    test("judge by their own what all of them have seen", () => {
      const breakers = new CircuitBreakers();
      told(breakers, 20, { minimumCalls: 100, openForMs: 60_000 }, 0);
      expect(breakers.of("s").stateAt(0)).toBe("closed");
      told(breakers, 1, { openForMs: 5_000 }, 0);
      expect(breakers.of("s").admit(0).waitMs).toBe(5_000);
    });

    test("forget by the shortest window", () => {
      const breakers = new CircuitBreakers();
      told(breakers, 3, {}, 1_000);
      told(breakers, 1, { windowMs: 100, minimumCalls: 100 }, 2_000);
      told(breakers, 1, {}, 2_001);
      expect(breakers.of("s").stateAt(2_001)).toBe("closed");
      told(breakers, 2, {}, 2_002);
      expect(breakers.of("s").stateAt(2_002)).toBe("open");
    });
  });
});

describe("callers", () => {
  const callers = (names: readonly string[], minimumCallers: number): BreakerState => {
    const breaker = new CircuitBreakers().of("s");
    const rules = { ...RULES, minimumCallers, minimumCalls: 4 };
    for (const name of names) breaker.record("error", name, rules, 0, breaker.admit(0).call);
    return breaker.stateAt(0);
  };

  test("one of them, however often, closes no service for all others", () => {
    expect(
      callers(
        Array.from({ length: 100 }, () => "a"),
        3,
      ),
    ).toBe("closed");
    expect(callers(["a", "b", "a", "b", "a", "b"], 3)).toBe("closed");
  });

  test("several of them do", () => {
    expect(callers(["a", "b", "c", "a"], 3)).toBe("open");
    expect(callers(["a", "a", "a", "a"], 1)).toBe("open");
  });
});

test("a client that stalls in its body says nothing of the service, whose breaker he was let through to try", async () => {
  let nowMs = 1_000_000;
  const state = { ...aloneState({ keys: {} as never }), nowMs: () => nowMs };
  const config = circuitBreaker.schema.parse({ minimumCalls: 2, minimumCallers: 1, openFor: "1s" });
  const exchange = { service: "s", request: { client: "203.0.113.1" } } as Exchange;
  const ending = (answer: Answer): Promise<Answer> =>
    circuitBreaker.around?.(config, exchange, state, () => Promise.resolve(answer)) as Promise<Answer>;
  const noAnswer: Answer = { by: "gateway", cause: "no-answer", refusal: STALLED };
  for (let i = 0; i < 2; i++) await ending(noAnswer);
  nowMs += 1_001;
  await ending({ by: "gateway", refusal: STALLED });
  expect(state.breakers.of("s").stateAt(nowMs)).toBe("half-open");
  await ending({ by: "service", status: 200, headers: [], body: Buffer.alloc(0) });
  expect(state.breakers.of("s").stateAt(nowMs)).toBe("closed");
});

describe("replicas that tell each other", () => {
  const rules = { ...RULES, minimumCalls: 4 };

  class Replica {
    readonly all = new CircuitBreakers();
    now = 1_000_000;

    get breaker(): Breaker {
      return this.all.of("s");
    }

    call(outcome: Outcome, caller = "a"): boolean {
      const { waitMs, call } = this.breaker.admit(this.now);
      if (waitMs > 0) return false;
      this.breaker.record(outcome, caller, rules, this.now, call);
      return true;
    }

    hear(...others: Replica[]): void {
      const news = others.flatMap((o) => [...o.all.news(o.now)].map(([service, n]) => ({ service, news: n })));
      this.all.hear(news, this.now);
    }

    get state(): BreakerState {
      return this.breaker.stateAt(this.now);
    }
  }

  test("calls of all count: none has seen enough alone", () => {
    const [a, b] = [new Replica(), new Replica()];
    for (let i = 0; i < 3; i++) a.call("error");
    b.hear(a);
    expect(b.state).toBe("closed");
    b.call("error", "b");
    expect([a.state, b.state]).toEqual(["closed", "open"]);
    a.hear(b);
    expect(a.state).toBe("open");
  });

  test("good calls of others keep it closed", () => {
    const [a, b] = [new Replica(), new Replica()];
    for (let i = 0; i < 5; i++) a.call("ok");
    b.hear(a);
    for (let i = 0; i < 4; i++) b.call("error");
    expect(b.state).toBe("closed");
    b.call("error");
    expect(b.state).toBe("open");
  });

  test("what was told long ago counts no more", () => {
    const [a, b] = [new Replica(), new Replica()];
    for (let i = 0; i < 3; i++) a.call("error");
    b.hear(a);
    b.now += 2_001;
    b.call("error");
    expect(b.state).toBe("closed");
  });

  test("one that has heard of no service opens its breaker too, until the same time", () => {
    const [a, b] = [new Replica(), new Replica()];
    for (let i = 0; i < 4; i++) a.call("error");
    b.now += 500;
    b.hear(a);
    expect(b.call("ok")).toBe(false);
    b.now += 29_499;
    expect(b.state).toBe("open");
    b.now += 1;
    expect(b.call("unknown")).toBe(true);
  });

  test("who finds the service well closes it for all, and nobody's older word opens it again", () => {
    const [a, b, c] = [new Replica(), new Replica(), new Replica()];
    for (let i = 0; i < 4; i++) a.call("error");
    b.hear(a);
    c.hear(a);
    for (const r of [a, b, c]) r.now += 30_001;
    a.call("ok");
    b.hear(a, c);
    expect([a.state, b.state, c.state]).toEqual(["closed", "closed", "half-open"]);
    a.hear(b, c);
    expect(a.state).toBe("closed");
  });

  test("who finds it ill again opens it for those who had closed it", () => {
    const [a, b] = [new Replica(), new Replica()];
    for (let i = 0; i < 4; i++) a.call("error");
    b.hear(a);
    for (const r of [a, b]) r.now += 30_001;
    a.call("ok");
    b.now += 10;
    b.call("error");
    a.now += 20;
    a.hear(b);
    expect([a.state, b.state]).toEqual(["open", "open"]);
  });
});

test("a call that tries a service is given up when its lease ends, and its late word means nothing new", () => {
  const breaker = new CircuitBreakers().of("s");
  const at = 1_000_000;
  for (let i = 0; i < 4; i++) breaker.record("error", "a", RULES, at, breaker.admit(at).call);
  const later = at + 30_000;
  expect(breaker.admit(later, 5_000).waitMs).toBe(0);
  expect(breaker.admit(later + 4_999, 5_000).waitMs).toBeGreaterThan(0);
  const second = breaker.admit(later + 5_000, 5_000);
  expect(second.waitMs).toBe(0);
  breaker.record("ok", "a", RULES, later + 5_001, second.call);
  expect(breaker.stateAt(later + 5_001)).toBe("closed");
});

describe("calls that one replica admits and another is told of", () => {
  const rules = { ...RULES, minimumCalls: 2 };

  test("count, and so does the one that tries", () => {
    const [a, b] = [new CircuitBreakers(), new CircuitBreakers()];
    const at = 1_000_000;
    for (let i = 0; i < 2; i++) b.of("s").record("error", "a", rules, at, a.of("s").admit(at).call);
    expect([a.of("s").stateAt(at), b.of("s").stateAt(at)]).toEqual(["closed", "open"]);
    const tell = (from: CircuitBreakers, to: CircuitBreakers, nowMs: number): void => {
      to.hear(
        [...from.news(nowMs)].map(([service, news]) => ({ service, news })),
        nowMs,
      );
    };
    tell(b, a, at + 1);
    const later = at + 30_001;
    const { waitMs, call } = a.of("s").admit(later, 5_000);
    expect([waitMs, call.tries]).toEqual([0, true]);
    b.of("s").record("ok", "", rules, later + 1, call);
    tell(b, a, later + 2);
    expect([a.of("s").stateAt(later + 2), b.of("s").stateAt(later + 2)]).toEqual(["closed", "closed"]);
    // The next outage is seen like the first.
    for (let i = 0; i < 2; i++) b.of("s").record("error", "a", rules, later + 4, a.of("s").admit(later + 3).call);
    expect(b.of("s").stateAt(later + 4)).toBe("open");
  });

  test("say nothing of what has changed since they were sent", () => {
    const breakers = new CircuitBreakers();
    const breaker = breakers.of("s");
    const at = 1_000_000;
    const early = breaker.admit(at - 10).call;
    for (let i = 0; i < 2; i++) breaker.record("error", "a", rules, at, breaker.admit(at).call);
    breaker.record("ok", "", rules, at + 30_001, { ...early, tries: true });
    expect(breaker.stateAt(at + 30_001)).toBe("half-open");
    const { call } = breaker.admit(at + 30_002);
    breaker.record("ok", "", rules, at + 30_003, call);
    for (let i = 0; i < 5; i++) breaker.record("error", "a", rules, at + 30_004, early);
    expect(breaker.stateAt(at + 30_004)).toBe("closed");
  });

  test("are nobody's where they were sent under another plan", () => {
    const breaker = new CircuitBreakers(1_000_000).of("s");
    for (let i = 0; i < 5; i++) breaker.record("error", "a", rules, 1_000_010, { atMs: 999_999, tries: false });
    expect(breaker.stateAt(1_000_010)).toBe("closed");
  });
});

test("a clock that is ahead makes nobody flap", () => {
  const [fast, slow] = [new CircuitBreakers(), new CircuitBreakers()];
  const rules = { ...RULES, minimumCalls: 2, openForMs: 1_000 };
  const AHEAD = 3_000;
  let at = 1_000_000;
  const tell = (): void => {
    slow.hear(
      [...fast.news(at + AHEAD)].map(([service, news]) => ({ service, news })),
      at,
    );
    fast.hear(
      [...slow.news(at)].map(([service, news]) => ({ service, news })),
      at + AHEAD,
    );
  };
  for (let i = 0; i < 2; i++) fast.of("s").record("error", "a", rules, at + AHEAD, fast.of("s").admit(at + AHEAD).call);
  at += 1_001;
  fast.of("s").record("ok", "", rules, at + AHEAD, fast.of("s").admit(at + AHEAD).call);
  tell();
  for (let i = 0; i < 2; i++) slow.of("s").record("error", "a", rules, at, slow.of("s").admit(at).call);
  const states = new Set<string>();
  for (let i = 0; i < 2; i++) {
    at += 400;
    tell();
    states.add(slow.of("s").stateAt(at));
  }
  expect([...states]).toEqual(["open"]);
});
