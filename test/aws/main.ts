import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { loadModels, modelFiles } from "../../lib/commands/models";
import type { GatewayModel } from "../../lib/model";
import { startMoto, type Moto } from "../parts/moto";
import { pythonPackages } from "../parts/python-packages";
import { speak, Tally, type Spoken } from "../tally";
import { expectationsOf, type Described } from "./expected";
import { later } from "./update";

/**
 * Deploys every environment to a stand-in of AWS with the CDK command, asks it what is there, and deploys a change over it;
 * cfn-lint looks at the templates before. Use: npm run deployment
 */
const ROOT = path.join(__dirname, "../..");
const ACCOUNT = "123456789012";
const STAND_IN = path.join(__dirname, "stand-in/stand_in.py");
const SKIPPED = path.join(__dirname, "skipped.json");
const OUTPUT = path.join(ROOT, ".cache/aws");

/** CDK's own function names its role twice: W3005. */
const LINT = ["--ignore-checks", "W3005"];

const words = ({ code, stdout, stderr }: Spoken): string[] =>
  code === 0 ? [] : [`ended with ${String(code)}`, ...`${stdout}\n${stderr}`.split("\n").filter(Boolean).slice(-15)];

async function lint(folder: string, region: string): Promise<string[]> {
  const packages = await pythonPackages("cfn-lint");
  if (typeof packages !== "string") return [packages.unavailable];
  const run = "import sys; from cfnlint.runner import main; sys.exit(main())";
  const args = ["-c", run, "--regions", region, ...LINT, "-t", `${folder}/*/*.template.json`];
  return words(await speak("python3", args, { env: { ...process.env, PYTHONPATH: packages, PYTHONNOUSERSITE: "1" } }));
}

/** The environment of a deployment: its names, and how its stacks are brought to the stand-in. */
class Deployment {
  readonly #env: NodeJS.ProcessEnv;

  constructor(
    private readonly moto: Moto,
    private readonly directory: string,
    private readonly name: string,
    region: string,
  ) {
    this.#env = {
      ...process.env,
      ...moto.env,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      // moto reads a template's bucket out of such an address only; nothing is called there.
      AWS_ENDPOINT_URL_S3_FOR_CLOUDFORMATION: `https://s3.${region}.amazonaws.com`,
      PYTHONPATH: moto.pythonPath,
      PYTHONNOUSERSITE: "1",
      NODE_NO_WARNINGS: "1",
    };
  }

  async cdk(...args: string[]): Promise<string[]> {
    const output = ["--output", path.join(this.directory, "cdk.out")];
    return words(
      await speak(path.join(ROOT, "node_modules/.bin/cdk"), [...args, ...output], { cwd: ROOT, env: this.#env }),
    );
  }

  /** What README asks for before the first deployment. */
  async prepare(zone: string, regions: readonly string[]): Promise<string[]> {
    const python = `
import boto3
zone = boto3.client("route53").create_hosted_zone(Name="${zone}", CallerReference="1")["HostedZone"]["Id"].split("/")[-1]
for region in ${JSON.stringify(regions)}:
    boto3.client("ssm", region_name=region).put_parameter(Name="/gatewright/hosted-zones/${zone}", Value=zone, Type="String")
`;
    const made = words(await speak("python3", ["-c", python], { env: this.#env }));
    const bootstraps = regions.map((region) => `aws://${ACCOUNT}/${region}`);
    return [...made, ...(await this.cdk("bootstrap", ...bootstraps))];
  }

  deploy(...args: string[]): Promise<string[]> {
    const direct = ["--require-approval", "never", "--method=direct", "--progress", "events"];
    return this.cdk("deploy", `${this.name}/*`, ...direct, ...args);
  }

  async describe(): Promise<Described | string[]> {
    const said = await speak("python3", [path.join(__dirname, "describe.py")], { env: this.#env });
    return said.code === 0 ? (JSON.parse(said.stdout) as Described) : words(said);
  }

  reset(): Promise<void> {
    return this.moto.reset();
  }
}

/** Asks what is there, and compares it with the model. */
async function judge(
  deployment: Deployment,
  model: GatewayModel,
  environment: string,
  when: string,
  tally: Tally,
): Promise<Described | undefined> {
  const seen = await deployment.describe();
  if (Array.isArray(seen)) {
    tally.note(`${when}: describe`, seen);
    return undefined;
  }
  for (const { what, seen: found, wanted } of expectationsOf(model, environment, seen)) {
    const differs = `is ${JSON.stringify(found)}, should be ${JSON.stringify(wanted)}`;
    tally.note(`${when}: ${what}`, isDeepStrictEqual(found, wanted) ? [] : [differs]);
  }
  return seen;
}

async function deploy(
  moto: Moto,
  directory: string,
  model: GatewayModel,
  environment: string,
  tally: Tally,
): Promise<void> {
  const infrastructure = model.infrastructure[environment];
  if (!infrastructure) return;
  const { region, edge } = infrastructure;
  const name = `${model.name}-${environment}`;
  const regions = [...new Set([region, ...(edge.website ? ["us-east-1"] : [])])];
  const deployment = new Deployment(moto, directory, name, region);
  await deployment.reset();
  tally.note(`${name}: bootstrap`, await deployment.prepare(edge.hostedZone, regions));
  const failed = await deployment.deploy();
  tally.note(`${name}: deploy`, failed);
  if (failed.length > 0) return;
  const first = await judge(deployment, model, environment, name, tally);
  const update = await deployment.deploy("--app", "npx tsx test/aws/update.ts");
  tally.note(`${name}: deploy a change over it`, update);
  if (update.length > 0) return;
  const second = await judge(deployment, later(model), environment, `${name}, changed`, tally);
  if (!first || !second) return;
  writeFileSync(path.join(OUTPUT, `${name}.json`), JSON.stringify({ first, second }, null, 2));
  const { network, database, balancers, roles } = first;
  process.stdout.write(`${name}, as described: ${JSON.stringify({ network, database, balancers, roles }, null, 2)}\n`);
}

/** What moto says of itself in its log: a type that it leaves out, a call that it does not know. */
function complaints(directory: string): string[] {
  const lines = readFileSync(path.join(directory, "moto.log"), "utf8").split("\n");
  return lines.filter((line) => /UserWarning|Traceback|^\w*Error:|not yet (been )?implemented/.test(line)).slice(0, 10);
}

async function main(): Promise<number> {
  const tally = new Tally();
  const { models } = loadModels(modelFiles([]));
  const environments = models.flatMap(({ model }) =>
    Object.keys(model.infrastructure).map((name) => ({ model, name })),
  );
  const directory = mkdtempSync(path.join(tmpdir(), "aws-"));
  mkdirSync(OUTPUT, { recursive: true });
  try {
    const synthesized = path.join(directory, "synthesized");
    const synth = await speak("npx", ["cdk", "synth", "--quiet", "--output", synthesized], { cwd: ROOT });
    tally.note("cdk synth", words(synth));
    const regions = new Set(environments.map(({ model, name }) => model.infrastructure[name]?.region ?? ""));
    for (const region of regions) tally.note(`cfn-lint in ${region}`, await lint(synthesized, region));
    const moto = await startMoto(directory, (port) => [STAND_IN, String(port), SKIPPED]);
    if ("unavailable" in moto) tally.skip(environments.length, moto.unavailable);
    else {
      try {
        for (const { model, name } of environments) await deploy(moto, directory, model, name, tally);
      } finally {
        await moto.stop();
      }
      tally.note("moto's log", complaints(directory));
      const skipped = Object.keys(JSON.parse(readFileSync(SKIPPED, "utf8")) as object);
      process.stdout.write(`In stacks, but made by nobody: ${skipped.join(", ")}\n`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return tally.end();
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
