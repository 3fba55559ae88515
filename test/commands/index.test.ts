import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";
import { OPTIONS } from "../../lib/commands/context";
import { optionsOf, USAGES, type CommandName, type OptionName } from "../../lib/commands/usage";
import { ROOT, run } from "./run";

/** What the command line says of itself, and of words that it does not know. */

afterAll(removeTemporaryDirectories);

test("--version is the package's, whatever else is said", async () => {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as { version: string };
  expect(await run("--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
  expect(await run("check", "--version")).toEqual({ code: 0, out: `${version}\n`, err: "" });
});

test("an unknown command is wrong use, and the one that was meant is named", async () => {
  expect(await run("snyth")).toMatchObject({ code: 2, out: "", err: expect.stringContaining('"synth"') as unknown });
  expect(await run("constructor")).toMatchObject({ code: 2, out: "" });
});

test("an option that nobody knows is wrong use", async () => {
  expect(await run("check", "--strict")).toMatchObject({
    code: 2,
    out: "",
    err: expect.stringContaining("--strict") as unknown,
  });
});

test("an option of another command is wrong use, not one without effect", async () => {
  expect(await run("check", "--rate", "5")).toEqual({
    code: 2,
    out: "",
    err: "check has no --rate. See gatewright check --help.\n",
  });
  expect(await run("synth", "--cost", "main")).toMatchObject({ code: 2, out: "" });
  expect(await run("plan", "--costs", "--target", "nginx")).toMatchObject({ code: 2, out: "" });
});

test.each(Object.keys(USAGES) as CommandName[])(
  "%s --help tells of each of its options, and help of it as well",
  async (name) => {
    const { code, out, err } = await run(name, "--help");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const option of Object.keys(optionsOf(name))) expect(out).toMatch(new RegExp(`^  --${option} `, "m"));
    expect(out).toContain(USAGES[name].summary);
    expect(await run("help", name)).toEqual({ code, out, err });
    const file = readFileSync(path.join(ROOT, "lib/commands/index.ts"), "utf8");
    expect(file).toMatch(new RegExp(`^  ${name}[:,]`, "m"));
  },
);

test("each option belongs to a command, and has a value's name where it takes one", () => {
  const used = new Map((Object.keys(USAGES) as CommandName[]).flatMap((name) => Object.entries(optionsOf(name))));
  expect([...used.keys(), "help", "version"].sort()).toEqual(Object.keys(OPTIONS).sort());
  for (const [option, [, value]] of used)
    expect([option, value !== undefined]).toEqual([option, OPTIONS[option as OptionName].type === "string"]);
});

test("help says what was meant, of commands and of codes", async () => {
  expect((await run("help", "plann")).err).toContain('Is it "plan"?');
  expect((await run("help", "model/unknown-hots")).err).toContain('There is no diagnostic "model/unknown-hots".');
});

test("schema --write puts the schema beside the models, and it is no model", async () => {
  const folder = temporaryDirectory();
  const before = process.cwd();
  process.chdir(folder);
  try {
    mkdirSync("policies");
    writeIn("policies", "shop.json", JSON.stringify(small({ $schema: "gatewright.schema.json" })));
    expect(await run("schema", "--write")).toMatchObject({ code: 0, err: "" });
    const written = readFileSync(path.join(folder, "policies/gatewright.schema.json"), "utf8");
    expect(written).toBe((await run("schema")).out);
    expect(await run("check")).toMatchObject({
      code: 0,
      err: "",
      out: expect.stringContaining("1 model(s)") as unknown,
    });
  } finally {
    process.chdir(before);
  }
});

test("--help goes out, and no command at all is wrong use", async () => {
  expect(await run("--help")).toMatchObject({ code: 0, err: "" });
  expect(await run()).toMatchObject({ code: 2, out: "" });
});

test("a JSON model names its schema for editors", async () => {
  const model = { $schema: "../gatewright.schema.json", ...small({}) };
  const file = writeIn(temporaryDirectory(), "shop.json", JSON.stringify(model));
  expect(await run("check", file)).toMatchObject({ code: 0, err: "" });
});
