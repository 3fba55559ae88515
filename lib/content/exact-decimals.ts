import type { Ajv2020 } from "ajv/dist/2020";

/** Numbers by the decimals that were written: 4.35 is a multiple of 0.01, which no double says, and 0.1 + 1e-30 is not 0.1. */

/** `digits × 10^exponent`, without zeros at the end. */
interface Decimal {
  digits: string;
  exponent: number;
}

function decimal(text: string): Decimal {
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const bare = digits.replace(/0+$/, "");
  if (bare === "") return { digits: "0", exponent: 0 };
  return { digits: sign + bare, exponent: Number(exponent) - fraction.length + digits.length - bare.length };
}

/** Whether a number of JSON is something else once it is read: it has more digits, or is larger or smaller, than a double can be. */
export function isInexact(text: string): boolean {
  // A double keeps fifteen digits.
  if (text.length <= 15 && !/[eE]/.test(text)) return false;
  const value = Number(text);
  if (!Number.isFinite(value)) return true;
  const [written, read] = [decimal(text), decimal(String(value))];
  return written.digits !== read.digits || written.exponent !== read.exponent;
}

/** Whether a value is a whole multiple. */
export function isMultiple(value: number, of: number): boolean {
  if (!Number.isFinite(value)) return false;
  const [a, b] = [decimal(String(value)), decimal(String(of))];
  if (b.digits === "0") return false;
  const least = Math.min(a.exponent, b.exponent);
  const scaled = ({ digits, exponent }: Decimal): bigint => BigInt(digits) * 10n ** BigInt(exponent - least);
  return scaled(a) % scaled(b) === 0n;
}

/** What a validator made by `exactNumbers` is called with. */
export interface NumbersRead {
  inexact: ReadonlySet<number>;
}

const EXACT = "x-exact";

/** `multipleOf` (JSON Schema 2020-12, Validation 6.2.1) by exact decimals, and `exactNumbers`; wants `passContext`. */
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
    schemaType: "boolean",
    validate(this: NumbersRead, _: boolean, value: unknown) {
      return !this.inexact.has(value as number);
    },
    error: { message: "must have no more digits than every reader keeps" },
  });
}

type Schema = Record<string, unknown>;

const COMPARED = ["multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const"];
/** Keywords whose members are named by whoever writes the schema. */
const BY_NAME = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"]);
const VALUES = new Set(["enum", "const", "default", "examples"]);

/** The schema with a further demand wherever it compares a number: that it is the one that was written. */
export function exactNumbers(schema: Schema): Schema {
  const isInteger = [schema["type"]].flat().includes("integer");
  const compares = isInteger || COMPARED.some((keyword) => Object.hasOwn(schema, keyword));
  const inside = Object.entries(schema).map(([keyword, value]) => {
    if (VALUES.has(keyword)) return [keyword, value];
    if (BY_NAME.has(keyword))
      return [keyword, Object.fromEntries(Object.entries(value as Schema).map(([n, s]) => [n, within(s)]))];
    return [keyword, Array.isArray(value) ? value.map(within) : within(value)];
  });
  return { ...(Object.fromEntries(inside) as Schema), ...(compares && { [EXACT]: true }) };
}

const within = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? exactNumbers(value as Schema) : value;
