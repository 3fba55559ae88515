import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { FaultProxy } from "../parts/fault-proxy";
import { startKeyServer } from "../../lib/conformance/parts/key-server";
import { startMoto } from "../parts/moto";
import { DOOR_MS, RECOVERY_MS } from "./bounds";
import { Skip, type Drill, type Run } from "./drill";
import { compiledFiles, FilterProcess, planOf } from "./filter-process";
import { Issuer } from "./issuer";
import { startLoad } from "./load";
import { questionBytes, type Question } from "./question";
import { sleep, timeUntil } from "./wait";

const NAME = "drill/ring";
const REFRESH_MS = 500;

/** Keys of callers, as an operator keeps them: by id. */
const ring = (...keys: string[]): string => JSON.stringify(Object.fromEntries(keys.map((k) => [`id-${k}`, k])));

const asked = (key: string): Question => ({ route: "open", headers: { "X-Api-Key": key } });

class SecretsManager {
  private constructor(
    private readonly client: SecretsManagerClient,
    readonly network: FaultProxy,
    readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start(run: Run): Promise<SecretsManager> {
    const moto = await startMoto(run.directory);
    if ("unavailable" in moto) throw new Skip(moto.unavailable);
    run.after(() => moto.stop());
    const network = await FaultProxy.start(moto.port);
    run.after(() => network.stop());
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const endpoint = moto.env["AWS_ENDPOINT_URL"] ?? "";
    const client = new SecretsManagerClient({ endpoint, region: "eu-west-1", credentials });
    run.after(() => {
      client.destroy();
      return Promise.resolve();
    });
    await client.send(new CreateSecretCommand({ Name: NAME, SecretString: ring("one") }));
    const url = `http://127.0.0.1:${String(network.port)}`;
    return new SecretsManager(client, network, { ...moto.env, AWS_ENDPOINT_URL: url });
  }

  /** The version that was current is the previous one now. */
  async put(text: string): Promise<void> {
    await this.client.send(new PutSecretValueCommand({ SecretId: NAME, SecretString: text }));
  }
}

async function startKeyed(run: Run, manager: SecretsManager): Promise<FilterProcess> {
  const keys = await startKeyServer(new Issuer().keySet);
  run.after(() => keys.stop());
  const plan = planOf(
    compiledFiles({
      keysUrl: `http://127.0.0.1:${String(keys.port)}/keys`,
      change: (model) => ({
        ...model,
        secrets: { ring: { awsSecretsManager: NAME } },
        routes: model.routes.map((r) =>
          r.name === "open"
            ? { ...r, policies: { ...r.policies, apiKey: { basic: false, header: "x-api-key", secret: "ring" } } }
            : r,
        ),
      }),
    }),
  );
  const env = { ...manager.env, SECRETS_REFRESH_MS: String(REFRESH_MS) };
  const filter = await FilterProcess.start({ directory: run.directory, plan, env, wait: "live" });
  run.after(() => filter.stop());
  return filter;
}

const coldStart: Drill = {
  name: "22 secrets manager away at the start",
  async run(run) {
    const manager = await SecretsManager.start(run);
    for (const mode of ["refuse", "blackhole"] as const) {
      await manager.network.set(mode);
      const filter = await startKeyed(run, manager);
      await sleep(1_000);
      run.equal(`${mode}: ready`, await filter.ready(), false);
      const said = await filter.ask(asked("one"));
      run.equal(`${mode}: a good key`, [said.verdict, said.reason], [503, "secrets-away"]);
      run.atMost(`${mode}: ms for it`, said.ms, DOOR_MS);
      await manager.network.set("pass");
      const limit = 2 * RECOVERY_MS;
      run.atMost(`${mode}: ms to be ready`, await timeUntil(() => filter.ready(), limit), limit);
      run.equal(`${mode}: a good key afterwards`, (await filter.ask(asked("one"))).verdict, 200);
      run.equal(`${mode}: another key`, (await filter.ask(asked("two"))).verdict, 401);
      await filter.stop();
    }
  },
};

const rotation: Drill = {
  name: "22 secrets manager: rotation under load",
  async run(run) {
    const manager = await SecretsManager.start(run);
    const filter = await startKeyed(run, manager);
    await timeUntil(() => filter.ready(), RECOVERY_MS);
    const bytes = questionBytes(asked("one"));
    const load = startLoad({ connections: 4, port: () => filter.port, next: () => bytes });
    await sleep(300);
    await manager.put(ring("two"));
    const seen = await timeUntil(async () => (await filter.ask(asked("two"))).verdict === 200, RECOVERY_MS);
    run.atMost("ms until the new key holds", seen, REFRESH_MS + 200);
    await sleep(2 * REFRESH_MS);
    const { statuses, failures, requests } = await load.stop();
    run.equal("calls with the previous key", [statuses, failures], [{ "200": requests }, {}]);
    await manager.put(ring("three"));
    const dead = await timeUntil(async () => (await filter.ask(asked("one"))).verdict === 401, RECOVERY_MS);
    run.atMost("ms until a key that is neither is dead", dead, REFRESH_MS + 200);
  },
};

const ill: Drill = {
  name: "22 secrets manager away or wrong: the last good keys hold",
  async run(run) {
    const manager = await SecretsManager.start(run);
    const filter = await startKeyed(run, manager);
    await timeUntil(() => filter.ready(), RECOVERY_MS);
    const holds = async (what: string): Promise<void> => {
      await sleep(3 * REFRESH_MS);
      const said = await filter.askMany(20, asked("one"));
      run.equal(`${what}: a good key`, said.verdicts, { "200": 20 });
      run.prompt(`with secrets ${what}`, said);
      run.equal(`${what}: another key`, (await filter.ask(asked("two"))).verdict, 401);
    };
    await manager.network.set("refuse");
    manager.network.cut();
    await holds("refused");
    await manager.network.set("blackhole");
    await holds("blackholed");
    await manager.network.set("pass");
    for (const [what, text] of Object.entries({ "no JSON": "not-json", "no keys": "{}", "a list": "[]" })) {
      await manager.put(text);
      // Twice, so that the previous version is no better.
      await manager.put(text);
      await holds(what);
    }
    await manager.put(ring("four"));
    const seen = await timeUntil(async () => (await filter.ask(asked("four"))).verdict === 200, RECOVERY_MS);
    run.atMost("ms until good keys hold again", seen, RECOVERY_MS);
  },
};

export const secretsDrills: readonly Drill[] = [coldStart, rotation, ill];
