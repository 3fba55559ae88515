import type { Ajv2020 } from "ajv/dist/2020";

/** A number as JSON writes it: `digits × 10^exponent`. */
function decimal(value: number): { digits: bigint; exponent: number } {
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(String(value)) ?? [];
  return { digits: BigInt(`${sign}${whole}${fraction}`), exponent: Number(exponent) - fraction.length };
}

/** Whether a value is a whole multiple, by the decimals that were written: 4.35 is one of 0.01, which no double says. */
export function isMultiple(value: number, of: number): boolean {
  const [a, b] = [decimal(value), decimal(of)];
  if (b.digits === 0n || !Number.isFinite(value)) return false;
  const least = Math.min(a.exponent, b.exponent);
  const scaled = ({ digits, exponent }: typeof a): bigint => digits * 10n ** BigInt(exponent - least);
  return scaled(a) % scaled(b) === 0n;
}

/** `multipleOf` (JSON Schema 2020-12, Validation 6.2.1) by exact decimals. */
export function exactMultiples(ajv: Ajv2020): void {
  ajv.removeKeyword("multipleOf");
  ajv.addKeyword({
    keyword: "multipleOf",
    type: "number",
    schemaType: "number",
    validate: (of: number, value: number) => isMultiple(value, of),
    error: { message: ({ schema }) => `must be multiple of ${String(schema)}` },
  });
}
