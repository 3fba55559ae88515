import { isPrice, PRICE_REGION, PRICES, stalePrices, tiered, type PriceName } from "../../lib/cost/prices";

const names = Object.keys(PRICES) as PriceName[];

test("each price has a unit, a source and a month", () => {
  expect(PRICE_REGION).toBe("us-east-1");
  expect(names.length).toBeGreaterThan(100);
  for (const name of names) {
    const { usd, unit, source, asOf } = PRICES[name];
    expect([name, usd > 0, unit !== "", source.length > 10, /^20\d\d-(0[1-9]|1[0-2])$/.test(asOf)]).toEqual([
      name,
      true,
      true,
      true,
      true,
    ]);
  }
});

test("a database in two zones costs about twice, and never less", () => {
  const pairs = names.filter((name) => name.includes(".multi-az."));
  expect(pairs.length).toBeGreaterThan(20);
  for (const name of pairs) {
    const one = name.replace(".multi-az", "") as PriceName;
    expect([name, isPrice(one) && PRICES[name].usd / PRICES[one].usd]).toEqual([name, expect.closeTo(2, 1)]);
  }
});

test("spot is cheaper than on demand", () => {
  for (const name of names.filter((n) => n.endsWith(".spot"))) {
    expect([name, PRICES[name].usd < PRICES[name.replace(".spot", "") as PriceName].usd]).toEqual([name, true]);
  }
});

test("a price of three years ago is stale, one of last year is not", () => {
  expect(stalePrices(["ec2.m7g.large"], "2027-09-01")).toEqual([]);
  expect(stalePrices(["ec2.m7g.large", "ec2.m7g.large"], "2029-09-01")).toEqual(["ec2.m7g.large"]);
});

test("tiers take the whole of a quantity", () => {
  expect(tiered("transfer", 0)).toEqual([]);
  expect(tiered("transfer", 100)).toEqual([["transfer.out.tier1", 100]]);
  for (const quantity of [10_240, 10_241, 60_000, 200_000]) {
    expect(tiered("cloudfront", quantity).reduce((sum, [, gb]) => sum + gb, 0)).toBe(quantity);
  }
});
