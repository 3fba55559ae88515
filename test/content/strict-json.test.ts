import fc from "fast-check";
import { AmbiguousJson, parseStrictJson } from "../../lib/content/strict-json";

const parse = (text: string | Buffer, maxDepth?: number): unknown =>
  parseStrictJson(Buffer.from(text), maxDepth === undefined ? {} : { maxDepth });

const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

describe("what every parser reads alike is read", () => {
  test.each<[string, unknown]>([
    ["{}", {}],
    [' \t\r\n{ "a" : [ 1 , -2.5e3 , true , null , "x" ] } ', { a: [1, -2500, true, null, "x"] }],
    ['"text"', "text"],
    ['{"a":{"a":{"a":1}},"b":{"a":1}}', { a: { a: { a: 1 } }, b: { a: 1 } }],
    ['[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
    ['{"a":"{\\"b\\":1,\\"b\\":2}"}', { a: '{"b":1,"b":2}' }],
    ['{"a":"\\\\","b":"}"}', { a: "\\", b: "}" }],
    ['{"":1}', { "": 1 }],
    ['{"a":"constructor","b":["__proto__"]}', { a: "constructor", b: ["__proto__"] }],
    ['{"ü":"\\u00fc","emoji":"\\ud83d\\ude00"}', { ü: "ü", emoji: "😀" }],
    ['{"a":[],"b":{}}', { a: [], b: {} }],
  ])("%j", (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  test("to the depth that is allowed", () => {
    expect(() => parse(nested(64))).not.toThrow();
    expect(() => parse(nested(3), 3)).not.toThrow();
    expect(() => parse(`[${nested(2)},${nested(2)},"[[[["]`, 3)).not.toThrow();
  });
});

describe("what one may read differently from another is ambiguous", () => {
  test.each<[string, string]>([
    ["a member twice", '{"a":1,"a":2}'],
    ["with the same value", '{"a":1,"a":1}'],
    ["once escaped", '{"a":1,"\\u0061":2}'],
    ["deep inside", '{"x":[{"y":{"a":1,"b":2,"a":3}}]}'],
    ["behind another object", '{"a":{"b":1},"c":[],"a":2}'],
    ["with white space before the colon", '{"a" :1,"a"\n:2}'],
    ["an empty name twice", '{"":1,"":2}'],
    ["but for case", '{"a":1,"A":2}'],
    ["but for case, in letters that few know", '{"key":1,"\u212aey":2}'],
    ["__proto__", '{"__proto__":{"admin":true}}'],
    ["__proto__, escaped", '{"__pr\\u006fto__":1}'],
    ["constructor", '{"constructor":{"prototype":1}}'],
    ["prototype", '{"a":{"prototype":1}}'],
    ["half a character", '{"a":"\\ud83d"}'],
    ["the other half", '{"a":"\\ude00"}'],
    ["half a character in a name", '{"\\ud83d":1}'],
    ["the end of a text in C", '{"a":"x\\u0000y"}'],
    ["deeper than allowed", nested(65)],
  ])("%s", (_, text) => {
    expect(() => parse(text)).toThrow(AmbiguousJson);
  });

  test("and says why, without the value", () => {
    expect(() => parse('{"a":"secret","a":"other"}')).toThrow('"a" stands twice.');
    expect(() => parse(nested(4), 3)).toThrow("It is too deep.");
  });
});

describe("what is no JSON is refused", () => {
  test.each<[string, string | Buffer]>([
    ["nothing", ""],
    ["white space", " \n"],
    ["half of it", '{"a":1'],
    ["more behind it", "{}x"],
    ["two values", "{}{}"],
    ["a comma too many", '{"a":1,}'],
    ["single quotes", "{'a':1}"],
    ["a name without quotes", "{a:1}"],
    ["a comment", '{"a":1/*x*/}'],
    ["NaN", '{"a":NaN}'],
    ["a zero in front", '{"a":01}'],
    ["a control character in a text", '{"a":"\n"}'],
    ["a byte order mark", Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
    ["UTF-16", Buffer.from('{"a":1}', "utf16le")],
    ["bytes that are no UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["a slash in two bytes", Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ["half a character in bytes", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ])("%s", (_, text) => {
    expect(() => parse(text)).toThrow();
  });
});

test("names in another case are others where case matters", () => {
  expect(parseStrictJson(Buffer.from('{"a":1,"A":2}'), { caseMatters: true })).toEqual({ a: 1, A: 2 });
  expect(() => parseStrictJson(Buffer.from('{"a":1,"a":2}'), { caseMatters: true })).toThrow(AmbiguousJson);
});

test("a name that is looked for is refused in another case", () => {
  const knownNames = new Set(["email"]);
  const read = (text: string): unknown => parseStrictJson(Buffer.from(text), { knownNames });
  expect(read('{"email":1,"other":2}')).toEqual({ email: 1, other: 2 });
  expect(() => read('{"Email":1}')).toThrow('"Email" is a name in another case.');
  expect(() => read('{"a":{"EMAIL":1}}')).toThrow(AmbiguousJson);
});

describe("bounds are met before anybody parses", () => {
  test("members and items are counted", () => {
    const items = (n: number): string => `[${Array.from({ length: n }, () => "1").join(",")}]`;
    const read = (text: string): unknown => parseStrictJson(Buffer.from(text), { maxTokens: 10 });
    expect(read(items(10))).toHaveLength(10);
    expect(() => read(items(11))).toThrow("It has too many members.");
    expect(() => parse(items(100_001))).toThrow("It has too many members.");
  });

  test("brackets and commas in a text are none", () => {
    expect(parseStrictJson(Buffer.from('["[[[[[[,,,,,,{{"]'), { maxTokens: 2, maxDepth: 1 })).toEqual([
      "[[[[[[,,,,,,{{",
    ]);
  });

  test("what never ends is no JSON, however it begins", () => {
    expect(() => parse("[".repeat(1_000_000))).toThrow("It is too deep.");
    expect(() => parse(`"${"\\".repeat(500_000)}`)).toThrow(SyntaxError);
  });

  test("a long text with escapes is read", () => {
    const text = `${"x".repeat(9 * 1024 * 1024)}\n`;
    expect(parse(JSON.stringify({ a: text }))).toEqual({ a: text });
  });
});

/** A value as the text has it: members may stand twice. */
type Written = string | number | null | Written[] | { members: [string, Written][] };

const names = fc.constantFrom("a", "b", "a ", ":", "", "constructor", "__proto__", "ü");
const { written } = fc.letrec<{ written: Written }>((tie) => ({
  written: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.constantFrom<Written>("", ":", '"', "a", "{[", "\\", 7, null),
    fc.array(tie("written"), { maxLength: 3 }),
    fc.record({ members: fc.array(fc.tuple(names, tie("written")), { maxLength: 4 }) }),
  ),
}));

const textOf = (value: Written, space: string): string => {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((v) => textOf(v, space)).join(`,${space}`)}]`;
  const members = value.members.map(([name, v]) => `${JSON.stringify(name)}${space}:${space}${textOf(v, space)}`);
  return `{${members.join(",")}}`;
};

const isPlain = (value: Written): boolean => {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isPlain);
  const own = value.members.map(([name]) => name);
  const trapped = own.some((name) => name === "constructor" || name === "__proto__");
  return !trapped && new Set(own).size === own.length && value.members.every(([, v]) => isPlain(v));
};

test("any text is read where no name stands twice or is a trap, and only there", () => {
  fc.assert(
    fc.property(written, fc.constantFrom("", " ", "\n\t"), (value, space) => {
      const text = textOf(value, space);
      if (isPlain(value)) expect(parse(text)).toEqual(JSON.parse(text));
      else expect(() => parse(text)).toThrow(AmbiguousJson);
    }),
    { numRuns: 2_000 },
  );
});
