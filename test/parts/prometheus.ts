import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { freePorts, startPart, until, type Part } from "../../lib/conformance/parts/process";

const run = promisify(execFile);
const FOLDER = path.join(__dirname, "../../.cache/prometheus");

export interface PrometheusPrograms {
  prometheus: string;
  promtool: string;
}

const programsIn = (folder: string): PrometheusPrograms => ({
  prometheus: path.join(folder, "prometheus"),
  promtool: path.join(folder, "promtool"),
});

/** Debian's Prometheus, unpacked and not installed: no service starts. */
export async function prometheusPrograms(): Promise<PrometheusPrograms | undefined> {
  const programs = programsIn(path.join(FOLDER, "usr/bin"));
  if (existsSync(programs.promtool)) return programs;
  try {
    mkdirSync(FOLDER, { recursive: true });
    const download = (): Promise<unknown> => run("apt-get", ["download", "-qq", "prometheus"], { cwd: FOLDER });
    // Its lists may be older than what Debian has.
    await download().catch(() => run("apt-get", ["update", "-qq"]).then(download));
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".deb"))) {
      await run("dpkg", ["-x", file, "."], { cwd: FOLDER });
      rmSync(path.join(FOLDER, file));
    }
    return existsSync(programs.promtool) ? programs : undefined;
  } catch {
    return undefined;
  }
}

/** Who is asked for metrics, and what is said of it. */
export interface ScrapeTarget {
  address: string;
  labels: Readonly<Record<string, string>>;
}

/** One sample of an answer. */
export interface Sample {
  metric: Record<string, string>;
  value: [number, string];
}

/** A Prometheus on loopback that asks every second. */
export class Prometheus {
  readonly url: string;

  private constructor(
    private readonly part: Part,
    port: number,
    private readonly targetsFile: string,
  ) {
    this.url = `http://127.0.0.1:${String(port)}`;
  }

  static async start(binary: string, folder: string, rules: object): Promise<Prometheus> {
    const [port = 0] = await freePorts(1);
    const targetsFile = path.join(folder, "targets.json");
    writeFileSync(targetsFile, "[]");
    writeFileSync(path.join(folder, "rules.json"), JSON.stringify(rules));
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s", scrape_timeout: "1s" },
      rule_files: ["rules.json"],
      scrape_configs: [{ job_name: "gateway", file_sd_configs: [{ files: ["targets.json"], refresh_interval: "1s" }] }],
    };
    writeFileSync(path.join(folder, "prometheus.json"), JSON.stringify(config));
    const part = startPart(
      binary,
      [
        `--config.file=${path.join(folder, "prometheus.json")}`,
        `--storage.tsdb.path=${path.join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${String(port)}`,
      ],
      { logFile: path.join(folder, "prometheus.log") },
    );
    await until("Prometheus", async () => (await fetch(`http://127.0.0.1:${String(port)}/-/ready`)).ok, part);
    return new Prometheus(part, port, targetsFile);
  }

  scrape(targets: readonly ScrapeTarget[]): void {
    writeFileSync(
      this.targetsFile,
      JSON.stringify(targets.map(({ address, labels }) => ({ targets: [address], labels }))),
    );
  }

  /** What an expression gives now; throws where Prometheus does not take it. */
  async query(expr: string): Promise<Sample[]> {
    const answer = await fetch(`${this.url}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query: expr }),
    });
    const { status, error, data } = (await answer.json()) as {
      status: string;
      error?: string;
      data?: { result: Sample[] };
    };
    if (status !== "success" || !data) throw new Error(error ?? status);
    return data.result;
  }

  stop(): Promise<void> {
    return this.part.stop();
  }
}
