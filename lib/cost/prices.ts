import table from "./prices.us-east-1.json";

/** A list price of one region, before any discount and without an account's free quantities. */
export interface Price {
  /** US dollars for one unit. */
  usd: number;
  unit: string;
  source: string;
  /** Year and month that the source is of. */
  asOf: string;
}

export type PriceName = keyof typeof table.prices;

/** The region that all prices are of. */
export const PRICE_REGION = table.region;
export const PRICES: Readonly<Record<PriceName, Price>> = table.prices;
export const isPrice = (name: string): name is PriceName => Object.hasOwn(PRICES, name);

/** Months after which a price is to be looked at again: AWS seldom changes one, and then tells it long before. */
const STALE_MONTHS = 24;
const monthOf = (text: string): number => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7));

/** Prices of a bill that nobody has looked at for too long, by a day as `2026-11-21`. */
export const stalePrices = (names: readonly PriceName[], today: string): PriceName[] =>
  [...new Set(names)].filter((name) => monthOf(today) - monthOf(PRICES[name].asOf) > STALE_MONTHS).sort();

/** Where a quantity has another price the more there is of it: GB up to which each tier goes. */
const TIERS = {
  transfer: [
    ["transfer.out.tier1", 10_240],
    ["transfer.out.tier2", 51_200],
    ["transfer.out.tier3", 153_600],
    ["transfer.out.tier4", Infinity],
  ],
  cloudfront: [
    ["cloudfront.data.tier1", 10_240],
    ["cloudfront.data.tier2", 51_200],
    ["cloudfront.data.tier3", 153_600],
    ["cloudfront.data.tier4", Infinity],
  ],
} as const satisfies Record<string, readonly (readonly [PriceName, number])[]>;

/** How much of a quantity each of its prices takes. */
export function tiered(name: keyof typeof TIERS, quantity: number): [PriceName, number][] {
  let below = 0;
  const parts: [PriceName, number][] = [];
  for (const [price, end] of TIERS[name]) {
    if (quantity > below) parts.push([price, Math.min(quantity, end) - below]);
    below = end;
  }
  return parts;
}
