import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { loadModel, type GatewayModel } from "../../lib/model";
import { compile, type OutputFile } from "../../lib/targets";
import { startPart, until, type Part } from "../../lib/conformance/parts/process";
import { Connection, type Answer } from "./connection";
import { Metrics } from "./metrics";
import { portsInRow } from "./ports";
import { commandLine, descendants, rssMiB } from "./process-table";
import { questionBytes, statusOf, type Question } from "./question";

/** The one place that knows how a filter is made and started, where its doors are, and where it says how it is. */

const ROOT = path.join(__dirname, "../..");

export interface Placed {
  keysUrl: string;
  /** What stands before and behind the gateway; drills that ask at the door alone need none of it. */
  target?: string;
  filterAddress?: string;
  serviceAddress?: string;
  listen?: { http: number; https: number };
  change?: (model: GatewayModel) => GatewayModel;
}

/** The drills' model with a run's addresses in it, compiled as anybody's would be. */
export function compiledFiles(at: Placed): OutputFile[] {
  const loaded = loadModel(path.join(__dirname, "model.ts"));
  if (!loaded.value || hasErrors(loaded.diagnostics))
    throw new Error(loaded.diagnostics.map(formatDiagnostic).join("\n"));
  const model = loaded.value;
  const [issuer] = Object.values(model.issuers);
  if (!issuer) throw new Error("The model has no issuer.");
  const port = (n: number | undefined): { port: number; containerPort: number } => ({
    port: n ?? 8080,
    containerPort: n ?? 8080,
  });
  const placed: GatewayModel = {
    ...model,
    targets: [at.target ?? "nginx"],
    issuers: { main: { ...issuer, jwks: { url: at.keysUrl, allowHttp: true } } },
    services: { one: { ...model.services["one"], address: at.serviceAddress ?? "127.0.0.1:1" } as never },
    filter: { ...model.filter, address: at.filterAddress ?? "127.0.0.1:1" },
    listeners: { bind: "127.0.0.1", http: port(at.listen?.http), https: port(at.listen?.https ?? 8443) },
  };
  const { value, diagnostics } = compile(at.change?.(placed) ?? placed, "production");
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return value.files;
}

export function planOf(files: readonly OutputFile[]): string {
  const plan = files.find((f) => f.path.endsWith("filter.json"));
  if (!plan) throw new Error("The model needs no filter.");
  return plan.content;
}

export interface FilterOptions {
  directory: string;
  plan: string;
  /** No store by default: what needs none does not wait for one. */
  redisUrl?: string;
  env?: Readonly<Record<string, string>>;
  /** `live` does not wait for readiness. */
  wait?: "ready" | "live";
  /** Where it writes, when that is to be no file. */
  stdout?: string;
  nodeArgs?: readonly string[];
}

/** What a door has said, and how long that took. */
export interface Said {
  verdict: number;
  reason: string;
  ms: number;
  headers: ReadonlyMap<string, string>;
}

let started = 0;

export class FilterProcess {
  readonly #connections: Connection[] = [];

  private constructor(
    readonly part: Part,
    readonly planFile: string,
    /** Port of the doors. */
    readonly port: number,
    /** Where a proxy tells how exchanges have ended. */
    readonly reportPort: number,
    /** Health and metrics, of each worker on a port of its own. */
    readonly adminPort: number,
    private readonly workerCount: number,
  ) {}

  get #adminPorts(): number[] {
    return Array.from({ length: this.workerCount }, (_, i) => this.adminPort + i);
  }

  static async start(options: FilterOptions): Promise<FilterProcess> {
    started += 1;
    const name = path.join(options.directory, `filter-${String(started)}`);
    mkdirSync(options.directory, { recursive: true });
    writeFileSync(`${name}.json`, options.plan);
    const workers = Number(options.env?.["FILTER_WORKERS"] ?? 1);
    const port = await portsInRow(3 + workers);
    const [through, reports, admin] = [port + 1, port + 2, port + 3];
    const env = {
      ...process.env,
      ...{
        LISTEN_PORT: String(port),
        ADMIN_PORT: String(admin),
        THROUGH_PORT: String(through),
        REPORT_PORT: String(reports),
      },
      REDIS_URL: options.redisUrl ?? "redis://127.0.0.1:1",
      ...options.env,
    };
    const args = [...(options.nodeArgs ?? []), "--import", "tsx", path.join(ROOT, "bin/filter.ts"), `${name}.json`];
    const logFile = options.stdout ?? `${name}.log`;
    const part = startPart(process.execPath, args, { logFile, env, cwd: ROOT });
    // A log that nobody reads must not be read to tell of an error either.
    const told = options.stdout === undefined ? part : undefined;
    try {
      let found = admin;
      await until(
        "the filter",
        async () => {
          // Before health had a port of its own it was at the door's.
          for (const candidate of [admin, port]) {
            found = candidate;
            if ((await get(candidate, "/actuator/liveness").catch(() => undefined))?.status === 200) return true;
          }
          return false;
        },
        told,
      );
      const filter = new FilterProcess(part, `${name}.json`, port, reports, found, workers);
      if (options.wait !== "live") await until("the filter's readiness", () => filter.ready(), told);
      return filter;
    } catch (error) {
      await part.stop("SIGKILL");
      throw error;
    }
  }

  ready(): Promise<boolean> {
    return this.#every("/actuator/readiness");
  }

  /** Has it read another plan, which is whole at every moment, as a mounted ConfigMap is. */
  take(plan: string): void {
    writeFileSync(`${this.planFile}.next`, plan);
    renameSync(`${this.planFile}.next`, this.planFile);
    if (this.part.running()) this.part.signal("SIGHUP");
  }

  live(): Promise<boolean> {
    return this.#every("/actuator/liveness");
  }

  /** What all workers have counted. */
  async metrics(): Promise<Metrics> {
    const texts = await Promise.all(this.#adminPorts.map((port) => get(port, "/metrics")));
    return new Metrics(texts.map((t) => t.body).join("\n"));
  }

  async #every(target: string): Promise<boolean> {
    const answers = await Promise.all(this.#adminPorts.map((port) => get(port, target).catch(() => undefined)));
    return answers.every((a) => a?.status === 200);
  }

  /** Asks at the door, on a connection that is kept. Verdict 0 is none: the connection has ended or taken too long. */
  async ask(question: Question, limitMs = 4_000): Promise<Said> {
    const start = performance.now();
    try {
      const free = this.#connections.pop();
      const connection = free?.usable ? free : await Connection.open(this.port);
      const answer = await connection.ask(questionBytes(question), limitMs);
      this.#connections.push(connection);
      const reason = answer.headers.get("x-gateway-reason") ?? "";
      return { verdict: statusOf(answer), reason, ms: answer.ms, headers: answer.headers };
    } catch (error) {
      return { verdict: 0, reason: String(error), ms: performance.now() - start, headers: new Map() };
    }
  }

  /** One question after another: what was said, and how long it took at most and in the middle. */
  async askMany(
    count: number,
    question: Question | ((i: number) => Question),
  ): Promise<{ verdicts: Record<string, number>; list: number[]; maxMs: number; medianMs: number }> {
    const verdicts: Record<string, number> = {};
    const list: number[] = [];
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const { verdict, ms } = await this.ask(typeof question === "function" ? question(i) : question);
      verdicts[String(verdict)] = (verdicts[String(verdict)] ?? 0) + 1;
      list.push(verdict);
      times.push(ms);
    }
    times.sort((a, b) => a - b);
    return { verdicts, list, maxMs: times.at(-1) ?? 0, medianMs: times[times.length >> 1] ?? 0 };
  }

  /** Worker processes, where the filter has some. */
  workers(): number[] {
    return descendants(this.part.pid).filter((pid) => commandLine(pid).includes("bin/filter.ts"));
  }

  /** Memory that it holds with its workers, in MiB. */
  rssMiB(): number {
    return [this.part.pid, ...this.workers()].reduce((sum, pid) => sum + rssMiB(pid), 0);
  }

  log(): string {
    return existsSync(this.part.logFile) ? readFileSync(this.part.logFile, "utf8") : "";
  }

  /** Forgets its kept connections, so that none of them speaks for the next question. */
  hangUp(): void {
    for (const connection of this.#connections.splice(0)) connection.close();
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    this.hangUp();
    // A process that was stopped takes no other signal.
    this.part.signal("SIGCONT");
    await this.part.stop(signal);
  }
}

async function get(port: number, target: string): Promise<Answer> {
  const connection = await Connection.open(port);
  try {
    return await connection.ask(
      Buffer.from(`GET ${target} HTTP/1.1\r\nHost: drill\r\nConnection: close\r\n\r\n`),
      2_000,
    );
  } finally {
    connection.close();
  }
}
