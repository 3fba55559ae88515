import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { loadAll } from "js-yaml";
import { namedSecrets, secretsIn } from "./secrets-by-look";

/** Nothing that is generated holds a secret: neither by its look, nor where a secret would stand. Templates: test/stacks. */

const FOLDERS = ["nginx", "istio", "kubernetes"];
const files = [
  ...FOLDERS.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  ),
  "cost-report.md",
].map((name) => ({ name, content: readFileSync(name, "utf8") }));

test("there is something to look at", () => {
  expect(files.length).toBeGreaterThan(30);
});

test("the search finds what it searches", () => {
  const found = (text: string): boolean => secretsIn(text).length > 0;
  expect([found("AKIAABCDEFGHIJKLMNOP"), found("rediss://gateway:hunter2@store:6379")]).toEqual([true, true]);
  expect(found("rediss://gateway:{{ .password }}@{{ .endpoint }}")).toBe(false);
  expect(namedSecrets({ Passwords: ["{{resolve:secretsmanager:x}}", "hunter2"] })).toEqual(["Passwords"]);
  expect(namedSecrets({ a: [{ MasterUserPassword: "hunter2" }], b: { name: "API_TOKEN", value: "x" } })).toEqual([
    "a/0/MasterUserPassword",
    "b/API_TOKEN",
  ]);
  expect(
    namedSecrets({ MasterUserPassword: "{{resolve:secretsmanager:x}}", k: { name: "TLS_KEY", value: "/tls/tls.key" } }),
  ).toEqual([]);
});

test.each(files)("$name has no secret by its look", ({ content }) => {
  expect(secretsIn(content)).toEqual([]);
});

test.each(files.filter(({ name }) => /\.(ya?ml|json)$/.test(name)))(
  "$name is no Secret and holds none",
  ({ content }) => {
    const objects = loadAll(content) as ({ kind?: string } | null)[];
    expect(objects.filter((object) => object?.kind === "Secret")).toEqual([]);
    expect(objects.flatMap((object) => namedSecrets(object))).toEqual([]);
  },
);
