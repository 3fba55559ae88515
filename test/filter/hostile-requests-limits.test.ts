import { good, ecPair } from "../identity/token-maker";
import { FORMS, fresh, LIMIT, type Question } from "./door-stand";
import { admin, ask, expectAlive, fetches, nobody } from "./hostile";

// Numbers are those of the list of hostile inputs of the filter: what a door can see of 11, 58 and 59.

describe.each(FORMS)("limits (%s)", (form) => {
  const statusOf = async (question: Question): Promise<number | undefined> => {
    const { statuses, header } = await ask(form, question);
    return Number(header("x-gateway-status")[0] ?? statuses[0]);
  };
  const times = async (n: number, question: (i: number) => Question): Promise<(number | undefined)[]> => {
    const statuses = [];
    for (let i = 0; i < n; i += 1) statuses.push(await statusOf(question(i)));
    return statuses;
  };
  const allowed = (statuses: (number | undefined)[]): number => statuses.filter((status) => status === 200).length;
  test("58 one user, from many addresses, by many tokens and spellings of the path", async () => {
    const sub = `splitter-${form}`;
    const targets = ["/limited", "/limited/", "/limited/a", "/limited?x=1", "/limited/A"];
    const statuses = await times(20, (i) => ({
      token: fresh({ claims: { sub, jti: String(i), tenant: `t${String(i)}` }, header: { x: i } }),
      target: targets[i % targets.length] ?? "",
      route: "limited",
      client: `203.0.113.${String(i + 1)}`,
      lines: [
        `X-Forwarded-For: 198.51.100.${String(i)}`,
        `X-User-Id: other-${String(i)}`,
        `X-Real-IP: 198.51.100.${String(i)}`,
      ],
    }));
    expect(allowed(statuses)).toBe(LIMIT);
    expect(statuses.slice(LIMIT)).toEqual(Array.from({ length: 15 }, () => 429));
  });

  test("58 users whose names are written into one another have counters of their own", async () => {
    const names = ["a", "a:b", "a%3Ab", "A", "a}", "{a", "a ", "address:203.0.113.7"].map((name) => `${form}${name}`);
    for (const sub of names) {
      const ask = (): Question => ({ token: fresh({ claims: { sub } }), target: "/limited", route: "limited" });
      expect([sub, allowed(await times(LIMIT + 1, ask))]).toEqual([sub, LIMIT]);
    }
  });

  test("58 a cost that the client states is not heard", async () => {
    const sub = `cost-${form}`;
    const costs = ["-100", "0", "1e308", "NaN"];
    const statuses = await times(12, (i) => ({
      token: fresh({ claims: { sub, cost: -1 } }),
      target: `/limited?cost=${costs[i % 4] ?? ""}`,
      route: "limited",
      lines: [`X-Cost: ${costs[i % 4] ?? ""}`, `X-RateLimit-Cost: ${costs[i % 4] ?? ""}`],
    }));
    expect(allowed(statuses)).toBe(LIMIT);
  });

  test("59 one address, whatever it says of where it comes from", async () => {
    const client = form === "nginx" ? "192.0.2.1" : "192.0.2.2";
    const statuses = await times(20, (i) =>
      nobody({
        target: "/login",
        route: "login",
        client,
        lines: [
          `X-Forwarded-For: 198.51.100.${String(i)}, 10.0.0.${String(i)}`,
          `X-Real-IP: 198.51.100.${String(i)}`,
          `Forwarded: for=198.51.100.${String(i)}`,
          `True-Client-IP: 198.51.100.${String(i)}`,
          `CF-Connecting-IP: 198.51.100.${String(i)}`,
          `X-Client-IP: 198.51.100.${String(i)}`,
          `X-Envoy-External-Address: 198.51.100.${String(i)}`,
        ],
      }),
    );
    expect(allowed(statuses)).toBe(LIMIT);
  });

  test("59 nobody can use up the limit of another", async () => {
    const sub = `victim-${form}`;
    const forged = fresh({ key: ecPair("P-256").privateKey, claims: { sub } });
    const question = (token: string): Question => ({ token, target: "/limited", route: "limited" });
    expect(allowed(await times(10, () => question(forged)))).toBe(0);
    expect(allowed(await times(10, () => ({ ...question(forged), lines: [`X-User-Id: ${sub}`] })))).toBe(0);
    expect(allowed(await times(LIMIT, () => question(fresh({ claims: { sub } }))))).toBe(LIMIT);
  });

  test("59 what is refused before, or needs no limit, does not count", async () => {
    const sub = `bypass-${form}`;
    const token = (): string => fresh({ claims: { sub } });
    await times(10, () => ({ token: token(), target: "/public/a", route: "public" }));
    await times(10, () => ({ token: token(), ...admin }));
    expect(allowed(await times(LIMIT, () => ({ token: token(), target: "/limited", route: "limited" })))).toBe(LIMIT);
  });

  test("59 what proxy and door disagree on does not count", async () => {
    const sub = `disagreed-${form}`;
    const token = (): string => fresh({ claims: { sub } });
    await times(10, () => ({ token: token(), target: "/limited", route: "public" }));
    expect(allowed(await times(LIMIT, () => ({ token: token(), target: "/limited", route: "limited" })))).toBe(LIMIT);
  });

  test("59 a refusal does not say whether there is such a user", async () => {
    const key = ecPair("P-256").privateKey;
    const refusal = async (sub: string): Promise<string> => {
      const { text } = await ask(form, {
        token: fresh({ key, claims: { sub } }),
        lines: ["X-Request-Id: 1"],
      });
      return text.replace(/^date: .*$/gim, "").replaceAll("\r", "");
    };
    expect(await refusal(good.sub)).toBe(await refusal("nobody-1"));
  });

  test("11 tokens with a kid of their own each do not make the key server work", async () => {
    const before = fetches();
    const statuses = await times(100, (i) => ({ token: fresh({ header: { kid: `storm-${form}-${String(i)}` } }) }));
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(fetches() - before).toBeLessThanOrEqual(4);
    await expectAlive(form);
  });
});
