import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { diagnostic, type Diagnostic } from "../diagnostics";
import { programArguments } from "../program";
import { modelFiles } from "./models";

const run = promisify(execFile);

/** The first error that the command has told as JSON. */
function faultIn(stdout: string): string | undefined {
  try {
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
    const first = diagnostics.find((d) => d.severity === "error");
    return first && `${first.message} (${first.code} at ${first.at}: ${first.why})`;
  } catch {
    return undefined;
  }
}

/**
 * What a command prints as JSON of the models at another revision of this repository, nothing where it has none of them; or why
 * it prints nothing.
 */
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
    // The same files there: one that is named from the root of this machine would be the one of today.
    const named = files.map((file) => (path.isAbsolute(file) ? path.relative(process.cwd(), file) : file));
    const there = modelFiles(named, tree).filter((file) => existsSync(path.join(tree, file)));
    if (there.length === 0) return { result: undefined };
    const argv = [...programArguments("gatewright"), command, "--json", "--", ...there];
    const { stdout } = await run(process.execPath, argv, { cwd: tree, maxBuffer: 64 * 1024 * 1024 });
    return { result: JSON.parse(stdout) };
  } catch (error) {
    const { stderr = "", stdout = "", message } = error as { stderr?: string; stdout?: string; message: string };
    const lines = (stderr || message).trim().split("\n");
    const said = faultIn(stdout) ?? lines.find((line) => /^(fatal|error)|Error/.test(line)) ?? lines[0] ?? message;
    const why = `"gatewright ${command} --json" at ${revision} said: ${said}`;
    const fix = "Name a commit, branch or tag of this repository that has the command and whose models are good.";
    return { problem: diagnostic("diff/unknown-revision", revision, why, fix) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
