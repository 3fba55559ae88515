import { isMultiple } from "../../lib/content/exact-decimals";
import { missingBounds } from "../../lib/content/schema-bounds";

/** What a schema must say so that a body within its bounds is judged at once. */

const text = (more: object): object => ({ type: "object", properties: { a: { type: "string", ...more } } });

test.each<[string, object]>([
  ["a pattern that ends", text({ pattern: "^\\d{3}-\\d{8}$" })],
  ["a pattern with a bound beside it", text({ pattern: "^[a-z0-9-]+$", maxLength: 64 })],
  ["a format that is looked at in one pass", text({ format: "date-time" })],
  ["another format with a bound", text({ format: "email", maxLength: 320 })],
  ["different items with a bound", { type: "array", uniqueItems: true, maxItems: 100 }],
  ["names by pattern with a bound", { patternProperties: { "^x-": {} }, propertyNames: { maxLength: 64 } }],
  ["words that are no keywords", { const: { pattern: "(a+)+$" }, enum: [{ format: "email" }] }],
])("good: %s", (_, schema) => {
  expect(missingBounds(schema)).toEqual([]);
});

test.each<[string, object, RegExp]>([
  ["a pattern without an end", text({ pattern: "^[a-z]+$" }), /^\/properties\/a\/pattern: write maxLength/],
  ["a pattern that is found anywhere", text({ pattern: "a" }), /^\/properties\/a\/pattern: write maxLength/],
  ["a bound that is none", text({ pattern: "^[a-z]+$", maxLength: 1_000_000 }), /write maxLength/],
  ["a pattern of many ways", text({ pattern: "^(\\d+-?)*$", maxLength: 100 }), /can match in so many ways/],
  ["and among names", { patternProperties: { "^(a+)+$": {} }, propertyNames: { maxLength: 9 } }, /so many ways/],
  ["a format", text({ format: "email" }), /^\/properties\/a\/format: write maxLength/],
  ["a format deep inside", { items: { anyOf: [{ $ref: "#" }, { format: "uri" }] } }, /^\/items\/anyOf\/1\/format/],
  ["different items", { type: "array", uniqueItems: true }, /^\/uniqueItems: write maxItems/],
  ["names by pattern", { patternProperties: { "^x-": {} } }, /^\/patternProperties: write propertyNames/],
])("asked for: %s", (_, schema, message) => {
  expect(missingBounds(schema)).toEqual([expect.stringMatching(message)]);
});

test.each<[number, number, boolean]>([
  [4.35, 0.01, true],
  [0.07, 0.01, true],
  [1.1, 0.1, true],
  [19.99, 0.01, true],
  [4.355, 0.01, false],
  [1e21, 0.01, true],
  [1e-7, 1e-8, true],
  [1e-8, 1e-7, false],
  [0, 0.01, true],
  [-4.35, 0.05, true],
  [12, 5, false],
  [1e308, 3, false],
])("%d by %d: %s", (value, of, whole) => {
  expect(isMultiple(value, of)).toBe(whole);
});
