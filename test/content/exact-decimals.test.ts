import fc from "fast-check";
import { isInexact, type Inexact } from "../../lib/content/exact-decimals";
import { parseStrictJson } from "../../lib/content/strict-json";
import { bodySchema } from "../../lib/policy/kinds/body";
import type { Exchange, State } from "../../lib/policy";

describe("numbers that are others once they are read", () => {
  test.each([
    "9999999999999.991",
    "1.000000000000000000001",
    "9007199254740993",
    "1e-400",
    "1e400",
    "-0.10000000000000000000001",
    "123456789012345678901234567890",
  ])("%s", (text) => {
    expect(isInexact(text)).toBe(true);
  });

  test.each([
    "0",
    "-0",
    "4.35",
    "19.99",
    "1E5",
    "1e-7",
    "100000000000000000000",
    "0.1e1",
    "12345.678901234",
    "1.10",
    "9007199254740992",
  ])("not %s", (text) => {
    expect(isInexact(text)).toBe(false);
  });

  test("what a program has written is exact", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(isInexact(JSON.stringify(value))).toBe(false);
      }),
    );
  });

  test("and up to fifteen digits are", () => {
    const digits = fc.tuple(fc.bigInt({ min: 0n, max: 999_999_999_999_999n }), fc.integer({ min: 0, max: 15 }));
    fc.assert(
      fc.property(digits, ([all, places]) => {
        const text = all.toString().padStart(places + 1, "0");
        const number = places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
        expect(isInexact(number)).toBe(false);
      }),
    );
  });

  test("wherever they stand, and not in texts", () => {
    const inexact: Inexact = new Map();
    const text =
      '{"a":[1.000000000000000000001,2],"9999999999999.991":"9999999999999.992","b":-3.000000000000000000001}';
    parseStrictJson(Buffer.from(text), { inexact });
    expect([...inexact.keys()]).toEqual([1, -3]);
  });
});

describe("a schema compares the number that was written", () => {
  const judge = async (schema: object, body: string): Promise<number | undefined> => {
    const config = bodySchema.schema.parse({ schema: { type: "object", additionalProperties: false, ...schema } });
    const bytes = Buffer.from(body);
    const request = { headers: [["content-type", "application/json"]], body: { read: () => Promise.resolve(bytes) } };
    const decision = await bodySchema.decide?.(config, { request } as unknown as Exchange, {} as State);
    return (decision as { status: number } | undefined)?.status;
  };

  const any = { properties: { a: { type: "number" } } };
  const conditional = (keyword: string): object => ({
    properties: { a: { type: "number" }, approval: { type: "string", maxLength: 9 } },
    [keyword]: { properties: { a: { type: "number", minimum: 1000 } }, required: ["a"] },
    then: { required: ["approval"], properties: { approval: true } },
  });
  const amount = { properties: { amount: { type: "number", exclusiveMinimum: 0, multipleOf: 0.01 } } };
  test.each<[string, object, string, number | undefined]>([
    ["two decimals", amount, '{"amount":9999999999999.99}', undefined],
    ["three, behind fifteen digits", amount, '{"amount":9999999999999.991}', 400],
    ["many", amount, '{"amount":4.350000000000000001}', 400],
    ["a bound", { properties: { a: { type: "number", maximum: 100 } } }, '{"a":100.000000000000000001}', 400],
    ["a whole number", { properties: { a: { type: "integer", maximum: 9 } } }, '{"a":1.000000000000000000001}', 400],
    ["one of some", { properties: { a: { enum: [0.1, 2] } } }, '{"a":0.1000000000000000000001}', 400],
    [
      "in a list",
      { properties: { a: { type: "array", maxItems: 2, items: { type: "number", minimum: 1 } } } },
      '{"a":[1.000000000000000000001]}',
      undefined,
    ],
    [
      "by reference",
      { $defs: { b: { const: 1 } }, properties: { a: { $ref: "#/$defs/b" } } },
      '{"a":1.000000000000000000001}',
      400,
    ],
    ["a condition", conditional("if"), '{"a":5000.00000000000000001}', 400],
    ["a condition that is not met", conditional("if"), '{"a":5}', undefined],
    [
      "a condition whose bound it just passes",
      { if: { properties: { a: { exclusiveMinimum: 1000, type: "number" } }, required: ["a"] }, then: false, ...any },
      '{"a":1000.00000000000000001}',
      400,
    ],
    [
      "what must not be",
      { ...any, not: { properties: { a: { const: 5 } }, required: ["a"] } },
      '{"a":5.0000000000000000001}',
      400,
    ],
    [
      "one of two",
      { properties: { a: { oneOf: [{ type: "integer" }, { type: "number" }] } } },
      '{"a":5.0000000000000000001}',
      400,
    ],
    [
      "some of a list",
      {
        properties: {
          a: {
            type: "array",
            maxItems: 9,
            items: { type: "number" },
            contains: { type: "number", minimum: 100 },
            maxContains: 1,
          },
        },
      },
      '{"a":[100, 100.00000000000000000001]}',
      400,
    ],
    ["a value within a value", { properties: { a: { const: { n: 1 } } } }, '{"a":{"n":1.0000000000000000000001}}', 400],
    ["an id of 64 bits", { properties: { a: { type: "integer" } } }, '{"a":9223372036854775807}', undefined],
    ["another one", { properties: { a: { type: "integer", minimum: 0 } } }, '{"a":1152921504606846976}', undefined],
    [
      "seventeen digits where a bound is far",
      { properties: { a: { type: "number", minimum: 0 } } },
      '{"a":0.10000000000000001}',
      undefined,
    ],
    [
      "names that depend on a keyword's name",
      {
        properties: { enum: { type: "string", maxLength: 9 }, b: { type: "integer" } },
        dependentRequired: { enum: ["b"] },
      },
      '{"enum":"x","b":1}',
      undefined,
    ],
    ["a number of a million digits", amount, `{"amount":0.1${"0".repeat(500_000)}1}`, 400],
    [
      "many ways to write one",
      amount,
      `{"amount":[${Array.from({ length: 5_000 }, (_, n) => `1.00000000000000000${String(n + 1)}`).join(",")}]}`,
      400,
    ],
    ["what nothing compares", { properties: { a: { type: "number" } } }, '{"a":52.520006599999999999}', undefined],
    [
      "a member of a keyword's name",
      { properties: { minimum: { type: "number" } } },
      '{"minimum":52.520006599999999999}',
      undefined,
    ],
  ])("%s", async (_, schema, body, status) => {
    expect(await judge(schema, body)).toBe(status);
  });

  test.each<[string, number | undefined]>([
    ["6f1c1d52-0b5a-4d8e-9a55-3f6a0b1c2d3e", undefined],
    ["6F1C1D52-0B5A-4D8E-9A55-3F6A0B1C2D3E", undefined],
    ["urn:uuid:6f1c1d52-0b5a-4d8e-9a55-3f6a0b1c2d3e", 400],
  ])("a UUID: %s", async (id, status) => {
    expect(await judge({ properties: { id: { type: "string", format: "uuid" } } }, JSON.stringify({ id }))).toBe(
      status,
    );
  });
});
