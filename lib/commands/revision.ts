import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { diagnostic, type Diagnostic } from "../diagnostics";
import { programArguments } from "../program";

const run = promisify(execFile);

/** What a command prints as JSON of the models at another revision of this repository; or why it prints nothing. */
export async function atRevision(
  revision: string,
  command: string,
  files: readonly string[],
): Promise<{ result: unknown } | { problem: Diagnostic }> {
  const folder = mkdtempSync(path.join(tmpdir(), "gatewright-revision-"));
  const [tree, archive] = [path.join(folder, "tree"), path.join(folder, "tree.tar")];
  try {
    const { stdout: commit } = await run("git", ["rev-parse", "--verify", "--end-of-options", `${revision}^{commit}`]);
    // No worktree: the repository would remember one that was broken off.
    await run("git", ["archive", "--format=tar", `--output=${archive}`, commit.trim()]);
    mkdirSync(tree);
    await run("tar", ["-xf", archive, "-C", tree]);
    if (existsSync("node_modules")) symlinkSync(path.resolve("node_modules"), path.join(tree, "node_modules"));
    const argv = [...programArguments("gatewright"), command, "--json", "--", ...files];
    const { stdout } = await run(process.execPath, argv, { cwd: tree, maxBuffer: 64 * 1024 * 1024 });
    return { result: JSON.parse(stdout) };
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    const lines = (stderr || message).trim().split("\n");
    const said = lines.find((line) => /^(fatal|error)|Error/.test(line)) ?? lines[0] ?? message;
    const why = `"gatewright ${command} --json" at ${revision} said: ${said}`;
    const fix = "Name a commit, branch or tag of this repository that has the command and whose models are good.";
    return { problem: diagnostic("diff/unknown-revision", revision, why, fix) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
