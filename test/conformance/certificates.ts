import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { generate } from "selfsigned";

/** Certificates of a run: the gateway's own, and those of services that are called by TLS, in folders named like secrets. */
export const CA = "lab-ca";
export const OTHER_CA = "lab-other-ca";
export const CLIENT = "lab-client";
/** A host's own. */
export const OF_HOST = "lab-of-host";
export const HOST_NAME = "certified.lab.test";
/** Whom the services' one certificate is of. */
export const SERVER_NAME = "sealed.lab.internal";

/** Whether the services' certificate is what the model asks for. */
export const isTrusted = ({ serverName, ca }: { serverName?: string | undefined; ca?: string | undefined }): boolean =>
  serverName === SERVER_NAME && (ca === CA || ca === CLIENT);

interface Pair {
  cert: string;
  key: string;
}

async function pair(name: string): Promise<Pair> {
  const extensions = [{ name: "subjectAltName" as const, altNames: [{ type: 2 as const, value: name }] }];
  const pems = await generate([{ name: "commonName", value: name }], { keyType: "ec", curve: "P-256", extensions });
  return { cert: pems.cert, key: pems.private };
}

/** Writes them below a folder; gives what the services show, and whose clients they take. */
export async function makeCertificates(directory: string): Promise<Pair & { clients: string }> {
  const write = (folder: string, files: Readonly<Record<string, string>>): void => {
    const at = path.join(directory, folder);
    mkdirSync(at, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(at, name), text);
  };
  const [gateway, server, client, host] = await Promise.all(
    ["api.example.com", SERVER_NAME, "gateway", HOST_NAME].map(pair),
  );
  if (!gateway || !server || !client || !host) throw new Error("no certificate");
  write(".", { "tls.crt": gateway.cert, "tls.key": gateway.key });
  write(OF_HOST, { "tls.crt": host.cert, "tls.key": host.key });
  write(CA, { "ca.crt": server.cert });
  write(OTHER_CA, { "ca.crt": client.cert });
  write(CLIENT, { "ca.crt": server.cert, "tls.crt": client.cert, "tls.key": client.key });
  return { ...server, clients: client.cert };
}
