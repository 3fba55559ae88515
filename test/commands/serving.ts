import { spawn, type ChildProcess } from "node:child_process";
import { createServer, get, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { GatewayInput } from "../../lib/model";
import { bundle } from "../parts/bundle";
import { small } from "../support";
import { ROOT } from "./run";

/** A gateway of one model without a proxy, as README says to start it, and a service behind it. */

const children: ChildProcess[] = [];

export function stopAll(): void {
  for (const child of children.splice(0)) child.kill("SIGKILL");
}

export interface Started {
  child: ChildProcess;
  /** What it has said when it was ready to be asked. */
  said: string;
  /** What it has said so far, on both ways out. */
  saidSoFar: () => string;
  port: (name: "http" | "https" | "metrics") => string;
  /** Its exit code. */
  ended: Promise<number | null>;
}

let program: Promise<string> | undefined;

/** Resolves when it has said where it listens. */
export async function started(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Started> {
  program ??= bundle("bin/gatewright.ts");
  // A model in TypeScript is read by tsx.
  const runtime = args.some((arg) => arg.endsWith(".ts")) ? ["--import", "tsx"] : [];
  const command = [...runtime, await program, "serve", ...args];
  const child = spawn(process.execPath, command, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  children.push(child);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return new Promise((resolve, reject) => {
    let said = "";
    let log = "";
    child.once("exit", (code) => {
      reject(new Error(`exit ${String(code)}: ${said}`));
    });
    child.stdout.on("data", (chunk: Buffer) => (log += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes("counters and cache")) return;
      const port: Started["port"] = (name) => new RegExp(`\\b${name} (\\d+)`).exec(said)?.[1] ?? "";
      resolve({ child, said, saidSoFar: () => said + log, port, ended });
    });
  });
}

export const FREE_PORTS = ["--http", "0", "--https", "0", "--admin", "0"];

export interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Not by fetch, which sets Host itself. */
export const ask = (port: string, target: string, at = "127.0.0.1", host = "api.shop.test"): Promise<Answer> =>
  new Promise((resolve, reject) => {
    get({ host: at, port, path: target, headers: { host }, agent: false }, (message) => {
      let text = "";
      message.on("data", (chunk: Buffer) => (text += chunk.toString()));
      message.once("end", () => {
        resolve({ status: message.statusCode, headers: message.headers, text });
      });
    }).once("error", reject);
  });

/** A service that repeats what it was asked, under its name. */
export class Echo {
  readonly #server: Server;

  constructor(name = "") {
    this.#server = createServer((message, response) => {
      response.end(`${name}${message.method ?? ""} ${message.url ?? ""}`);
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    // A test that fails before it stops this must not keep the run alive.
    this.#server.unref();
    return `127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  stop(): Promise<unknown> {
    return new Promise((resolve) => this.#server.close(resolve));
  }
}

export const shop = (orders: string, change: Partial<GatewayInput> = {}): GatewayInput =>
  small({
    targets: ["node-gateway"],
    hosts: { "api.shop.test": { basePath: "/api" } },
    services: { orders: { address: orders } },
    issuers: {},
    ...change,
  });
