import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startKeyServer } from "../parts/key-server";
import { startPart, temporaryFolder, until, type Part } from "../parts/process";
import { Valkey } from "../parts/valkey";
import { setTimeout as sleep } from "node:timers/promises";
import { resolveGateway, type GatewayModel } from "../../model";
import { configOf } from "../../decision/gateway";
import { programArguments } from "../../program";
import type { Case } from "../case";
import { Identities } from "../identities";
import { makeCertificates } from "../certificates";
import { placedModel, secretVariable, type Addresses, type System } from "../system";
import { EchoServers, Services } from "../upstreams";

/** How long a proxy waits for the filter's word. */
const PATIENT_MS = 5_000;

/** What a file has from a place on: logs of a long run are long. */
function textFrom(file: string, offset: number): string {
  const opened = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(opened).size - offset));
    const length = readSync(opened, bytes, 0, bytes.length, offset);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(opened);
  }
}

async function get(port: number, target: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${String(port)}${target}`);
  return { status: answer.status, text: await answer.text() };
}

/** What every real gateway needs beside itself: services, store, key server, and filters for its door. */
export class Around {
  readonly services = new Services();
  /** With the ports of their health and metrics. */
  readonly filters: { part: Part; port: number; start: () => Promise<Part> }[] = [];
  readonly #logFiles: string[] = [];
  readonly #offsets = new Map<string, number>();
  readonly #guardIntervalMs: number;
  #guardFreeAt = 0;
  /** Services have behaved badly in the case before. */
  #failing = false;

  private constructor(
    readonly system: System,
    readonly identities: Identities,
    readonly directory: string,
    readonly valkey: Valkey,
    readonly echoes: EchoServers,
    readonly keyServer: { port: number; stop(): Promise<void> },
    services: Services,
  ) {
    this.services = services;
    const { model } = system;
    const guards = resolveGateway(model, model.environments[0] ?? "production").hosts.flatMap((h) => {
      const guard = configOf(h.policies, "floodGuard") as { requests: number; per: number } | undefined;
      return guard ? [guard.per / guard.requests] : [];
    });
    this.#guardIntervalMs = Math.max(0, ...guards);
  }

  /** A proxy keeps its flood guard's buckets for as long as it runs: they are empty when this much time has passed. */
  noteSent(): void {
    this.#guardFreeAt = Math.max(performance.now(), this.#guardFreeAt) + this.#guardIntervalMs;
  }

  get model(): GatewayModel {
    return this.system.model;
  }

  static async start(system: System, target: string, valkeyBinary: string): Promise<Around> {
    const { model } = system;
    const directory = temporaryFolder(`gatewright-${target}-`);
    const identities = new Identities(system.name, system.identities);
    const services = new Services();
    const certificates = path.join(directory, "tls");
    const echoes = new EchoServers(services, await makeCertificates(certificates, model, system.trust));
    await echoes.start(model.services);
    const keyServer = await startKeyServer(() => identities.keySet());
    const valkey = await Valkey.start(valkeyBinary, directory);
    return new Around(system, identities, directory, valkey, echoes, keyServer, services);
  }

  /** A gateway among new parts; where it does not start, they are stopped. */
  static async with<T>(
    system: System,
    target: string,
    valkeyBinary: string,
    begin: (around: Around) => Promise<T>,
  ): Promise<T> {
    const around = await Around.start(system, target, valkeyBinary);
    try {
      return await begin(around);
    } catch (error) {
      await around.stop();
      throw error;
    }
  }

  /** Folder of the gateway's certificate, with those of services below. */
  get certificates(): string {
    return path.join(this.directory, "tls");
  }

  /** The model with this run's addresses, for one instance of the gateway. */
  placed(at: Omit<Addresses, "services" | "keyServer" | "redis">): GatewayModel {
    const model = placedModel(this.model, {
      services: this.echoes.ports,
      keyServer: this.keyServer.port,
      redis: this.valkey.url,
      ...at,
    });
    // A busy machine is not what the cases are about.
    return { ...model, filter: { ...model.filter, timeout: PATIENT_MS } };
  }

  async startFilter(
    planJson: string,
    at: { filter: number; through: number; reports: number; admin: number },
    own: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { filter, through, reports, admin } = at;
    await this.startProcess(planJson, admin, {
      LISTEN_PORT: String(filter),
      THROUGH_PORT: String(through),
      REPORT_PORT: String(reports),
      ...own,
    });
  }

  /** Starts the filter, in one of its forms, and waits until it is ready. */
  async startProcess(planJson: string, admin: number, own: Readonly<Record<string, string>>): Promise<void> {
    const name = `filter-${String(this.filters.length)}`;
    const planFile = path.join(this.directory, `${name}.json`);
    writeFileSync(planFile, planJson);
    const logFile = this.logFile(`${name}.log`);
    const secrets = Object.entries(this.identities.secrets()).map(([secret, value]) => [secretVariable(secret), value]);
    const given = Object.fromEntries(secrets) as Record<string, string>;
    // A busy machine is not what the cases are about.
    // No keys change: whoever verifies tokens a second time has them all.
    const patient = { STORE_TIMEOUT_MS: "2000", CERTIFICATES_DIR: this.certificates, KEYS_SETTLED_MS: "0" };
    const env = { ...process.env, ...patient, ...given, ADMIN_PORT: String(admin), REDIS_URL: this.valkey.url, ...own };
    const start = async (): Promise<Part> => {
      const part = startPart(process.execPath, [...programArguments("filter"), planFile], { logFile, env });
      await until("filter", async () => (await get(admin, "/actuator/readiness")).status === 200, part);
      return part;
    };
    this.filters.push({ part: await start(), port: admin, start });
    await this.storeSeen(true);
  }

  logFile(name: string): string {
    const file = path.join(this.directory, name);
    writeFileSync(file, "", { flag: "a" });
    this.#logFiles.push(file);
    return file;
  }

  /** Counts a part's log as one of the gateway's. */
  addLog(file: string): void {
    this.#logFiles.push(file);
  }

  makeDirectory(name: string): string {
    const folder = path.join(this.directory, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Waits until every filter knows whether the store is there. */
  async storeSeen(up: boolean): Promise<void> {
    for (const { port, part } of this.filters) {
      const line = `\ngateway_store_up ${up ? "1" : "0"}\n`;
      await until("the filter's store", async () => (await get(port, "/metrics")).text.includes(line), part);
    }
  }

  /** Breakers live in the filter's memory: a plan read anew closes them. */
  async #closeBreakers(): Promise<void> {
    const count = async (port: number): Promise<number> =>
      Number(/gateway_plan_reloads_total\{outcome="ok"\} (\d+)/.exec((await get(port, "/metrics")).text)?.[1] ?? 0);
    // All at once: one that is still open would tell the others so.
    const before = await Promise.all(this.filters.map(({ port }) => count(port)));
    for (const { part } of this.filters) part.signal("SIGHUP");
    for (const [i, { port, part }] of this.filters.entries())
      await until("the filter's plan", async () => (await count(port)) > (before[i] ?? 0), part);
  }

  async begin(testCase: Case): Promise<void> {
    const fails = Object.keys(testCase.upstreams).length > 0;
    // Calls that went well count as well.
    if (this.#failing || fails) await this.#closeBreakers();
    this.#failing = fails;
    await sleep(Math.max(0, this.#guardFreeAt - performance.now()));
    this.services.begin(testCase.upstreams);
    this.identities.forget();
    await this.echoes.apply();
    if (testCase.away.includes("redis")) {
      await this.valkey.stop();
      await this.storeSeen(false);
    } else {
      await this.valkey.flush();
    }
    for (const file of this.#logFiles) this.#offsets.set(file, statSync(file).size);
  }

  async end(testCase: Case): Promise<void> {
    if (!testCase.away.includes("redis")) return;
    await this.valkey.resume();
    // What a replica has counted by itself it does not forget.
    for (const filter of this.filters) {
      await filter.part.stop();
      filter.part = await filter.start();
    }
    await this.storeSeen(true);
  }

  logs(): string {
    return this.#logFiles.map((file) => textFrom(file, this.#offsets.get(file) ?? 0)).join("\n");
  }

  /** The reason in the filter's audit line for that request. */
  reason(requestId: string): string | undefined {
    const lines = this.logs()
      .split("\n")
      .filter((line) => line.includes('"audit":true') && line.includes(requestId));
    for (const line of lines) {
      const record = JSON.parse(line) as { requestId?: string; reason?: string };
      if (record.requestId === requestId) return record.reason;
    }
    return undefined;
  }

  async stop(): Promise<void> {
    for (const { part } of this.filters) await part.stop();
    await this.valkey.stop();
    await this.echoes.stop();
    await this.keyServer.stop();
    if (process.env["KEEP"] === undefined) rmSync(this.directory, { recursive: true, force: true });
  }
}
