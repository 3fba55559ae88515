import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { loadAll } from "js-yaml";
import { formerSystems, writeFiles } from "../../lib/commands/synth";
import type { Diagnostic } from "../../lib/diagnostics";
import { bytesOf } from "../../lib/targets/object-size";
import { expectDiagnostics, removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";
import { filesBelow, LAB, modelFile, run, SERHAFEN } from "./run";

afterAll(removeTemporaryDirectories);

/** What nothing keeps: the controller says this header itself. */
const unenforceable = small({
  targets: ["ingress-nginx"],
  policies: { headerHygiene: { pass: ["x-forwarded-prefix"] } },
});

describe("two systems in one cluster", () => {
  const jwt = { jwt: { issuers: ["accounts"] } };
  const checked = async (other: Parameters<typeof small>[0]): Promise<string> => {
    const directory = temporaryDirectory();
    const files = [
      small({ targets: ["istio"], policies: jwt }),
      small({ targets: ["istio"], policies: jwt, ...other }),
    ];
    const paths = files.map((model, i) => writeIn(directory, `${String(i)}.json`, JSON.stringify(model)));
    return (await run("check", ...paths)).err;
  };

  test("that write the same objects are told of", async () => {
    const said = await checked({ name: "store" });
    expect(said).toContain("warning plan/same-object");
    expect(said).toContain("In production, shop writes ConfigMap gateway/gateway-filter-plan");
    // One that is called "shop" beside the other would be too.
    expect(said.match(/warning plan\/same-object/g)).toHaveLength(1);
  });

  test("with namespaces of their own are not", async () => {
    const own = {
      kubernetes: { namespace: "store" },
      filter: { address: "gateway-filter.store.svc.cluster.local:9000" },
    };
    expect(await checked({ name: "store", ...own })).not.toContain("plan/same-object");
  });
});

describe("synth stops at an unenforceable policy", () => {
  test("exit 1, a full diagnostic, and no file is touched", async () => {
    const directory = temporaryDirectory();
    const out = path.join(directory, "out");
    mkdirSync(path.join(out, "nginx/shop/production"), { recursive: true });
    const kept = writeIn(path.join(out, "nginx/shop/production"), "nginx.conf", "# of the last run\n");
    const before = statSync(kept).mtimeMs;
    const ran = await run("synth", modelFile(unenforceable, directory), "--out", out);
    expect(ran.code).toBe(1);
    expect(filesBelow(out)).toEqual({ "nginx/shop/production/nginx.conf": "# of the last run\n" });
    expect(statSync(kept).mtimeMs).toBe(before);
    const block = ran.err
      .split("\n\n")
      .find((text) => text.includes("shop/hosts/api.shop.test/policies/headerHygiene"));
    expect(block).toMatch(/error plan\/unenforceable-policy: Policy cannot be enforced\./);
    expect(block).toMatch(/^ {2}at {4}shop\/hosts\/api\.shop\.test\/policies\/headerHygiene$/m);
    expect(block).toMatch(/^ {2}why {3}.*HeaderForwardedPass.*$/m);
    expect(block).toMatch(/^ {2}fix {3}\S.*$/m);
    expect(block).toMatch(/^ {2}help {2}gatewright help plan\/unenforceable-policy$/m);
    expect(ran.out).toBe("");
  });

  test("one bad model keeps the good ones from being written too", async () => {
    const out = path.join(temporaryDirectory(), "out");
    const ran = await run("synth", modelFile(unenforceable), modelFile(small({ name: "good" })), "--out", out);
    expect(ran.code).toBe(1);
    expect(() => readdirSync(out)).toThrow("ENOENT");
  });

  test("a target that does not exist is an error", async () => {
    const file = modelFile(small({ targets: ["nginx", "no-such-proxy"] }));
    const out = path.join(temporaryDirectory(), "out");
    const ran = await run("synth", file, "--out", out, "--json");
    expect(ran.code).toBe(1);
    const { formatVersion, diagnostics } = JSON.parse(ran.out) as { formatVersion: number; diagnostics: Diagnostic[] };
    expect(formatVersion).toBe(1);
    expectDiagnostics(diagnostics, [{ code: "plan/unknown-target", at: "shop/targets/no-such-proxy" }]);
    expect(() => readdirSync(out)).toThrow("ENOENT");
  });
});

/** Routes that each answer with a text of their own, which nothing makes shorter. */
const withTexts = (
  count: number,
): { name: string; match: { exact: string[] }; respond: { status: number; body: string } }[] =>
  Array.from({ length: count }, (_, i) => {
    const lines = Array.from({ length: 64 }, (_, j) =>
      createHash("sha256")
        .update(`${String(i)} ${String(j)}`)
        .digest("base64"),
    );
    return {
      name: `r${String(i)}`,
      match: { exact: [`/r${String(i)}`] },
      respond: { status: 200, body: lines.join("") },
    };
  });

test("many routes of a host are several objects, in the order of the first", async () => {
  const file = modelFile(small({ targets: ["istio"], environments: ["production"], routes: withTexts(200) }));
  const out = path.join(temporaryDirectory(), "out");
  expect((await run("synth", file, "--out", out)).code).toBe(0);
  const text = readFileSync(path.join(out, "istio/shop/production/routes.yaml"), "utf8");
  interface Service {
    kind: string;
    metadata: { name: string };
    spec: { hosts?: string[]; http: { name?: string; delegate?: { name: string } }[] };
  }
  const services = loadAll(text) as Service[];
  const parts = services.filter(({ kind, spec }) => kind === "VirtualService" && spec.hosts === undefined);
  const root = services.find(({ spec }) => spec.http.some(({ delegate }) => delegate));
  expect(parts.length).toBeGreaterThan(2);
  expect(root?.spec.http.map(({ delegate }) => delegate?.name)).toEqual(parts.map(({ metadata }) => metadata.name));
  // Applied one by one: what it names is there before it.
  expect(services.indexOf(root as Service)).toBeGreaterThan(services.indexOf(parts.at(-1) as Service));
  for (const part of parts) expect(JSON.stringify(part).length).toBeLessThan(256 * 1024);
  const names = parts.flatMap(({ spec }) => spec.http.map(({ name }) => name));
  expect(names).toHaveLength(201);
  expect(names.at(-1)).toMatch(/-missing$/);
});

test.each<[string, ReturnType<typeof withTexts>, object]>([
  [
    "texts that kubectl escapes",
    withTexts(300).map((route) => ({ ...route, respond: { status: 200, body: "<p>&</p>".repeat(100) } })),
    {},
  ],
  [
    "preflights of many paths",
    withTexts(2500).map((route) => ({
      ...route,
      match: { ...route.match, methods: ["GET"] },
      respond: { status: 200, body: "" },
    })),
    { cors: { origins: ["https://app.shop.test"] } },
  ],
])("no VirtualService is larger than kubectl takes: %s", async (_, routes, policies) => {
  const value = small({ targets: ["istio"], environments: ["production"], routes, policies });
  const out = path.join(temporaryDirectory(), "out");
  const ran = await run("synth", modelFile(value), "--out", out, "--json");
  const { diagnostics } = JSON.parse(ran.out) as { diagnostics: Diagnostic[] };
  expectDiagnostics(
    diagnostics.filter(({ why }) => why.includes("VirtualService")),
    [],
  );
  const text = readFileSync(path.join(out, "istio/shop/production/routes.yaml"), "utf8");
  const sizes = loadAll(text).map(bytesOf);
  expect(sizes.length).toBeGreaterThan(3);
  expect(Math.max(...sizes)).toBeLessThan(256 * 1024);
});

test("values that are no object may be large", async () => {
  const labels = (n: number): Record<string, string> =>
    Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`label${String(n)}x${String(i)}`, "x".repeat(40)]));
  const routes = withTexts(3).map((route, n) => ({ ...route, labels: labels(n) }));
  const file = modelFile(small({ targets: ["istio"], environments: ["production"], routes }));
  const { diagnostics } = JSON.parse((await run("check", file, "--json")).out) as { diagnostics: Diagnostic[] };
  expectDiagnostics(diagnostics, []);
});

test("a plan that is large is packed, and unpacked it is the plan", async () => {
  const value = small({ targets: ["node-gateway"], environments: ["production"], routes: withTexts(100) });
  const out = path.join(temporaryDirectory(), "out");
  const ran = await run("synth", modelFile(value), "--out", out, "--json");
  const { diagnostics } = JSON.parse(ran.out) as { diagnostics: Diagnostic[] };
  expectDiagnostics(diagnostics, [{ code: "plan/object-large", at: "shop/targets" }]);
  const folder = path.join(out, "kubernetes/shop/production");
  const objects = loadAll(readFileSync(path.join(folder, "node-gateway/gateway.yaml"), "utf8"));
  const map = objects.find((o) => (o as { kind: string }).kind === "ConfigMap") as {
    binaryData: Record<string, string>;
  };
  const packed = Buffer.from(map.binaryData["plan.json.gz"] ?? "", "base64");
  const plan = readFileSync(path.join(folder, "node-gateway/plan.json"), "utf8");
  expect(JSON.parse(gunzipSync(packed).toString("utf8"))).toEqual(JSON.parse(plan));
  expect(JSON.stringify(objects)).toContain('"args":["/plan/plan.json.gz"]');
});

test("an object that no cluster takes is an error", async () => {
  const file = modelFile(small({ targets: ["node-gateway"], environments: ["production"], routes: withTexts(400) }));
  const out = path.join(temporaryDirectory(), "out");
  const ran = await run("synth", file, "--out", out, "--json");
  const { diagnostics } = JSON.parse(ran.out) as { diagnostics: Diagnostic[] };
  expectDiagnostics(
    diagnostics.filter((d) => d.severity === "error"),
    [{ code: "plan/object-too-large", at: "shop/targets" }],
  );
  expect(() => readdirSync(out)).toThrow("ENOENT");
});

describe("synth writes", () => {
  test("the same bytes twice, and nothing the second time", async () => {
    const [first, second] = [temporaryDirectory(), temporaryDirectory()];
    expect((await run("synth", SERHAFEN, "--out", first)).code).toBe(0);
    expect((await run("synth", SERHAFEN, "--out", second)).code).toBe(0);
    const files = filesBelow(first);
    expect(Object.keys(files).length).toBeGreaterThan(3);
    expect(filesBelow(second)).toEqual(files);
    const again = await run("synth", SERHAFEN, "--out", first);
    expect(again.out).toMatch(/ files, 0 written, 0 removed\n$/);
    expect(filesBelow(first)).toEqual(files);
  });

  test("nothing but what it names, and leaves no part of a file behind", async () => {
    const out = temporaryDirectory();
    const ran = await run("synth", SERHAFEN, "--out", out, "--json");
    const { formatVersion, files } = JSON.parse(ran.out) as { formatVersion: number; files: string[] };
    expect(formatVersion).toBe(1);
    expect(Object.keys(filesBelow(out))).toEqual([...files].sort());
  });

  test("and takes stale files of its systems away, nobody else's", async () => {
    const out = temporaryDirectory();
    const file = modelFile(small());
    await run("synth", file, "--out", out);
    const names = Object.keys(filesBelow(out));
    for (const folder of ["nginx/shop/staging", "nginx/other", "src"]) {
      mkdirSync(path.join(out, folder), { recursive: true });
    }
    writeIn(out, "nginx/shop/staging/nginx.conf", "stale");
    writeIn(out, "nginx/shop/production/nginx.conf.part", "stale");
    writeIn(out, "nginx/other/own.conf", "own");
    writeIn(out, "src/own.txt", "own");
    const ran = await run("synth", file, "--out", out);
    expect(ran.out).toMatch(/ files, 0 written, 2 removed\n$/);
    expect(Object.keys(filesBelow(out))).toEqual([...names, "nginx/other/own.conf", "src/own.txt"].sort());
  });
});

describe("wrong use", () => {
  test.each<[string, string[]]>([
    ["no command", []],
    ["a command that does not exist", ["synthesise"]],
    ["a member that every object has", ["constructor"]],
    ["an option that does not exist", ["check", "--fast"]],
    ["an option without its value", ["synth", "--out"]],
    ["a system that does not exist", ["plan", SERHAFEN, "--system", "nobody"]],
    ["an environment that does not exist", ["plan", SERHAFEN, "--environment", "nowhere"]],
    ["explain without a question", ["explain"]],
    ["explain with half a question", ["explain", "GET /path", SERHAFEN]],
    [
      "explain for an environment that does not exist",
      ["explain", "GET https://api.serhafen.com/", SERHAFEN, "--environment", "x"],
    ],
    ["claims that are no JSON", ["explain", "GET https://api.serhafen.com/", SERHAFEN, "--claims", "{"]],
    ["an identity that does not exist", ["explain", "GET https://api.serhafen.com/ with token nobody", SERHAFEN]],
    [
      "a file of identities that is not there",
      ["explain", "GET https://api.serhafen.com/ with token a", SERHAFEN, "--identities", "/nowhere.yaml"],
    ],
  ])("%s is exit 2 with a word on it, and prints no result", async (_, argv) => {
    const ran = await run(...argv);
    expect(ran.code).toBe(2);
    expect(ran.err).not.toBe("");
    expect(ran.out).toBe("");
  });

  test("help is no error", async () => {
    const ran = await run("--help");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("gatewright COMMAND");
  });
});

describe("check", () => {
  test("a good model", async () => {
    const ran = await run("check", SERHAFEN);
    expect(ran).toMatchObject({ code: 0, out: "1 model(s) are good: serhafen\n" });
  });

  test("a bad one, as text and as JSON", async () => {
    const file = modelFile(small({ hosts: {} }));
    const text = await run("check", file);
    expect(text.code).toBe(1);
    expect(text.out).toBe("");
    expect(text.err).toContain("error model/invalid-value");
    const json = await run("check", file, "--json");
    expect(json.code).toBe(1);
    expect(json.err).toBe("");
    const parsed = JSON.parse(json.out) as { formatVersion: number; models: string[]; diagnostics: Diagnostic[] };
    expect(parsed).toMatchObject({ formatVersion: 1, models: [file] });
    expectDiagnostics(parsed.diagnostics, [{ code: "model/invalid-value", at: "shop/hosts" }]);
  });

  test("a file that is not there", async () => {
    expect((await run("check", "/nowhere/model.yaml")).code).toBe(1);
  });
});

test("a model in policies/ is found by its name", async () => {
  const [byName, byFile] = [await run("plan", "equb"), await run("plan", "policies/equb.ts")];
  expect(byName.code).toBe(0);
  expect(byName.out).toBe(byFile.out);
});

test("plan prints one row for each promise, and one column for each target", async () => {
  const ran = await run("plan", SERHAFEN);
  expect(ran.code).toBe(0);
  const [title, head, ...lines] = ran.out.trimEnd().split("\n");
  const rows = lines.filter((line) => /^\d/.test(line));
  expect(lines.some((line) => /^native: .*; ext-auth: .*; reported: .*; proxied: /.test(line))).toBe(true);
  expect(lines.some((line) => line.startsWith("ingress-nginx-flood-guard: the controller counts"))).toBe(true);
  expect(title).toBe("serhafen, production");
  expect(head).toMatch(/^phase +promise +where +node-gateway +nginx +istio +ingress-nginx +kong$/);
  expect(rows.some((r) => /^1 +httpsRedirect .* proxied +native +native +proxied +proxied unproven$/.test(r))).toBe(
    true,
  );
  expect(rows.some((r) => /^10 +jwt .* proxied +proxied +proxied +proxied +proxied unproven$/.test(r))).toBe(true);
  expect(rows.some((r) => /^10 +jwt .* proxied +ext-auth +ext-auth +proxied +proxied unproven$/.test(r))).toBe(true);
  expect(
    rows.some((r) => /^15 +circuitBreaker .* proxied +reported +reported +proxied +proxied unproven$/.test(r)),
  ).toBe(true);
  const costs = (await run("plan", SERHAFEN, "--costs")).out;
  expect(costs).toMatch(/^api\.serhafen\.com +customs +- +a call and a report +a call and a report +a hop /m);
  const lab = (await run("plan", LAB)).out.split("\n");
  expect(lab.some((r) => /^9 +apiKey .* ext-auth +ext-auth$/.test(r))).toBe(true);
  expect(lab.some((r) => /^10 +jwt .* ext-auth +ext-auth$/.test(r))).toBe(true);
  expect(lab.some((r) => /^15 +retries +lab\.test .* +native +native$/.test(r))).toBe(true);
  expect(lab.some((r) => /^9 +signature .* ext-auth-body +ext-auth-body$/.test(r))).toBe(true);
  const phases = rows.map((r) => Number(r.split(" ")[0]));
  expect(phases).toEqual([...phases].sort((a, b) => a - b));
  const json = JSON.parse((await run("plan", SERHAFEN, "--environment", "development", "--json")).out) as {
    formatVersion: number;
    matrices: { environment: string; rows: { kind: string; cells: Record<string, string> }[] }[];
  };
  expect(json.formatVersion).toBe(1);
  expect(json.matrices.map((m) => m.environment)).toEqual(["development"]);
  expect(json.matrices[0]?.rows.every((r) => Object.values(r.cells).length > 0)).toBe(true);
});

test("schema prints the JSON Schema of the model", async () => {
  const ran = await run("schema");
  expect(ran.code).toBe(0);
  expect(JSON.parse(ran.out)).toMatchObject({
    type: "object",
    additionalProperties: false,
    required: expect.arrayContaining(["name", "hosts", "routes"]) as unknown,
  });
});

test("systems that are no more are told by their files' first line, and what a hand wrote is none", () => {
  const out = temporaryDirectory();
  const put = (name: string, text: string): void => {
    const folder = path.join(out, path.dirname(name));
    mkdirSync(folder, { recursive: true });
    writeIn(folder, path.basename(name), text);
  };
  const made = (system: string): string =>
    `# Generated by "gatewright synth" from the model "${system}", environment production. DO NOT EDIT.\n`;
  put("istio/shop/production/routes.yaml", made("shop"));
  put("istio/former/production/routes.yaml", made("former"));
  put("nginx/former/production/filter.json", "{}");
  put("nginx/by-hand/nginx.conf", "# mine\n");
  put("nginx/copied/nginx.conf", made("former"));
  const former = formerSystems(out, ["shop"]);
  expect(former).toEqual(["former"]);
  expect(
    writeFiles(out, [{ path: "istio/shop/production/routes.yaml", content: made("shop") }], ["shop", ...former]),
  ).toEqual({
    written: [],
    removed: 2,
  });
  expect(Object.keys(filesBelow(out)).sort()).toEqual([
    "istio/shop/production/routes.yaml",
    "nginx/by-hand/nginx.conf",
    "nginx/copied/nginx.conf",
  ]);
});
