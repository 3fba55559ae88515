import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DOOR_MS, PROMPT_MS } from "./bounds";

/** What a drill is given: a folder, a way to undo what it has started, and a list of what must hold. */
export class Run {
  readonly directory = mkdtempSync(path.join(tmpdir(), "gatewright-drill-"));
  /** What did not hold, in the order of asking. */
  readonly failures: string[] = [];
  /** Numbers worth reading whatever the outcome. */
  readonly notes: string[] = [];
  readonly #after: (() => Promise<unknown>)[] = [];

  /** Goes on after a failure: one run of a drill tells all that is wrong. */
  check(what: string, holds: boolean, detail = ""): void {
    if (!holds) this.failures.push(detail === "" ? what : `${what}: ${detail}`);
  }

  equal(what: string, actual: unknown, expected: unknown): void {
    const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
    this.check(what, is === should, `${is}, not ${should}`);
  }

  atMost(what: string, actual: number, bound: number): void {
    this.check(what, actual <= bound, `${String(Math.round(actual * 10) / 10)}, bound ${String(bound)}`);
  }

  atLeast(what: string, actual: number, bound: number): void {
    this.check(what, actual >= bound, `${String(Math.round(actual * 10) / 10)}, at least ${String(bound)}`);
  }

  /** Answered at once, and none of them too late for a proxy. */
  prompt(what: string, { medianMs, maxMs }: { medianMs: number; maxMs: number }): void {
    this.atMost(`median ms ${what}`, medianMs, PROMPT_MS);
    this.atMost(`ms at most ${what}`, maxMs, DOOR_MS);
  }

  note(text: string): void {
    this.notes.push(text);
  }

  /** Undone in reverse order when the drill is over, however it ends. */
  after(action: () => Promise<unknown>): void {
    this.#after.push(action);
  }

  async end(): Promise<void> {
    for (const action of this.#after.splice(0).reverse()) {
      await action().catch((error: unknown) => this.failures.push(`it does not end: ${String(error)}`));
    }
    if (process.env["KEEP"] === undefined) rmSync(this.directory, { recursive: true, force: true });
    else this.note(this.directory);
  }
}

/** Thrown by a drill that cannot be run here, or not yet. */
export class Skip extends Error {}

export interface Drill {
  name: string;
  /** Takes minutes or a large download: it runs only when asked for. */
  slow?: true;
  run(run: Run): Promise<void>;
}

/** Nothing may hang longer than this. */
const LIMIT_MS = 300_000;

export type Outcome = "ok" | "FAILED" | "skipped";

export async function runDrill(drill: Drill): Promise<{ outcome: Outcome; lines: string[] }> {
  const start = performance.now();
  const run = new Run();
  let timer: NodeJS.Timeout | undefined;
  let skipped: string | undefined;
  try {
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`it was not over in ${String(LIMIT_MS / 1000)} s`));
      }, LIMIT_MS);
    });
    await Promise.race([drill.run(run), limit]);
  } catch (error) {
    if (error instanceof Skip) skipped = error.message;
    else run.failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    await run.end();
  }
  const ms = Math.round(performance.now() - start);
  const details = [...run.failures.map((f) => `    - ${f}`), ...run.notes.map((n) => `    ${n}`)];
  if (run.failures.length > 0)
    return { outcome: "FAILED", lines: [`FAILED ${drill.name} (${String(ms)})`, ...details] };
  if (skipped !== undefined) return { outcome: "skipped", lines: [`skipped ${drill.name}: ${skipped}`] };
  return { outcome: "ok", lines: [`ok ${drill.name} (${String(ms)})`, ...details] };
}
