import { execFile } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { DOOR_MS } from "./bounds";
import type { Drill, Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { startLoad } from "./load";
import { METRICS } from "./metrics";
import { questionBytes } from "./question";
import { sleep, timeUntil } from "./wait";

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

/** Reads until nothing has come for a while. */
async function drainAll(fd: number, quietMs: number): Promise<string> {
  let text = "";
  let last = performance.now();
  while (performance.now() - last < quietMs) {
    const some = drain(fd);
    if (some !== "") last = performance.now();
    text += some;
    await sleep(1);
  }
  return text;
}

const linesIn = (text: string): number => text.split('"audit":true').length - 1;

interface Blocked {
  filter: FilterProcess;
  token: string;
  /** The end of the pipe that a log driver would read. */
  fd: number;
}

/** A filter whose standard output is a pipe of 64 KiB, as a container's is, and nobody reads it. */
async function start(run: Run): Promise<Blocked> {
  const issuer = new Issuer();
  const keys = await startKeyServer(issuer.keySet);
  run.after(() => keys.stop());
  const fifo = path.join(run.directory, "stdout");
  await promisify(execFile)("mkfifo", [fifo]);
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  run.after(() => {
    closeSync(fd);
    return Promise.resolve();
  });
  const plan = planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` }));
  const filter = await FilterProcess.start({ directory: run.directory, plan, stdout: fifo });
  // It may hang on the pipe, and hears no other signal then.
  run.after(() => filter.stop("SIGKILL"));
  return { filter, token: issuer.token(), fd };
}

/** More lines than anything should keep for later: 250 bytes and more each. */
const CALLS = 100_000;

const blocked: Drill = {
  name: "31 audit sink blocked",
  async run(run) {
    const { filter, token, fd } = await start(run);
    const bytes = questionBytes({ token });
    await filter.askMany(200, { token });
    const rss = filter.rssMiB();
    const load = startLoad({ connections: 16, port: () => filter.port, next: () => bytes });
    await timeUntil(() => load.requests >= CALLS, 45_000);
    const { statuses, failures, requests, ms } = await load.stop();
    run.equal("calls while nobody reads", [statuses, failures], [{ "200": requests }, {}]);
    run.atLeast("calls while nobody reads", requests, CALLS);
    run.atMost("ms while nobody reads", ms.at(-1) ?? 0, DOOR_MS);
    run.equal("live while nobody reads", await filter.live(), true);
    run.atMost("MiB more", filter.rssMiB() - rss, 150);
    const dropped = await filter.metrics().then(
      (m) => m.sum(METRICS.auditDropped) ?? 0,
      () => 0,
    );
    run.atLeast("dropped lines counted", dropped, 1);
    const late = linesIn(await drainAll(fd, 2_000));
    run.note(`${String(requests)} calls, ${String(late)} lines came late, ${String(dropped)} were dropped`);
    run.equal("lines, come late or counted as dropped", late + dropped, requests + 200);
    const [asked, text] = await Promise.all([filter.askMany(20, { token }), drainAll(fd, 1_000)]);
    run.equal("calls afterwards", asked.verdicts, { "200": 20 });
    run.prompt("afterwards", asked);
    run.equal("lines afterwards", linesIn(text), 20);
  },
};

const ends: Drill = {
  name: "31 audit sink blocked: it ends all the same",
  async run(run) {
    const { filter, token } = await start(run);
    const asked = await filter.askMany(1_000, { token });
    run.equal("calls while nobody reads", asked.verdicts, { "200": 1_000 });
    filter.part.signal("SIGTERM");
    const gone = await timeUntil(() => !filter.part.running(), 10_000);
    run.atMost("ms until it is gone", gone, 5_000);
  },
};

export const auditDrills: readonly Drill[] = [blocked, ends];
