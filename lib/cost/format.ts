/** Numbers as the report writes them. */

const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");

export const count = (number: number): string => {
  const [whole = "", rest] = String(number).split(".");
  return rest === undefined ? grouped(whole) : `${grouped(whole)}.${rest}`;
};

/** US dollars and cents. */
export function usd(amount: number): string {
  const [whole = "", rest = ""] = amount.toFixed(2).split(".");
  return `${grouped(whole)}.${rest}`;
}

export const perMillion = (total: number, requests: number): string => usd((total / requests) * 1e6);
