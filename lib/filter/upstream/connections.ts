import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import net, { type Socket } from "node:net";
import path from "node:path";
import tls, { type ConnectionOptions, type PeerCertificate } from "node:tls";
import type { BackendTls } from "../../policy/kinds/route-shape";
import { ServiceConnection } from "./service-connection";

/** Where Kubernetes puts secrets of certificates, each in a folder of its name. */
export const DIRECTORY = "/certificates";

/** How long certificates that were read are good without another look: Kubernetes changes the files, and starts nothing anew. */
const FRESH_MS = 60_000;
/** How long what could not be read is not looked at again. */
const AWAY_MS = 1_000;

/** How many connections to one address wait for the next request. */
const MOST_IDLE = 256;

/** Connections to one address, the one that was used last first. */
export class Pool {
  readonly #idle: ServiceConnection[] = [];
  readonly #all = new Set<ServiceConnection>();
  #retired = false;

  constructor(
    private readonly open: () => Socket,
    private readonly secure: boolean,
  ) {}

  take(): ServiceConnection {
    for (let kept = this.#idle.pop(); kept; kept = this.#idle.pop()) {
      if (kept.keptUntilMs > Date.now()) return kept;
      kept.destroy();
    }
    const made = new ServiceConnection(
      this.open(),
      this.secure,
      (free) => {
        // What the service has sent without being asked is found before the next request begins.
        setImmediate(() => {
          this.#keep(free);
        });
      },
      (closed) => {
        this.#all.delete(closed);
        const at = this.#idle.indexOf(closed);
        if (at >= 0) this.#idle.splice(at, 1);
      },
    );
    this.#all.add(made);
    return made;
  }

  #keep(connection: ServiceConnection): void {
    if (connection.isOver) return;
    if (this.#retired || this.#idle.length >= MOST_IDLE) connection.destroy();
    else this.#idle.push(connection);
  }

  /** What is on its way ends as it would have; nothing new begins here. */
  retire(): void {
    this.#retired = true;
    for (const connection of [...this.#idle]) connection.destroy();
  }

  stop(): void {
    this.#retired = true;
    for (const connection of [...this.#all]) connection.destroy();
  }
}

/** Addresses with their connections. */
class Pools {
  readonly #pools = new Map<string, Pool>();

  /** By TLS with these, or plain. */
  constructor(private readonly secure?: ConnectionOptions) {}

  of(address: string): Pool {
    const known = this.#pools.get(address);
    if (known) return known;
    const colon = address.lastIndexOf(":");
    const to = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    const { secure } = this;
    const pool = secure ? new Pool(sessions({ ...secure, ...to }), true) : new Pool(() => net.connect(to), false);
    this.#pools.set(address, pool);
    return pool;
  }

  retire(): void {
    for (const pool of this.#pools.values()) pool.retire();
  }

  stop(): void {
    for (const pool of this.#pools.values()) pool.stop();
  }
}

/** Each connection goes on with the session of the one before, where the service takes it (RFC 8446 section 2.2). */
function sessions(to: ConnectionOptions): () => Socket {
  let session: Buffer | undefined;
  return () => {
    const socket = tls.connect({ ...to, ...(session && { session }) });
    socket.on("session", (next: Buffer) => {
      session = next;
    });
    socket.once("error", () => {
      session = undefined;
    });
    return socket;
  };
}

interface Secure {
  /** Nothing where certificates could never be read. */
  pools: Pools | undefined;
  /** What was read of files. */
  texts: string;
  lookMs: number;
}

/** By its subjectAltName alone (RFC 9525 section 6.3): a common name is no service's name. */
function checkName(name: string, certificate: PeerCertificate): Error | undefined {
  const named = certificate.subjectaltname !== undefined;
  return named ? tls.checkServerIdentity(name, certificate) : new Error("The certificate has no subjectAltName.");
}

/** Connections to services, kept open between requests. */
export class Connections {
  readonly #plain = new Pools();
  readonly #secure = new Map<string, Secure>();

  /** `onFault`: certificates cannot be read, or do not fit each other. */
  constructor(
    private readonly directory = DIRECTORY,
    private readonly onFault: (error: unknown) => void = () => undefined,
  ) {}

  /** Nothing where certificates are needed that cannot be read, and never could. */
  to(address: string, way: BackendTls | undefined): Pool | undefined {
    return way ? this.#secured(way)?.of(address) : this.#plain.of(address);
  }

  #secured(way: BackendTls): Pools | undefined {
    const key = JSON.stringify(way);
    const known = this.#secure.get(key);
    if (known && Date.now() < known.lookMs) return known.pools;
    const found = this.#look(way, known);
    this.#secure.set(key, found);
    return found.pools;
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
      const pools = new Pools({ ...verified, secureContext, ALPNProtocols: ["http/1.1"] });
      known?.pools?.retire();
      return { pools, texts, lookMs };
    } catch (error) {
      // The last good ones stay; a certificate may have come without its key yet.
      this.onFault(error);
      return { pools: known?.pools, texts: known?.texts ?? "", lookMs: Date.now() + AWAY_MS };
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
    this.#plain.stop();
    for (const { pools } of this.#secure.values()) pools?.stop();
  }
}
