import { mkdirSync, writeFileSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { generate } from "selfsigned";
import { Connections } from "../../lib/filter/upstream/connections";
import { removeTemporaryDirectories, temporaryDirectory } from "../support";

/** What services that are called by TLS must show, and what becomes of the files that say so. */

interface Pair {
  cert: string;
  key: string;
}

const NAME = "billing.internal";

async function pair(commonName: string, altName?: string): Promise<Pair> {
  const san = altName === undefined ? [] : [{ type: 2 as const, value: altName }];
  const extensions =
    san.length > 0 ? [{ name: "subjectAltName" as const, altNames: san }] : [{ name: "basicConstraints" as const }];
  const { cert, private: key } = await generate([{ name: "commonName", value: commonName }], {
    ...{ keyType: "ec", curve: "P-256", extensions },
  });
  return { cert, key };
}

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
afterAll(removeTemporaryDirectories);

async function service(own: Pair): Promise<number> {
  const server = https.createServer({ cert: own.cert, key: own.key }, (_, response) => response.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** The status of an answer, or why there is none. */
function call(connections: Connections, port: number, tls: { serverName: string; ca?: string }): Promise<string> {
  const head = "GET / HTTP/1.1\r\nHost: billing.test\r\n\r\n";
  const question = { method: "GET", headBytes: 1_000, upgrades: false };
  return new Promise((resolve) => {
    const nothing = (): void => undefined;
    const caller = {
      ...{
        onConnect: nothing,
        onDrain: nothing,
        onPause: nothing,
        onData: nothing,
        onEnd: nothing,
        onUpgrade: nothing,
      },
      onHead: ({ status }: { status: number }): void => {
        resolve(String(status));
      },
      onLost: (reason?: NodeJS.ErrnoException): void => {
        resolve(reason?.code ?? reason?.message ?? "no reason");
      },
    };
    connections
      .to(`127.0.0.1:${String(port)}`, tls)
      ?.take()
      .ask(caller, question, head, undefined, false);
  });
}

function write(directory: string, secret: string, files: Record<string, string>): void {
  mkdirSync(path.join(directory, secret), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, secret, name), text);
}

function made(directory: string, onFault?: (error: unknown) => void): Connections {
  const connections = new Connections(directory, onFault);
  ends.push(() => {
    connections.stop();
  });
  return connections;
}

const ADDRESS = "127.0.0.1:1";
const WAY = { serverName: NAME, ca: "billing-ca" };

test("the name and the authority are looked at, whatever the environment says", async () => {
  const directory = temporaryDirectory();
  const [good, other, byCommonName] = [await pair("good", NAME), await pair("x", "x"), await pair(NAME)];
  const connections = made(directory);
  write(directory, "billing-ca", { "ca.crt": [good, other, byCommonName].map(({ cert }) => cert).join("\n") });
  write(directory, "other-ca", { "ca.crt": other.cert });
  const port = await service(good);
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  try {
    expect(await call(connections, port, WAY)).toBe("200");
    expect(await call(connections, port, { ...WAY, ca: "other-ca" })).toMatch(/SELF_SIGNED|VERIFY/);
    expect(await call(connections, port, { serverName: NAME })).toMatch(/SELF_SIGNED|VERIFY/);
    expect(await call(connections, await service(other), WAY)).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(await call(connections, await service(byCommonName), WAY)).toMatch(/subjectAltName/);
  } finally {
    delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  }
});

test("certificates that change are in use within a minute, and those that break leave the last good ones", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [await pair(NAME, NAME), await pair(NAME, NAME)];
  const faults: unknown[] = [];
  const connections = made(directory, (error) => faults.push(error));
  const port = await service(second);
  const now = jest.spyOn(Date, "now");
  ends.push(() => {
    now.mockRestore();
  });
  const start = 1_800_000_000_000;
  now.mockReturnValue(start);
  expect(connections.to(ADDRESS, WAY)).toBeUndefined();
  expect(faults).toHaveLength(1);
  // What was not there is not looked for with each request.
  expect(connections.to(ADDRESS, WAY)).toBeUndefined();
  expect(faults).toHaveLength(1);
  write(directory, "billing-ca", { "ca.crt": first.cert });
  now.mockReturnValue(start + 1_001);
  expect(await call(connections, port, WAY)).toMatch(/SELF_SIGNED|VERIFY/);
  write(directory, "billing-ca", { "ca.crt": second.cert });
  expect(await call(connections, port, WAY)).toMatch(/SELF_SIGNED|VERIFY/);
  now.mockReturnValue(start + 61_002);
  expect(await call(connections, port, WAY)).toBe("200");
  write(directory, "billing-ca", { "ca.crt": "no certificate" });
  now.mockReturnValue(start + 122_003);
  expect(await call(connections, port, WAY)).toBe("200");
  expect(faults.length).toBeGreaterThanOrEqual(1);
});

test("a certificate and the key of another are no pair, and leave the last good one", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [await pair("gateway", "gateway"), await pair("gateway", "gateway")];
  const faults: unknown[] = [];
  const connections = made(directory, (error) => faults.push(error));
  const way = { serverName: NAME, clientCertificate: "own" };
  write(directory, "own", { "tls.crt": first.cert, "tls.key": first.key });
  const now = jest.spyOn(Date, "now").mockReturnValue(1_800_000_000_000);
  ends.push(() => {
    now.mockRestore();
  });
  const pool = connections.to(ADDRESS, way);
  expect(pool).toBeDefined();
  write(directory, "own", { "tls.crt": second.cert });
  now.mockReturnValue(1_800_000_060_001);
  expect(connections.to(ADDRESS, way)).toBe(pool);
  expect(faults).toHaveLength(1);
  write(directory, "own", { "tls.key": second.key });
  now.mockReturnValue(1_800_000_061_002);
  expect(connections.to(ADDRESS, way)).not.toBe(pool);
});
