import path from "node:path";
import net from "node:net";
import { freePorts, portOpen, startPart, until, type Part } from "./process";

/** A Redis-protocol server with nothing on disk. */
export class Valkey {
  #part: Part | undefined;

  private constructor(
    private readonly binary: string,
    private readonly directory: string,
    readonly port: number,
  ) {}

  static async start(binary: string, directory: string): Promise<Valkey> {
    const [port = 0] = await freePorts(1);
    const valkey = new Valkey(binary, directory, port);
    await valkey.resume();
    return valkey;
  }

  get url(): string {
    return `redis://127.0.0.1:${String(this.port)}`;
  }

  async resume(): Promise<void> {
    if (this.#part?.running()) return;
    const args = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    this.#part = startPart(this.binary, args, {
      logFile: path.join(this.directory, "valkey.log"),
      cwd: this.directory,
    });
    await until("valkey", () => portOpen(this.port), this.#part);
  }

  /** Forgets everything. */
  flush(): Promise<void> {
    return this.command("FLUSHALL");
  }

  /** Sends one command and waits for its answer. */
  async command(...words: string[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const socket = net.connect(this.port, "127.0.0.1", () => {
        const parts = words.map((w) => `$${String(Buffer.byteLength(w))}\r\n${w}\r\n`);
        socket.write(`*${String(words.length)}\r\n${parts.join("")}`);
      });
      socket.once("data", () => {
        socket.destroy();
        resolve();
      });
      socket.once("error", reject);
    });
  }

  async stop(): Promise<void> {
    await this.#part?.stop("SIGKILL");
  }
}
