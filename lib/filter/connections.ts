import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import path from "node:path";
import tls, { type PeerCertificate } from "node:tls";
import type { BackendTls } from "../policy/kinds/route-shape";

/** Where Kubernetes puts secrets of certificates, each in a folder of its name. */
export const DIRECTORY = "/certificates";

/** How long certificates that were read are good without another look: Kubernetes changes the files, and starts nothing anew. */
const FRESH_MS = 60_000;
/** How long what could not be read is not looked at again. */
const AWAY_MS = 1_000;

const KEPT = { keepAlive: true, maxFreeSockets: 256, scheduling: "lifo" } as const;

interface Secure {
  /** Nothing where certificates could never be read. */
  agent: https.Agent | undefined;
  /** What was read of files. */
  texts: string;
  lookMs: number;
}

/** By its subjectAltName alone (RFC 9525 section 6.3): a common name is no service's name. */
function checkName(name: string, certificate: PeerCertificate): Error | undefined {
  const named = certificate.subjectaltname !== undefined;
  return named ? tls.checkServerIdentity(name, certificate) : new Error("The certificate has no subjectAltName.");
}

/** What is on its way ends as it would have; nothing new begins there. */
function retire(agent: https.Agent): void {
  agent.maxFreeSockets = 0;
  for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
}

/** Connections to services, kept open between requests. */
export class Connections {
  readonly #plain = new http.Agent(KEPT);
  readonly #secure = new Map<string, Secure>();

  /** `onFault`: certificates cannot be read, or do not fit each other. */
  constructor(
    private readonly directory = DIRECTORY,
    private readonly onFault: (error: unknown) => void = () => undefined,
  ) {}

  /** Nothing where certificates are needed that cannot be read, and never could. */
  agent(way: BackendTls | undefined): http.Agent | undefined {
    if (!way) return this.#plain;
    const key = JSON.stringify(way);
    const known = this.#secure.get(key);
    if (known && Date.now() < known.lookMs) return known.agent;
    const found = this.#look(way, known);
    this.#secure.set(key, found);
    return found.agent;
  }

  #look(way: BackendTls, known: Secure | undefined): Secure {
    try {
      const files = this.#read(way);
      const texts = JSON.stringify(files);
      const lookMs = Date.now() + FRESH_MS;
      if (known?.texts === texts) return { ...known, lookMs };
      // A context takes any text for authorities, and trusts nobody then.
      if (files.ca !== undefined) new X509Certificate(files.ca);
      const secureContext = tls.createSecureContext({ ...files, minVersion: "TLSv1.2" });
      // Whatever the environment says of it.
      const verified = { rejectUnauthorized: true, checkServerIdentity: checkName, servername: way.serverName };
      const agent = new https.Agent({ ...KEPT, ...verified, secureContext });
      if (known?.agent) retire(known.agent);
      return { agent, texts, lookMs };
    } catch (error) {
      // The last good ones stay; a certificate may have come without its key yet.
      this.onFault(error);
      return { agent: known?.agent, texts: known?.texts ?? "", lookMs: Date.now() + AWAY_MS };
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
    this.#plain.destroy();
    for (const { agent } of this.#secure.values()) agent?.destroy();
  }
}
