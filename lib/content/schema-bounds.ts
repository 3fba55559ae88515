import { isSafePattern } from "redos-detector";

/** What a JSON Schema must say so that no body within its bounds keeps everybody waiting. */

/** Strings, and keys, that a pattern or format may be asked about. */
const LONGEST_TEXT = 10_000;
/** Each item of a list without equals is compared with all others. */
const MOST_UNIQUE = 500;

/** Formats that are looked at in one pass. */
const QUICK_FORMATS = new Set([
  "date",
  "time",
  "date-time",
  "uuid",
  "ipv4",
  "int32",
  "int64",
  "float",
  "double",
  "byte",
]);

/** A pattern that is told from its beginning and ends somewhere, whatever comes. */
const isBounded = (pattern: string): boolean =>
  pattern.startsWith("^") && !/[*+]|\{\d+,\}/.test(pattern.replace(/\\.|\[(?:\\.|[^\]\\])*\]/g, "x"));

/** Whether a text can match it in so many ways that a refusal takes too long. */
const isSlow = (pattern: string): boolean =>
  !isSafePattern(pattern, { timeout: Infinity, maxSteps: 5_000, maxScore: 200, unicode: true }).safe;

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const atMost = (value: unknown, most: number): boolean => typeof value === "number" && value <= most;

/** Bounds that are missing in a schema itself, not in those within it. */
export function faultsAt(schema: Schema, at: string): string[] {
  const found: string[] = [];
  const { pattern, format, maxLength, uniqueItems, maxItems, patternProperties, propertyNames } = schema;
  const say = (keyword: string, what: string): number => found.push(`${at}/${keyword}: ${what}`);
  const patterns = [
    ...(typeof pattern === "string" ? [["pattern", pattern] as const] : []),
    ...Object.keys(isSchema(patternProperties) ? patternProperties : {}).map((p) => ["patternProperties", p] as const),
  ];
  for (const [keyword, text] of patterns) {
    if (!isBounded(text) && isSlow(text)) say(keyword, `"${text}" can match in so many ways that it locks the process`);
  }
  const text = `write maxLength, ${String(LONGEST_TEXT)} at most, beside it`;
  if (typeof pattern === "string" && !isBounded(pattern) && !atMost(maxLength, LONGEST_TEXT)) say("pattern", text);
  if (typeof format === "string" && !QUICK_FORMATS.has(format) && !atMost(maxLength, LONGEST_TEXT)) say("format", text);
  if (uniqueItems === true && !atMost(maxItems, MOST_UNIQUE))
    say("uniqueItems", `write maxItems, ${String(MOST_UNIQUE)} at most, beside it`);
  if (isSchema(patternProperties) && !atMost((propertyNames as Schema | undefined)?.["maxLength"], LONGEST_TEXT))
    say("patternProperties", `write propertyNames: { maxLength: … }, ${String(LONGEST_TEXT)} at most, beside it`);
  return found;
}

/** Bounds that are missing anywhere in a schema, each with its place (JSON Pointer). */
export function missingBounds(schema: unknown, at = ""): string[] {
  if (Array.isArray(schema))
    return (schema as unknown[]).flatMap((item, i) => missingBounds(item, `${at}/${String(i)}`));
  if (!isSchema(schema)) return [];
  const inner = Object.entries(schema).filter(
    ([keyword]) => !["const", "enum", "default", "examples"].includes(keyword),
  );
  return [...faultsAt(schema, at), ...inner.flatMap(([keyword, value]) => missingBounds(value, `${at}/${keyword}`))];
}
