import { execFile } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { startKeyServer } from "../parts/key-server";
import { DOOR_MS, PROMPT_MS } from "./bounds";
import type { Drill } from "./drill";
import { compiledFiles, FilterProcess, planOf, type Said } from "./filter-process";
import { Issuer } from "./issuer";
import { METRICS } from "./metrics";
import { sleep } from "./wait";

/** Reads what is in a pipe, and waits for no more. */
function drain(fd: number): string {
  const chunk = Buffer.alloc(65_536);
  let text = "";
  for (;;) {
    try {
      text += chunk.toString("utf8", 0, readSync(fd, chunk));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return text;
      throw error;
    }
  }
}

async function drainFor(fd: number, ms: number): Promise<string> {
  let text = "";
  const end = performance.now() + ms;
  while (performance.now() < end) {
    text += drain(fd);
    await sleep(10);
  }
  return text;
}

/** A pipe as a container's log driver holds it, 64 KiB: some 150 lines. */
const CALLS = 2_000;

const blocked: Drill = {
  name: "31 audit sink blocked",
  async run(run) {
    const issuer = new Issuer();
    const keys = await startKeyServer(issuer.keySet);
    run.after(() => keys.stop());
    const fifo = path.join(run.directory, "stdout");
    await promisify(execFile)("mkfifo", [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
    const filter = await FilterProcess.start({ directory: run.directory, plan, stdout: fifo });
    // It may hang on the pipe, and hears no signal then but this one.
    run.after(() => filter.stop("SIGKILL"));
    run.after(() => {
      closeSync(fd);
      return Promise.resolve();
    });
    await filter.ask({ token: issuer.token(), headers: { "X-Drill": "1" } });
    const token = issuer.token();
    const said: Said[] = [];
    while (said.length < CALLS && said.filter((s) => s.verdict === 0).length < 2) {
      said.push(await filter.ask({ token }, 1_000));
    }
    run.equal("calls while nobody reads", said.filter((s) => s.verdict === 200).length, CALLS);
    run.atMost("ms while nobody reads", Math.max(...said.map((s) => s.ms)), DOOR_MS);
    run.equal("live while nobody reads", await filter.live(), true);
    const dropped = await filter.metrics().then(
      (m) => m.sum(METRICS.auditDropped) ?? 0,
      () => 0,
    );
    run.atLeast("dropped lines counted", dropped, 1);
    const early = await drainFor(fd, 1_000);
    const lines = early.split('"audit":true').length - 1;
    run.note(`${String(said.length)} calls, ${String(lines)} lines came late, ${String(dropped)} dropped`);
    run.atLeast("lines, come late or counted as dropped", lines + dropped, said.length);
    const again = filter.askMany(20, { token });
    const text = await drainFor(fd, 1_500);
    const { verdicts, maxMs } = await again;
    run.equal("calls afterwards", verdicts, { "200": 20 });
    run.atMost("ms afterwards", maxMs, PROMPT_MS);
    run.equal("lines afterwards", text.split('"audit":true').length - 1, 20);
  },
};

export const auditDrills: readonly Drill[] = [blocked];
