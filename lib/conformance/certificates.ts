import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { GatewayModel } from "../model";

/** Certificates of a run: the gateway's own, and those of services that are called by TLS, in folders named like secrets. */

/** Whom a system's services show themselves to be. */
export interface Trust {
  /** Whom their one certificate is of. */
  serverNames: readonly string[];
  /** Authorities of the model that have not signed it. */
  strangers: readonly string[];
}

type Tls = NonNullable<GatewayModel["services"][string]["tls"]>;

const tlsOf = ({ services }: GatewayModel): Tls[] => Object.values(services).flatMap(({ tls }) => tls ?? []);

/** As the model would have it. */
export const trustOf = (model: GatewayModel): Trust => ({
  serverNames: tlsOf(model).flatMap(({ serverName }) => serverName ?? []),
  strangers: [],
});

/** Whether the services' certificate is what the model asks for. */
export const isTrusted = ({ serverName, ca }: Partial<Tls>, { serverNames, strangers }: Trust): boolean =>
  serverName !== undefined && serverNames.includes(serverName) && ca !== undefined && !strangers.includes(ca);

interface Pair {
  cert: string;
  key: string;
}

export async function pair(names: readonly string[]): Promise<Pair> {
  // ES modules only.
  const { generate } = await import("selfsigned");
  const altNames = names.map((value) => ({ type: 2 as const, value }));
  const extensions = [{ name: "subjectAltName" as const, altNames }];
  const subject = [{ name: "commonName", value: names[0] ?? "" }];
  const pems = await generate(subject, { keyType: "ec", curve: "P-256", extensions });
  return { cert: pems.cert, key: pems.private };
}

/** Writes them below a folder; gives what the services show, and whose clients they take. */
export async function makeCertificates(
  directory: string,
  model: GatewayModel,
  { serverNames, strangers }: Trust,
): Promise<Pair & { clients: string }> {
  const write = (folder: string, files: Readonly<Record<string, string>>): void => {
    const at = path.join(directory, folder);
    mkdirSync(at, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(at, name), text);
  };
  const server = await pair(serverNames.length > 0 ? serverNames : ["service.internal"]);
  const client = await pair(["gateway"]);
  const shown = ({ cert, key }: Pair): Record<string, string> => ({ "tls.crt": cert, "tls.key": key });
  write(".", shown(await pair(["api.example.com"])));
  for (const [name, { certificate }] of Object.entries(model.hosts))
    if (certificate) write(certificate.secret, shown(await pair([name])));
  for (const { ca, clientCertificate } of tlsOf(model)) {
    if (ca !== undefined) write(ca, { "ca.crt": strangers.includes(ca) ? client.cert : server.cert });
    if (clientCertificate !== undefined) write(clientCertificate, shown(client));
  }
  return { ...server, clients: client.cert };
}
