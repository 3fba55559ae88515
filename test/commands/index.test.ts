import { readFileSync } from "node:fs";
import path from "node:path";
import { removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";
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

test("--help goes out, and no command at all is wrong use", async () => {
  expect(await run("--help")).toMatchObject({ code: 0, err: "" });
  expect(await run()).toMatchObject({ code: 2, out: "" });
});

test("a JSON model names its schema for editors", async () => {
  const model = { $schema: "../gatewright.schema.json", ...small({}) };
  const file = writeIn(temporaryDirectory(), "shop.json", JSON.stringify(model));
  expect(await run("check", file)).toMatchObject({ code: 0, err: "" });
});
