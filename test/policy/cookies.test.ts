import type { GatewayRequest, HeaderLine } from "../../lib/policy";
import { cookieValues } from "../../lib/policy/cookies";

const asking = (lines: readonly string[], name = "Cookie"): GatewayRequest =>
  ({ headers: lines.map((line): HeaderLine => [name, line]) }) as unknown as GatewayRequest;

test.each<[what: string, lines: string[], values: string[]]>([
  ["no cookie at all", [], []],
  ["another one", ["b=1"], []],
  ["alone", ["a=1"], ["1"]],
  ["among others", ["x=0; a=1; b=2"], ["1"]],
  ["without spaces", ["x=0;a=1;b=2"], ["1"]],
  ["with more of them", ["x=0;   a=1  ; b=2"], ["1"]],
  ["in a second line", ["x=0", "a=1"], ["1"]],
  ["empty", ["a="], [""]],
  ["without a value", ["a"], []],
  ["with an equals sign in it", ["a=b=c=="], ["b=c=="]],
  ["in quotes", ['a="1"'], ["1"]],
  ["with half a quote", ['a="1'], ['"1']],
  ["a name that only ends alike", ["ba=1"], []],
  ["a name that only begins alike", ["ab=1"], []],
  ["a name in another case", ["A=1"], []],
  ["twice with one value", ["a=1; a=1"], ["1"]],
  ["twice with one value, once in quotes", ['a=1; a="1"'], ["1"]],
  ["twice with two values", ["a=1; a=2"], ["1", "2"]],
  ["twice with two values, in two lines", ["a=1", "a=2"], ["1", "2"]],
  ["twice, one of them empty", ["a=; a=2"], ["", "2"]],
  ["in the value of another", ["b=a=1"], []],
  ["a comma is no separator", ["b=1, a=2"], []],
])("%s", (_, lines, values) => {
  expect(cookieValues(asking(lines), "a")).toEqual(values);
});

test("the header's name is taken in any case, and no other header", () => {
  expect(cookieValues(asking(["a=1"], "cOOKIE"), "a")).toEqual(["1"]);
  expect(cookieValues(asking(["a=1"], "X-Cookie"), "a")).toEqual([]);
  expect(cookieValues(asking(["a=1"], "Set-Cookie"), "a")).toEqual([]);
});
