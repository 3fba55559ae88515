import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { loadAll } from "js-yaml";
import { modelFiles } from "../lib/commands/models";
import { loadModel } from "../lib/model";
import { synthesized } from "./stacks/synthesized";

/** Nothing that is generated holds a secret: neither by its look, nor where a secret would stand. */

const FOLDERS = ["nginx", "istio", "kubernetes"];
const files = [
  ...FOLDERS.flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  ),
  "cost-report.md",
].map((name) => ({ name, content: readFileSync(name, "utf8") }));

const templates = modelFiles([]).flatMap((file) => {
  const { value } = loadModel(file);
  if (!value) return [];
  return Object.values(value.infrastructure).flatMap((infrastructure) =>
    [...synthesized(value, infrastructure)].map(([stack, template]) => ({
      name: `${value.name}/${stack}`,
      content: JSON.stringify(template.toJSON()),
    })),
  );
});

/** Keys of AWS, private keys, tokens, and passwords in addresses; a reference that is resolved later is none. */
const LOOKS = [
  /\b(AKIA|ASIA)[A-Z0-9]{16}\b/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}\b/,
  /\b[a-z]+:\/\/[^\s/:@"]*:(?!\{\{)[^\s/@"]+@/,
  /test-only/,
];

const isReference = (value: unknown): boolean =>
  typeof value !== "string" || value === "" || /^\{\{resolve:|^\//.test(value);

/** Values that stand where a secret would, and say something themselves. */
function named(value: unknown, trail: string[] = []): string[] {
  if (typeof value !== "object" || value === null) return [];
  const env = value as { name?: unknown; value?: unknown };
  const isVariable = typeof env.name === "string" && /PASSWORD|SECRET|TOKEN|_KEY$/.test(env.name);
  const own = isVariable && !isReference(env.value) ? [[...trail, String(env.name)].join("/")] : [];
  const inside = Object.entries(value).flatMap(([key, inner]) => {
    const isSecret = /^(master)?(user)?passwords?$|^secretstring$|^authtoken$/i.test(key);
    const said = isSecret && [inner].flat().some((text) => typeof text === "string" && !isReference(text));
    const found = said ? [[...trail, key].join("/")] : [];
    return [...found, ...named(inner, [...trail, key])];
  });
  return [...own, ...inside];
}

test("there is something to look at", () => {
  expect([files.length > 30, templates.length > 25]).toEqual([true, true]);
});

test("the search finds what it searches", () => {
  const found = (text: string): boolean => LOOKS.some((look) => look.test(text));
  expect([found("AKIAABCDEFGHIJKLMNOP"), found("rediss://gateway:hunter2@store:6379")]).toEqual([true, true]);
  expect(found("rediss://gateway:{{ .password }}@{{ .endpoint }}")).toBe(false);
  expect(named({ Passwords: ["{{resolve:secretsmanager:x}}", "hunter2"] })).toEqual(["Passwords"]);
  expect(named({ a: [{ MasterUserPassword: "hunter2" }], b: { name: "API_TOKEN", value: "x" } })).toEqual([
    "a/0/MasterUserPassword",
    "b/API_TOKEN",
  ]);
  expect(
    named({ MasterUserPassword: "{{resolve:secretsmanager:x}}", k: { name: "TLS_KEY", value: "/tls/tls.key" } }),
  ).toEqual([]);
});

test.each([...files, ...templates])("$name has no secret by its look", ({ content }) => {
  expect(LOOKS.flatMap((look) => look.exec(content)?.[0] ?? [])).toEqual([]);
});

test.each(templates)("$name has no secret where one would stand", ({ content }) => {
  expect(named(JSON.parse(content))).toEqual([]);
});

test.each(files.filter(({ name }) => /\.(ya?ml|json)$/.test(name)))(
  "$name is no Secret and holds none",
  ({ content }) => {
    const objects = loadAll(content) as ({ kind?: string } | null)[];
    expect(objects.filter((object) => object?.kind === "Secret")).toEqual([]);
    expect(objects.flatMap((object) => named(object))).toEqual([]);
  },
);
