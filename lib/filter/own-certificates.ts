import { readFileSync } from "node:fs";
import path from "node:path";
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, type Server } from "node:tls";

/** How long certificates that were read are good without another look: Kubernetes changes the files, and starts nothing anew. */
const FRESH_MS = 60_000;

/** Files of a certificate with its chain and of its key, in PEM. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

/** The files of a secret of Kubernetes, in the folder of its name. */
export const filesOfSecret = (directory: string, secret: string): CertificateFiles => ({
  cert: path.join(directory, secret, "tls.crt"),
  key: path.join(directory, secret, "tls.key"),
});

interface Known {
  pair: CertificateFiles;
  context: SecureContext;
}

const unusable = (name: string, error: unknown): Error =>
  new Error(`The certificate of ${name || "all hosts"} cannot be used: ${String(error)}`);

/** The texts of both files. */
const read = ({ cert, key }: CertificateFiles): CertificateFiles => ({
  cert: readFileSync(cert, "utf8"),
  key: readFileSync(key, "utf8"),
});

/**
 * What the gateway shows to clients: one certificate for all hosts, and those of hosts that have their own. New files are taken
 * within a minute, for connections that begin then; where they cannot be read, or do not fit each other, the last good ones stay.
 */
export class OwnCertificates {
  readonly #known = new Map<string, Known>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * `hosts` by name; `*.example.com` is each name below it. Throws where the certificate of all cannot be used; a host whose own
   * cannot, from `watch` or `refresh` on, shows that of all until it can, and takes no other host along.
   */
  constructor(
    private readonly all: CertificateFiles,
    private readonly hosts: Readonly<Record<string, CertificateFiles>>,
    private readonly onFault: (error: unknown) => void,
  ) {
    try {
      this.#look("", all);
    } catch (error) {
      throw unusable("", error);
    }
  }

  #look(name: string, files: CertificateFiles): void {
    const pair = read(files);
    const known = this.#known.get(name)?.pair;
    if (known?.cert === pair.cert && known.key === pair.key) return;
    this.#known.set(name, { pair, context: createSecureContext(pair) });
  }

  /** Looks for other files from now on, for a listener that has begun with the texts of the first. */
  watch(server: Pick<Server, "setSecureContext">): void {
    this.refresh();
    this.#timer = setInterval(() => {
      const before = this.forAll;
      this.refresh();
      // Of clients that name no host: Node asks nobody about those.
      if (this.forAll !== before) server.setSecureContext(this.forAll);
    }, FRESH_MS);
    this.#timer.unref();
  }

  /** When what is shown ends, in seconds since 1970, by host; that of all others has no name. */
  expiries(): { host: string; seconds: number }[] {
    return [...this.#known].map(([host, { pair }]) => ({
      host,
      seconds: Date.parse(new X509Certificate(pair.cert).validTo) / 1000,
    }));
  }

  /** The texts of the certificate of all hosts. */
  get forAll(): CertificateFiles {
    return (this.#known.get("") as Known).pair;
  }

  /** Reads all files again. */
  refresh(): void {
    for (const [name, files] of [["", this.all] as const, ...Object.entries(this.hosts)]) {
      try {
        this.#look(name, files);
      } catch (error) {
        this.onFault(unusable(name, error));
      }
    }
  }

  /** For the name that a client asks for (SNI); nothing, or a name that nobody has, is shown what all are. */
  contextFor(serverName: string): SecureContext | undefined {
    const name = serverName.toLowerCase().replace(/\.$/, "");
    const star = `*${name.slice(Math.max(0, name.indexOf(".")))}`;
    return (this.#known.get(name) ?? this.#known.get(star) ?? this.#known.get(""))?.context;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
