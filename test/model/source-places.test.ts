import { readFileSync } from "node:fs";
import { loadModel } from "../../lib/model";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";

afterAll(removeTemporaryDirectories);

const model = (routes: string, before = ""): string => `${before}
export default {
  name: "shop",
  hosts: { "api.shop.test": {} },
  services: { orders: { address: "orders:3000" } },
  routes: [${routes}],
};
`;

/** What stands at the places of the diagnostics, to the end of their lines. */
function placesOf(text: string): string[] {
  const file = writeIn(temporaryDirectory(), "shop.ts", text);
  const lines = readFileSync(file, "utf8").split("\n");
  return loadModel(file).diagnostics.map(({ source }) => {
    expect(source?.file).toContain("shop.ts");
    const { line, column } = source ?? {};
    return line === undefined || column === undefined ? "nowhere" : (lines[line - 1] ?? "").slice(column - 1);
  });
}

const good = `{ name: "good", match: { prefix: ["/good"] }, service: "orders" }`;
const wrong = `{ name: "a", match: { prefix: ["/a"] }, service: "ordrs" }`;

test.each<[string, string, string]>([
  ["a value", model(wrong), '"ordrs" }'],
  ["behind others", model(`${good},\n${wrong}`), '"ordrs" }'],
  [
    "a key that is none",
    model(`{ name: "a", match: { prefix: ["/a"] }, servise: 1, service: "orders" }`),
    "servise: 1",
  ],
  ["in a list that is taken in", model(`...others, ${good}`, `const others = [${wrong}];`), '"ordrs" }'],
  ["behind such a list", model(`...others, ${wrong}`, `const others = [${good}];`), '"ordrs" }'],
  [
    "in an object that is taken in",
    model(`{ ...base, name: "a", match: { prefix: ["/a"] } }`, `const base = { service: "ordrs" } as const;`),
    '"ordrs" }',
  ],
  [
    "that overwrites what is taken in",
    model(`{ ...base, name: "a", match: { prefix: ["/a"] }, service: "ordrs" }`, `const base = { service: "orders" };`),
    '"ordrs" }',
  ],
  [
    "by a name",
    model(
      `{ name: "a", match: { prefix: ["/a"] }, service: "orders", policies }`,
      `const policies = { timeouts: { firstByte: "ten" } };`,
    ),
    '"ten" }',
  ],
  ["of an item without a name", model(`{ name: "a", match: { prefix: ["/a", "b"] }, service: "orders" }`), '"b"] }'],
  [
    "by a function, as far as it is known",
    model(`route("a")`, `const route = (name: string) => ({ name, match: { prefix: ["/a"] }, service: "ordrs" });`),
    `[route("a")]`,
  ],
  [
    "what only running it says",
    model(`...["a"].map((name) => ({ name, match: { prefix: ["/a"] }, service: "ordrs" }))`),
    "[...[",
  ],
  [
    "names in a circle",
    model(`...others`, `const first = () => second(); const second = () => first();\nconst others = [${wrong}];`),
    '"ordrs" }',
  ],
])("%s", (_, text, expected) => {
  expect(placesOf(text)).toEqual([expect.stringContaining(expected)]);
  expect(placesOf(text)[0]?.startsWith(expected)).toBe(true);
});
