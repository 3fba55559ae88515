import { NoAnswer } from "../../lib/policy/no-answer";
import { Balancer } from "../../lib/decision/balancer";

const several = { addresses: ["a:1", "b:1", "c:1"], failures: 2, ejectionMs: 10_000 };

afterEach(() => {
  jest.useRealTimers();
});

/** Asks once, of addresses that do what is said of them; gives the one that was asked. */
async function ask(
  balancer: Balancer,
  bad: Readonly<Record<string, "silent" | number>> = {},
  tried = new Set<string>(),
) {
  let asked = "";
  const answer = (address: string): Promise<{ status: number }> => {
    asked = address;
    const does = bad[address] ?? 200;
    return does === "silent" ? Promise.reject(new NoAnswer("reset")) : Promise.resolve({ status: does });
  };
  await balancer.ask("s", several, tried, answer).catch((error: unknown) => {
    if (!(error instanceof NoAnswer)) throw error;
  });
  return asked;
}

async function times(n: number, once: () => Promise<string>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < n; i++) {
    const address = await once();
    counts[address] = (counts[address] ?? 0) + 1;
  }
  return counts;
}

test("addresses take turns", async () => {
  const balancer = new Balancer();
  expect(await times(9, () => ask(balancer))).toEqual({ "a:1": 3, "b:1": 3, "c:1": 3 });
});

test("each try goes to one that has not been tried", async () => {
  const balancer = new Balancer();
  const tried = new Set<string>();
  expect(Object.values(await times(3, () => ask(balancer, {}, tried)))).toEqual([1, 1, 1]);
});

test.each<["silent" | number]>([["silent"], [502], [503], [504]])(
  "what fails in a row is left alone, and asked again later (%s)",
  async (does) => {
    jest.useFakeTimers();
    const balancer = new Balancer();
    const once = (): Promise<string> => ask(balancer, { "b:1": does });
    expect((await times(6, once))["b:1"]).toBe(2);
    expect((await times(30, once))["b:1"]).toBeUndefined();
    jest.advanceTimersByTime(several.ejectionMs);
    // It has shown nothing better: once more is enough.
    expect((await times(30, once))["b:1"]).toBe(1);
    jest.advanceTimersByTime(several.ejectionMs);
    expect((await times(30, () => ask(balancer)))["b:1"]).toBe(10);
  },
);

test("any other answer ends the row", async () => {
  const balancer = new Balancer();
  for (let i = 0; i < 12; i++) {
    await times(3, () => ask(balancer, { "b:1": "silent" }));
    await times(3, () => ask(balancer, { "b:1": 500 }));
  }
  expect((await times(3, () => ask(balancer)))["b:1"]).toBe(1);
});

test("when all have failed they take turns as before", async () => {
  const balancer = new Balancer();
  const all = { "a:1": "silent", "b:1": "silent", "c:1": "silent" } as const;
  await times(6, () => ask(balancer, all));
  expect(await times(9, () => ask(balancer, all))).toEqual({ "a:1": 3, "b:1": 3, "c:1": 3 });
});

test("a fault of our own is nobody's failure", async () => {
  const balancer = new Balancer();
  const broken = balancer.ask("s", several, new Set(), () => Promise.reject(new Error("broken")));
  await expect(broken).rejects.toThrow("broken");
  expect(await times(3, () => ask(balancer))).toEqual({ "a:1": 1, "b:1": 1, "c:1": 1 });
});
