import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import type { BackendTls } from "../policy/kinds/route-shape";

/** Where Kubernetes puts secrets of certificates, each in a folder of its name. */
const DIRECTORY = "/certificates";

/** How long a certificate that was read is good without another look: Kubernetes changes the files, and starts nothing anew. */
const FRESH_MS = 60_000;

const KEPT = { keepAlive: true, maxFreeSockets: 256, scheduling: "lifo" } as const;

interface Secure {
  agent: https.Agent;
  /** What was read of files. */
  texts: string;
  readMs: number;
}

/** Connections to services, kept open between requests. */
export class Connections {
  readonly #plain = new http.Agent(KEPT);
  readonly #secure = new Map<string, Secure>();

  constructor(private readonly directory = DIRECTORY) {}

  /** Throws where a certificate cannot be read that was never read. */
  agent(tls: BackendTls | undefined): http.Agent {
    if (!tls) return this.#plain;
    const key = JSON.stringify(tls);
    const known = this.#secure.get(key);
    if (known && Date.now() - known.readMs < FRESH_MS) return known.agent;
    try {
      const files = this.#read(tls);
      const texts = JSON.stringify(files);
      const agent =
        known?.texts === texts
          ? known.agent
          : new https.Agent({ ...KEPT, ...files, servername: tls.serverName, minVersion: "TLSv1.2" });
      this.#secure.set(key, { agent, texts, readMs: Date.now() });
      return agent;
    } catch (error) {
      if (!known) throw error;
      this.#secure.set(key, { ...known, readMs: Date.now() });
      return known.agent;
    }
  }

  #read({ ca, clientCertificate }: BackendTls): { ca?: string; cert?: string; key?: string } {
    const read = (secret: string, file: string): string =>
      readFileSync(path.join(this.directory, secret, file), "utf8");
    return {
      ...(ca !== undefined && { ca: read(ca, "ca.crt") }),
      ...(clientCertificate !== undefined && {
        cert: read(clientCertificate, "tls.crt"),
        key: read(clientCertificate, "tls.key"),
      }),
    };
  }

  stop(): void {
    for (const { agent } of [{ agent: this.#plain }, ...this.#secure.values()]) agent.destroy();
  }
}
