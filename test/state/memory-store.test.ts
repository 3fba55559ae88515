import { MemoryStore } from "../../lib/state/memory-store";

/** The shared store of a gateway that is alone, in a time of its own. */
class Bench {
  now = 1_000_000;
  readonly store: MemoryStore;

  constructor(capacityBytes?: number) {
    this.store = new MemoryStore(capacityBytes, () => this.now);
  }

  async value(group: string, key: string): Promise<string | undefined> {
    return (await this.store.cached(group, key)).value?.toString();
  }

  async version(group: string): Promise<string | undefined> {
    return (await this.store.cached(group, "")).version;
  }

  /** Reads the version and keeps a value under it, as the cache does around a call. */
  async keep(group: string, key: string, text: string, ttlMs = 1_000): Promise<void> {
    await this.store.keep(group, key, await this.version(group), Buffer.from(text), ttlMs);
  }
}

describe("cached values", () => {
  test("are found until their time is over", async () => {
    const bench = new Bench();
    await bench.keep("g", "k", "v");
    expect(await bench.value("g", "k")).toBe("v");
    bench.now += 999;
    expect(await bench.value("g", "k")).toBe("v");
    bench.now += 1;
    expect(await bench.value("g", "k")).toBeUndefined();
  });

  test("belong to their group and key", async () => {
    const bench = new Bench();
    await bench.keep("g", "k", "v");
    expect(await bench.value("g", "other")).toBeUndefined();
    expect(await bench.value("other", "k")).toBeUndefined();
  });

  test("a later value takes the place of an earlier one", async () => {
    const bench = new Bench();
    await bench.keep("g", "k", "one");
    await bench.keep("g", "k", "two");
    expect(await bench.value("g", "k")).toBe("two");
  });

  test("the first one gives its group a version, which others then share", async () => {
    const bench = new Bench();
    expect(await bench.version("g")).toBeUndefined();
    await bench.keep("g", "a", "1");
    const version = await bench.version("g");
    expect(version).toBeDefined();
    await bench.keep("g", "b", "2");
    expect(await bench.version("g")).toBe(version);
    expect([await bench.value("g", "a"), await bench.value("g", "b")]).toEqual(["1", "2"]);
  });

  test("a dropped group is empty, whatever time its values had left; other groups are not touched", async () => {
    const bench = new Bench();
    await bench.keep("g", "a", "1");
    await bench.keep("other", "a", "2");
    await bench.store.drop("g");
    expect([await bench.value("g", "a"), await bench.value("other", "a")]).toEqual([undefined, "2"]);
    await bench.keep("g", "a", "3");
    expect(await bench.value("g", "a")).toBe("3");
  });
});

describe("a write while an answer is on its way", () => {
  test("keeps the old answer from being kept", async () => {
    const bench = new Bench();
    await bench.keep("g", "k", "before");
    const version = await bench.version("g");
    await bench.store.drop("g");
    await bench.store.keep("g", "k", version, Buffer.from("old"), 1_000);
    expect(await bench.value("g", "k")).toBeUndefined();
  });

  test("also where the group had no version yet", async () => {
    const bench = new Bench();
    const version = await bench.version("g");
    expect(version).toBeUndefined();
    await bench.store.drop("g");
    await bench.store.keep("g", "k", version, Buffer.from("old"), 1_000);
    expect(await bench.value("g", "k")).toBeUndefined();
  });

  test("and it does not bring back what a second write has dropped", async () => {
    const bench = new Bench();
    await bench.store.drop("g");
    const version = await bench.version("g");
    await bench.store.keep("g", "k", version, Buffer.from("one"), 1_000);
    await bench.store.drop("g");
    await bench.store.keep("g", "k", version, Buffer.from("two"), 1_000);
    expect(await bench.value("g", "k")).toBeUndefined();
  });
});

describe("the bound", () => {
  const KIB = 1024;

  test("is kept by forgetting the oldest", async () => {
    const bench = new Bench(16 * KIB);
    for (let i = 0; i < 8; i++) await bench.keep("g", `k${String(i)}`, String(i).repeat(4 * KIB), 60_000);
    const kept = await Promise.all(Array.from({ length: 8 }, (_, i) => bench.value("g", `k${String(i)}`)));
    expect(kept.filter((v) => v !== undefined).length).toBeLessThanOrEqual(4);
    expect(kept.at(-1)).toBeDefined();
    expect(kept[0]).toBeUndefined();
  });

  test("the same key again costs no more", async () => {
    const bench = new Bench(16 * KIB);
    await bench.keep("g", "other", "o", 60_000);
    for (let i = 0; i < 100; i++) await bench.keep("g", "k", "x".repeat(4 * KIB), 60_000);
    expect(await bench.value("g", "other")).toBe("o");
  });

  test("counts what clients choose as well: keys are targets of up to 8 KiB", async () => {
    const bench = new Bench(64 * KIB);
    const keys = Array.from({ length: 64 }, (_, i) => `/search?q=${String(i)}${"x".repeat(8 * KIB)}`);
    for (const key of keys) await bench.keep("g", key, "{}", 60_000);
    const kept = await Promise.all(keys.map((key) => bench.value("g", key)));
    expect(kept.filter((v) => v !== undefined).length).toBeLessThanOrEqual(8);
  });
});

describe("marks", () => {
  test("once is true for the first who asks within the time", async () => {
    const bench = new Bench();
    expect([await bench.store.once("n", 1_000), await bench.store.once("n", 1_000)]).toEqual([true, false]);
    expect(await bench.store.once("other", 1_000)).toBe(true);
    bench.now += 999;
    expect(await bench.store.once("n", 1_000)).toBe(false);
    bench.now += 1;
    expect(await bench.store.once("n", 1_000)).toBe(true);
  });

  test("asking in vain does not lengthen the time", async () => {
    const bench = new Bench();
    await bench.store.once("n", 1_000);
    bench.now += 900;
    await bench.store.once("n", 1_000);
    bench.now += 100;
    expect(await bench.store.once("n", 1_000)).toBe(true);
  });

  test("has sees a mark of somebody else, for its time", async () => {
    const bench = new Bench();
    expect(await bench.store.has("revoked:1")).toBe(false);
    bench.store.mark("revoked:1", 1_000);
    expect([await bench.store.has("revoked:1"), await bench.store.has("revoked:2")]).toEqual([true, false]);
    bench.now += 1_000;
    expect(await bench.store.has("revoked:1")).toBe(false);
  });

  test("those that hold go last when there are too many", async () => {
    const bench = new Bench();
    bench.store.mark("kept", 60_000);
    for (let i = 0; i < 99_999; i++) bench.store.mark(`past ${String(i)}`, 1);
    bench.now += 10;
    bench.store.mark("one more", 60_000);
    expect(await Promise.all(["kept", "one more"].map((key) => bench.store.has(key)))).toEqual([true, true]);
  });
});

describe("leases", () => {
  test("as many as there are places, each by its own holder", async () => {
    const { store } = new Bench();
    const taken = [await store.lease("k", "a", 2, 1_000), await store.lease("k", "b", 2, 1_000)];
    expect([...taken, await store.lease("k", "c", 2, 1_000)]).toEqual([true, true, false]);
    expect(await store.lease("other", "c", 2, 1_000)).toBe(true);
  });

  test("a place that is given back is free, and giving back twice frees no more", async () => {
    const { store } = new Bench();
    await store.lease("k", "a", 2, 1_000);
    await store.lease("k", "b", 2, 1_000);
    await store.release("k", "a");
    await store.release("k", "a");
    await store.release("k", "nobody");
    expect([await store.lease("k", "c", 2, 1_000), await store.lease("k", "d", 2, 1_000)]).toEqual([true, false]);
  });

  test("a place whose holder has died is free after its time", async () => {
    const bench = new Bench();
    await bench.store.lease("k", "a", 1, 1_000);
    bench.now += 999;
    expect(await bench.store.lease("k", "b", 1, 1_000)).toBe(false);
    bench.now += 1;
    expect(await bench.store.lease("k", "b", 1, 1_000)).toBe(true);
  });

  test("a holder that lives renews it, even when there are fewer places by now", async () => {
    const bench = new Bench();
    await bench.store.lease("k", "a", 2, 1_000);
    await bench.store.lease("k", "b", 2, 1_000);
    bench.now += 900;
    expect(await bench.store.lease("k", "a", 1, 1_000)).toBe(true);
    bench.now += 900;
    expect(await bench.store.lease("k", "c", 1, 1_000)).toBe(false);
  });
});

describe("attempts", () => {
  const [attempts, perMs, blockMs] = [3, 60_000, 10_000];
  const begin = ({ store }: Bench, key = "k"): Promise<number> => store.attempt(key, attempts, perMs);
  const fail = async (bench: Bench, times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      expect(await begin(bench)).toBe(0);
      await bench.store.attempted("k", "failed", attempts, blockMs);
    }
  };

  test("block when there are as many as allowed within the time", async () => {
    const bench = new Bench();
    await fail(bench, 3);
    expect(await begin(bench)).toBe(10_000);
    expect(await begin(bench, "other")).toBe(0);
    bench.now += 9_999;
    expect(await begin(bench)).toBe(1);
    bench.now += 1;
    expect(await begin(bench)).toBe(0);
  });

  test("the window begins with the first and does not move", async () => {
    const bench = new Bench();
    await fail(bench, 1);
    bench.now += 59_999;
    await fail(bench, 1);
    bench.now += 1;
    await fail(bench, 3);
    expect(await begin(bench)).toBe(10_000);
  });

  test("count anew after a block", async () => {
    const bench = new Bench();
    await fail(bench, 3);
    bench.now += 10_000;
    await fail(bench, 2);
    expect(await begin(bench)).toBe(0);
  });

  test("success forgets them", async () => {
    const bench = new Bench();
    await fail(bench, 2);
    await begin(bench);
    await bench.store.attempted("k", "passed", attempts, blockMs);
    await fail(bench, 2);
    expect(await begin(bench)).toBe(0);
  });

  test("one failure among others under way is one", async () => {
    const bench = new Bench();
    for (let i = 0; i < attempts; i++) expect(await begin(bench)).toBe(0);
    await bench.store.attempted("k", "failed", attempts, blockMs);
    expect(await begin(bench)).toBe(perMs);
    for (const outcome of ["passed", "unknown"] as const) await bench.store.attempted("k", outcome, attempts, blockMs);
    expect(await begin(bench)).toBe(0);
  });

  test("those under way count, and are given back when they have not failed", async () => {
    const bench = new Bench();
    for (const waitMs of [0, 0, 0, perMs, perMs]) expect(await begin(bench)).toBe(waitMs);
    await bench.store.attempted("k", "unknown", attempts, blockMs);
    expect(await begin(bench)).toBe(0);
    expect(await begin(bench)).toBe(perMs);
    bench.now += perMs;
    expect(await begin(bench)).toBe(0);
  });
});
