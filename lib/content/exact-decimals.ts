import type { Ajv2020 } from "ajv/dist/2020";

/**
 * Numbers by the decimals that were written: 4.35 is a multiple of 0.01, which no double says, and 9999999999999.991 is none,
 * which a double is.
 */

/** `digits × 10^exponent`, without zeros at the end. */
interface Decimal {
  digits: string;
  exponent: number;
}

const ZERO: Decimal = { digits: "0", exponent: 0 };

function decimal(text: string): Decimal {
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = whole + fraction;
  let [first, end] = [0, digits.length];
  while (first < end && digits[first] === "0") first += 1;
  while (end > first && digits[end - 1] === "0") end -= 1;
  if (first === end) return ZERO;
  return {
    digits: sign + digits.slice(first, end),
    exponent: Number(exponent) - fraction.length + digits.length - end,
  };
}

/** Digits before the point. */
const magnitude = ({ digits, exponent }: Decimal): number => digits.replace("-", "").length + exponent;

/** Below 0, 0 or above it, as the first is less than the second, the same or more. */
function compare(a: Decimal, b: Decimal): number {
  const signOf = ({ digits }: Decimal): number => (digits === "0" ? 0 : digits.startsWith("-") ? -1 : 1);
  const sign = signOf(a);
  if (sign !== signOf(b)) return sign - signOf(b);
  if (sign === 0) return 0;
  const larger = magnitude(a) - magnitude(b);
  if (larger !== 0) return larger * sign;
  const [left, right] = [a, b].map(({ digits }) => digits.replace("-", ""));
  const length = Math.max(left?.length ?? 0, right?.length ?? 0);
  const [x, y] = [left?.padEnd(length, "0") ?? "", right?.padEnd(length, "0") ?? ""];
  return x === y ? 0 : x < y ? -sign : sign;
}

/** Above that, nothing is a multiple for certain: as many digits would have to be written out. */
const LONGEST_DIGITS = 400;

function isWhole(a: Decimal, b: Decimal): boolean {
  if (b.digits === "0") return false;
  const least = Math.min(a.exponent, b.exponent);
  if (Math.max(a.exponent, b.exponent) - least > LONGEST_DIGITS) return a.digits === "0";
  const scaled = ({ digits, exponent }: Decimal): bigint => BigInt(digits) * 10n ** BigInt(exponent - least);
  return scaled(a) % scaled(b) === 0n;
}

/** Whether a value is a whole multiple, as it is written by a program. */
export const isMultiple = (value: number, of: number): boolean =>
  Number.isFinite(value) && isWhole(decimal(String(value)), decimal(String(of)));

/** Whether a number of JSON is something else once it is read: it has more digits, or is larger or smaller, than a double can be. */
export function isInexact(text: string): boolean {
  // A double keeps fifteen digits.
  if (text.length <= 15 && !/[eE]/.test(text)) return false;
  const value = Number(text);
  return !Number.isFinite(value) || compare(decimal(text), decimal(String(value))) !== 0;
}

/** What is read of a body: doubles that were written as something else, with what was written. */
export type Inexact = Map<number, Set<string>>;

/** What a validator is called with, and what it leaves there. */
export interface NumbersRead {
  inexact: ReadonlyMap<number, ReadonlySet<string>>;
  /** A comparison has another outcome by what was written than by what was read. */
  isAmbiguous?: boolean;
}

const COMPARISONS: Readonly<Record<string, (value: Decimal, wanted: unknown) => boolean>> = {
  multipleOf: (value, of) => isWhole(value, decimal(String(of))),
  minimum: (value, least) => compare(value, decimal(String(least))) >= 0,
  maximum: (value, most) => compare(value, decimal(String(most))) <= 0,
  exclusiveMinimum: (value, least) => compare(value, decimal(String(least))) > 0,
  exclusiveMaximum: (value, most) => compare(value, decimal(String(most))) < 0,
  const: (value, wanted) => typeof wanted === "number" && compare(value, decimal(String(wanted))) === 0,
  enum: (value, all) =>
    (all as unknown[]).some((one) => typeof one === "number" && compare(value, decimal(String(one))) === 0),
  type: (value, types) => [types].flat().includes("integer") && value.exponent >= 0,
};

type Schema = Record<string, unknown>;

/** Says which comparisons stand beside it. */
const EXACT = "x-exact";
/** The same for values within values. */
const EXACT_WITHIN = "x-exact-within";

const numbersIn = (value: unknown): number[] =>
  typeof value === "number"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(numbersIn)
      : [];

/** `multipleOf` (JSON Schema 2020-12, Validation 6.2.1) by exact decimals, and what `exactNumbers` adds; wants `passContext`. */
export function exactKeywords(ajv: Ajv2020): void {
  ajv.removeKeyword("multipleOf");
  ajv.addKeyword({
    keyword: "multipleOf",
    type: "number",
    schemaType: "number",
    validate: (of: number, value: number) => isMultiple(value, of),
    error: { message: ({ schema }) => `must be multiple of ${String(schema)}` },
  });
  ajv.addKeyword({
    keyword: EXACT,
    type: "number",
    // Before a bound ends the comparison.
    before: "maximum",
    validate(this: NumbersRead, beside: Schema, value: number) {
      const written = this.inexact.get(value);
      if (!written) return true;
      const read = decimal(String(value));
      this.isAmbiguous ||= Object.entries(beside).some(([keyword, wanted]) => {
        const fits = COMPARISONS[keyword] as (typeof COMPARISONS)[string];
        return [...written].some((text) => fits(decimal(text), wanted) !== fits(read, wanted));
      });
      return true;
    },
  });
  ajv.addKeyword({
    keyword: EXACT_WITHIN,
    type: ["object", "array"],
    validate(this: NumbersRead, numbers: number[]) {
      this.isAmbiguous ||= numbers.some((number) => this.inexact.has(number));
      return true;
    },
  });
}

/** Keywords whose value is a schema, or a list of such. */
const APPLICATORS = new Set([
  ...["not", "if", "then", "else", "allOf", "anyOf", "oneOf", "items", "prefixItems", "contains", "contentSchema"],
  ...["additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"],
]);
/** Those whose value has schemas by names of their own. */
const BY_NAME = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);

const within = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(within)
    : typeof value === "object" && value !== null
      ? exactNumbers(value as Schema)
      : value;

/**
 * The schema with a word beside whatever compares a number, so that a body in which it matters how a number is read is found out,
 * wherever in the schema that is.
 */
export function exactNumbers(schema: Schema): Schema {
  const inside = Object.entries(schema).map(([keyword, value]) => {
    if (APPLICATORS.has(keyword)) return [keyword, within(value)];
    if (!BY_NAME.has(keyword)) return [keyword, value];
    return [keyword, Object.fromEntries(Object.entries(value as Schema).map(([name, own]) => [name, within(own)]))];
  });
  const isInteger = [schema["type"]].flat().includes("integer");
  const beside = Object.entries(schema).filter(
    ([keyword]) => keyword in COMPARISONS && (keyword !== "type" || isInteger),
  );
  const values = [schema["const"], schema["enum"]].flatMap((value) =>
    typeof value === "object" ? numbersIn(value) : [],
  );
  return {
    ...(Object.fromEntries(inside) as Schema),
    ...(beside.length > 0 && { [EXACT]: Object.fromEntries(beside) }),
    ...(values.length > 0 && { [EXACT_WITHIN]: values }),
  };
}
