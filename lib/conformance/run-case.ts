import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Case, ExchangeStep, Expectation } from "./case";
import { differences, regexOf, statusMatches, type Outcome } from "./expect";
import type { OracleAnswer } from "./stands/decide";
import type { Held, Stand } from "./stands/stand";
import { revocationKeys } from "./system";
import { fillPlaceholders, toWire, type WireAnswer } from "./wire";

export interface CaseResult {
  case: Case;
  outcome: "passed" | "failed" | "skipped";
  /** What differed, or why it was skipped. */
  details: string[];
}

/** The run was too slow to prove anything; it is done again. */
class TooSlow extends Error {}

class CaseRun {
  readonly details: string[] = [];
  readonly #held: Held[] = [];
  readonly #open: Held[] = [];
  #sent = 0;
  #firstSent = 0;

  constructor(
    private readonly stand: Stand,
    private readonly testCase: Case,
  ) {}

  async run(): Promise<void> {
    try {
      const revoked = JSON.stringify(this.testCase.steps).match(/[\w-]+(#\d+)?!revoked/g) ?? [];
      for (const name of new Set(revoked)) await this.#revoke(name);
      let number = 0;
      for (const step of this.testCase.steps) {
        number += 1;
        const prefix = this.testCase.steps.length > 1 ? `step ${String(number)}: ` : "";
        if ("wait" in step) await sleep(step.wait * 1000);
        else if ("release" in step) await this.#release(step.release);
        else if ("revoke" in step) await this.#revoke(step.revoke);
        else if ("request" in step) this.details.push(...(await this.#step(step)).map((d) => prefix + d));
      }
    } finally {
      for (const socket of [...this.#held, ...this.#open]) socket.destroy();
    }
  }

  async #revoke(name: string): Promise<void> {
    const payload = this.stand.identities.token(name).split(".")[1] ?? "";
    const { jti } = JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) as { jti: string };
    for (const key of revocationKeys(this.stand.system.model)) await this.stand.revoke(key.replace("{jti}", () => jti));
  }

  async #release(count: number): Promise<void> {
    for (const socket of this.#held.splice(0, count)) socket.destroy();
    await sleep(500);
  }

  async #step(step: ExchangeStep): Promise<string[]> {
    const { services } = this.stand;
    const from = services.seen.length;
    const times = step.hold ?? step.times;
    const started: number[] = [];
    const answers: WireAnswer[] = [];
    const several = times > 1 && step.hold === undefined && this.testCase.replicas === 1;
    const one = async (n: number, kept?: Held): Promise<Held | undefined> => {
      const request = toWire(step.request, this.stand.identities, n);
      started.push(performance.now());
      if (this.#firstSent === 0) this.#firstSent = performance.now();
      const opened = await this.stand.send(request, this.#sent++, kept);
      answers[n - 1] = opened.answer;
      // As clients do: what is asked often is asked on connections that are there.
      if (several && opened.keeps === true) return opened.socket;
      if (step.hold !== undefined) this.#held.push(opened.socket);
      else if (opened.answer.status === 101) this.#open.push(opened.socket);
      else opened.socket.destroy();
      return undefined;
    };
    let next = 1;
    const timed = (step.sentWithin ?? this.testCase.sentWithin) !== undefined;
    // Handshakes are not what is timed.
    const opened = await Promise.all(
      Array.from({ length: Math.min(step.parallel, times - 1) }, async () =>
        several && timed ? this.stand.open?.(toWire(step.request, this.stand.identities, 1), this.#sent) : undefined,
      ),
    );
    const lane = async (first: Held | undefined): Promise<void> => {
      let kept = first;
      while (next < times) kept = await one(next++, kept);
      if (kept) this.#open.push(kept);
    };
    await Promise.all(opened.map(lane));
    const beforeLast = services.seen.length;
    await one(times);
    this.#checkTime(step, started);
    const seen = services.seen.slice(from);
    const { identities } = this.stand;
    const outcome = (answer: WireAnswer, n: number, of = seen): Outcome => ({ answer, seen: of, identities, n });
    const { last, logs, statuses, ...every } = step.expect;
    const found = answers.flatMap((answer, i) => this.#compare(every, outcome(answer, i + 1)));
    if (last)
      found.push(
        ...this.#compare(last, outcome(answers.at(-1) as WireAnswer, times, services.seen.slice(beforeLast))).map(
          (d) => `last: ${d}`,
        ),
      );
    if (statuses) found.push(...this.#counts(statuses, answers));
    if (logs) found.push(...(await this.#logs(logs)));
    found.push(...this.#reason(step.expect.reason, answers.at(-1)));
    return [...new Set(found)];
  }

  #compare(expected: Expectation, outcome: Outcome): string[] {
    const allowed = (outcome.answer as Partial<OracleAnswer>).statuses;
    const others = [...(allowed ?? [])].filter(
      (s) => expected.status !== undefined && !statusMatches(expected.status, s),
    );
    return [...differences(expected, outcome), ...others.map((s) => `the model also allows ${String(s)}`)];
  }

  #checkTime(step: ExchangeStep, started: readonly number[]): void {
    const { sentWithin } = this.testCase;
    const last = Math.max(...started);
    if (step.sentWithin !== undefined && last - Math.min(...started) > step.sentWithin * 1000) throw new TooSlow();
    if (sentWithin !== undefined && last - this.#firstSent > sentWithin * 1000) throw new TooSlow();
  }

  #counts(expected: Readonly<Record<string, number>>, answers: readonly WireAnswer[]): string[] {
    const counts: Record<string, number> = {};
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
    const same = JSON.stringify(Object.entries(counts).sort()) === JSON.stringify(Object.entries(expected).sort());
    return same ? [] : [`statuses ${JSON.stringify(counts)}`];
  }

  async #logs(expected: NonNullable<Expectation["logs"]>): Promise<string[]> {
    if (this.stand.target === "decide") return [];
    const fill = (text: string): string => fillPlaceholders(text, this.stand.identities, 1);
    const missing = (): string[] => {
      const logs = this.stand.logs();
      return [
        ...expected.contain
          .map(fill)
          .filter((text) => !logs.includes(text))
          .map((t) => `logs lack ${t}`),
        ...expected.matches.filter((m) => !regexOf(m)?.test(logs)).map((m) => `logs do not match ${m}`),
      ];
    };
    const end = Date.now() + 1000;
    while (missing().length > 0 && Date.now() < end) await sleep(50);
    if (expected.without.length > 0) await sleep(Math.max(0, end - Date.now()));
    const logs = this.stand.logs();
    return [
      ...missing(),
      ...expected.without
        .map(fill)
        .filter((text) => logs.includes(text))
        .map((t) => `logs contain ${t.slice(0, 24)}…`),
    ];
  }

  /** Only where the target's logs tell the reason of this very request. */
  #reason(expected: string | undefined, answer: WireAnswer | undefined): string[] {
    const id = answer?.headers.find(([name]) => name.toLowerCase() === "x-request-id")?.[1];
    const reason = expected !== undefined && id !== undefined ? this.stand.reason?.(id) : undefined;
    return reason === undefined || reason === expected ? [] : [`reason ${reason}`];
  }
}

/** A busy machine gets several chances: none of them is counted unless it was fast enough to prove something. */
const RUNS = 12;
/** A failure proves nothing while the runner itself was held up this long: proxies and services were as well. */
const HELD_UP_MS = 250;
/** An answer that is late this often, or a connection that breaks, does so for another reason than the machine. */
const LATE_RUNS = 4;
/** A connection that ended before its answer, in good order or not. */
const BROKEN: ReadonlySet<string> = new Set(["ECLOSED", "ECONNRESET", "EPIPE"]);
/** A machine that is busy now is asked again a little later. */
const PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 8000;

/** Whether a run failed for want of time, and nothing else. */
const isLate = (details: readonly string[]): boolean => details.every((d) => /(^|: )answered after /.test(d));

/** What was found by one run: what differs, or why nothing was found out. */
async function runOnce(
  stand: Stand,
  testCase: Case,
): Promise<{ details: string[]; provesNothing: "busy" | "late" | undefined }> {
  const caseRun = new CaseRun(stand, testCase);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const heldUp = (): boolean => delay.max / 1e6 > HELD_UP_MS;
  try {
    await caseRun.run();
    const { details } = caseRun;
    if (details.length === 0) return { details, provesNothing: undefined };
    return { details, provesNothing: heldUp() ? "busy" : isLate(details) ? "late" : undefined };
  } catch (error) {
    if (error instanceof TooSlow) return { details: ["too-slow"], provesNothing: "busy" };
    // A broken connection is no verdict: proxies give up handshakes and requests that a busy machine was too slow with.
    // One whose process has died is.
    const died = /worker process \d+ exited on signal \d+/.exec(stand.logs());
    const code = String((error as NodeJS.ErrnoException).code);
    const broken = caseRun.details.length === 0 && !died && BROKEN.has(code);
    const details = [...caseRun.details, error instanceof Error ? error.message : String(error), ...(died ?? [])];
    return { details, provesNothing: died ? undefined : heldUp() ? "busy" : broken ? "late" : undefined };
  } finally {
    delay.disable();
  }
}

/** Runs one case on a stand, from a fresh state; again where the run was too slow to count. */
export async function runCase(stand: Stand, testCase: Case): Promise<CaseResult> {
  for (let run = 1; ; run++) {
    await stand.begin(testCase);
    let found;
    try {
      found = await runOnce(stand, testCase);
    } finally {
      await stand.end(testCase);
    }
    const { details, provesNothing } = found;
    const runs = provesNothing === "busy" ? RUNS : provesNothing === "late" ? LATE_RUNS : 1;
    if (run >= runs) return { case: testCase, outcome: details.length > 0 ? "failed" : "passed", details };
    process.stderr.write(
      `${stand.target}, ${testCase.name}: run ${String(run)} proves nothing: ${details.join("; ")}\n`,
    );
    await sleep(Math.min(PAUSE_MS * (run - 1), LONGEST_PAUSE_MS));
  }
}
