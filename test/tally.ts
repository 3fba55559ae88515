import { execFile, type ExecFileOptions } from "node:child_process";

/** What a program said. */
export interface Spoken {
  code: number;
  stdout: string;
  stderr: string;
}

/** Counts what passed, and says what did not. */
export class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;

  /** No words: it passed. */
  note(what: string, words: readonly string[]): void {
    if (words.length === 0) this.passed += 1;
    else {
      this.failed += 1;
      process.stdout.write(`FAIL ${what}: ${words.join("; ")}\n`);
    }
  }

  skip(count: number, reason: string): void {
    process.stdout.write(`SKIP ${String(count)}: ${reason}\n`);
    this.skipped += count;
  }

  /** A skipped check is no proof: where nobody reads the reasons, it fails. */
  end(): number {
    const { passed, failed, skipped } = this;
    process.stdout.write(`${String(passed)} passed, ${String(failed)} failed, ${String(skipped)} skipped\n`);
    return failed > 0 || (skipped > 0 && process.env["CI"] === "true") ? 1 : 0;
  }
}

/** Runs a program to its end; it never throws. */
export function speak(command: string, args: readonly string[], options: ExecFileOptions = {}): Promise<Spoken> {
  return new Promise((resolve) => {
    const all = { ...options, encoding: "utf8" as const, maxBuffer: 64 * 1024 * 1024 };
    execFile(command, [...args], all, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr: stderr === "" && error !== null ? error.message : stderr });
    });
  });
}
