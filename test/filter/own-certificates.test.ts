import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { connect, createServer, type Server } from "node:tls";
import type { AddressInfo } from "node:net";
import { generate } from "selfsigned";
import { filesOfSecret, OwnCertificates } from "../../lib/filter/own-certificates";
import { removeTemporaryDirectories, temporaryDirectory } from "../support";

afterAll(removeTemporaryDirectories);

async function write(directory: string, secret: string, name: string): Promise<void> {
  const pems = await generate([{ name: "commonName", value: name }], { keyType: "ec", curve: "P-256" });
  mkdirSync(path.join(directory, secret), { recursive: true });
  writeFileSync(path.join(directory, secret, "tls.crt"), pems.cert);
  writeFileSync(path.join(directory, secret, "tls.key"), pems.private);
}

interface Stand {
  shown: OwnCertificates;
  faults: unknown[];
  directory: string;
  ask: (serverName: string) => Promise<string>;
  stop: () => void;
}

async function stand(): Promise<Stand> {
  const directory = temporaryDirectory();
  await write(directory, "all", "all");
  await write(directory, "one", "one");
  await write(directory, "stars", "stars");
  const faults: unknown[] = [];
  const hosts = { "one.test": filesOfSecret(directory, "one"), "*.star.test": filesOfSecret(directory, "stars") };
  const shown = new OwnCertificates(filesOfSecret(directory, "all"), hosts, (error) => faults.push(error));
  shown.refresh();
  const server: Server = createServer({
    ...shown.forAll,
    SNICallback: (name, answer) => {
      answer(null, shown.contextFor(name));
    },
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ask = (servername: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", servername, rejectUnauthorized: false }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.once("error", reject);
    });
  return { shown, faults, directory, ask, stop: () => server.close() };
}

test("each host shows its own, and whoever asks for none or for an unknown one is shown that of all", async () => {
  const { ask, stop } = await stand();
  const names = ["one.test", "ONE.test.", "a.star.test", "star.test", "a.b.star.test", "other.test", ""];
  const seen = await Promise.all(names.map(ask));
  stop();
  expect(seen).toEqual(["one", "one", "stars", "all", "all", "all", "all"]);
});

test("new files are shown once they are looked at, and those that do not fit are not", async () => {
  const { shown, faults, directory, ask, stop } = await stand();
  await write(directory, "one", "newer");
  shown.refresh();
  expect([await ask("one.test"), await ask("a.star.test"), faults]).toEqual(["newer", "stars", []]);
  writeFileSync(path.join(directory, "one", "tls.key"), "half of a key");
  shown.refresh();
  expect(await ask("one.test")).toBe("newer");
  expect(faults).toHaveLength(1);
  stop();
});

test("a host whose own is not there shows that of all until it is; without that one nothing begins", async () => {
  const directory = temporaryDirectory();
  await write(directory, "all", "all");
  const hosts = { "one.test": filesOfSecret(directory, "one") };
  const faults: unknown[] = [];
  const shown = new OwnCertificates(filesOfSecret(directory, "all"), hosts, (error) => faults.push(error));
  shown.refresh();
  expect(String(faults)).toMatch(/ENOENT/);
  expect(shown.contextFor("one.test")).toBe(shown.contextFor(""));
  await write(directory, "one", "one");
  shown.refresh();
  expect(shown.contextFor("one.test")).not.toBe(shown.contextFor(""));
  expect(() => new OwnCertificates(filesOfSecret(directory, "none"), {}, () => undefined)).toThrow(/ENOENT/);
});
