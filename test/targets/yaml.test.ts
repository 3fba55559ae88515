import { parse } from "yaml";
import { toYaml } from "../../lib/targets/yaml";

/** What is written is read alike by readers of YAML 1.1, Kubernetes' among them, which end a plain text between braces sooner. */

const TEXTS = [
  "(?i)websocket",
  "a, b",
  "[x]",
  "{y}",
  "#z",
  "a: b",
  "GET|HEAD",
  "%REQ(X)%",
  "*.mmr.com",
  "@moved",
  "yes",
  "1e5",
  "",
];

test.each(TEXTS)("a text in a small mapping of a list: %j", (text) => {
  const value = { list: [{ name: { exact: text } }, { other: text, port: 1 }], of: { several: { levels: text } } };
  const written = toYaml(value);
  for (const version of ["1.1", "1.2"] as const) expect(parse(written, { version })).toEqual(value);
  for (const line of written.split("\n").filter((l) => l.includes("{ "))) {
    // Between braces nothing is plain that has a word of YAML's in it.
    const plain = line.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, "").replace(/[{}[\],]\s|\s[{}[\]]|:\s/g, " ");
    expect(plain).not.toMatch(/[[\]{},#?]/);
  }
});

test("small structures stand in a line, long ones and texts of several lines do not", () => {
  const long = "x".repeat(120);
  expect(
    toYaml({ ports: [{ name: "http", port: 80 }], labels: { a: "b" }, env: [{ name: long }], text: [{ t: "a\nb" }] }),
  ).toBe(
    `ports:\n  - { name: http, port: 80 }\nlabels:\n  a: b\nenv:\n  - name: ${long}\ntext:\n  - t: |-\n      a\n      b\n`,
  );
});

test("a text of megabytes is written as well", () => {
  const value = {
    data: { one: '"x" $& ü\n'.repeat(300_000), two: `\u007f\u0085\u009f\u2028${"y".repeat(2_000_000)}`, three: "z" },
  };
  for (const version of ["1.1", "1.2"] as const) expect(parse(toYaml(value), { version })).toEqual(value);
});
