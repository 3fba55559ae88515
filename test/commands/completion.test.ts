import { execFileSync } from "node:child_process";
import { run } from "./run";

/** What shells complete, by a real bash; the others' scripts are read by their shells where those are there. */

async function completed(...words: string[]): Promise<string[]> {
  const { out } = await run("completion", "bash");
  const asked = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${String(words.length - 1)}; _gatewright; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync("bash", ["-c", `${out}\n${asked}`], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line !== "");
}

test.each([
  { words: ["gatewright", "sy"], found: ["synth"] },
  { words: ["gatewright", "--v"], found: ["--version"] },
  { words: ["gatewright", "plan", "--co"], found: ["--costs"] },
  { words: ["gatewright", "check", "--co"], found: [] },
  { words: ["gatewright", "test", "--target", "n"], found: ["nginx", "node-gateway"] },
  { words: ["gatewright", "completion", ""], found: ["bash", "zsh", "fish"] },
  { words: ["gatewright", "completion", "--h"], found: ["--help"] },
  { words: ["gatewright", "help", "pl"], found: ["plan"] },
  // Files are the shell's own business.
  { words: ["gatewright", "check", "pol"], found: [] },
])("bash completes $words", async ({ words, found }) => {
  expect((await completed(...words)).sort()).toEqual([...found].sort());
});

test.each(["zsh", "fish"])(
  "%s hears of each command and of an option with an apostrophe in its text",
  async (shell) => {
    const { code, out } = await run("completion", shell);
    expect(code).toBe(0);
    expect(out).toContain("explain");
    expect(out).toContain("costs");
    expect(out).toContain("a service'\\''s address");
  },
);

test("a shell that is not known is wrong use", async () => {
  expect(await run("completion", "tcsh")).toMatchObject({
    code: 2,
    out: "",
    err: "Name the shell: bash, zsh, fish.\n",
  });
  expect(await run("completion")).toMatchObject({ code: 2 });
});
