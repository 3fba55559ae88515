import { PRICES, type PriceName } from "./prices";

/** Hours of a month, as AWS counts them. */
export const HOURS = 730;

/** What a bill is broken down by, in the report's order. */
export const GROUPS = [
  "cluster",
  "nodes",
  "database",
  "shared store",
  "search",
  "network",
  "edge",
  "logs and alarms",
  "secrets and keys",
  "storage",
  "messaging",
] as const;
export type Group = (typeof GROUPS)[number];

/** A part of a bill, as who prices it says it. */
export interface Item {
  group: Group;
  what: string;
  quantity: number;
  price: PriceName;
  /** True where the quantity is what the usage file says, not what was synthesized. */
  byUsage: boolean;
}

/** What is paid for because it is there. */
export const standing = (group: Group, what: string, quantity: number, price: PriceName): Item => ({
  group,
  what,
  quantity,
  price,
  byUsage: false,
});

/** What is paid for as it is used. */
export const used = (group: Group, what: string, quantity: number, price: PriceName): Item => ({
  ...standing(group, what, quantity, price),
  byUsage: true,
});

/** One line of a month's bill. */
export interface Line extends Item {
  /** Where it comes from: stack and logical id, or what in the cluster. */
  from: string;
  unit: string;
  /** US dollars for one unit. */
  rate: number;
  /** US dollars, rounded to cents: sums are those of the lines. */
  usd: number;
}

const CENTS = 100;
export const cents = (usd: number): number => Math.round(usd * CENTS) / CENTS;

/** Whole numbers stay; others have as many digits as change a cent of the dearest thing by the quantity. */
const shown = (quantity: number): number => Number(quantity.toFixed(4));

export function lineOf(from: string, { quantity: exact, ...item }: Item): Line {
  const { usd: rate, unit } = PRICES[item.price];
  const quantity = shown(exact);
  return { from, ...item, quantity, unit, rate, usd: cents(quantity * rate) };
}

export const sumOf = (lines: readonly { usd: number }[]): number => cents(lines.reduce((sum, { usd }) => sum + usd, 0));
