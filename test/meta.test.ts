import { currentPage, pageOf, SYSTEMS } from "./pages";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { compileAll } from "../lib/commands/load";
import { modelFiles } from "../lib/commands/models";
import { environmentUsage } from "../lib/cost/usage";
import { CATALOGUE } from "../lib/diagnostics";
import { VARIABLES } from "../lib/filter/environment";
import { gatewaySchema, loadModel } from "../lib/model";
import type { Capabilities, Claim } from "../lib/plan";
import {
  FEATURES,
  KINDS,
  phaseNumber,
  SHADOW_KINDS,
  type Feature,
  type KindName,
  type PolicyKind,
} from "../lib/policy";
import { SHAPE_KINDS } from "../lib/policy/kinds/route-shape";
import { compile, DIFFERENCES, TARGETS } from "../lib/targets";
import { readCases } from "../lib/conformance/case";
import { subjectsOf } from "./conformance/subjects";
import { expectDiagnostics, removeTemporaryDirectories, temporaryDirectory, writeIn } from "./support";

afterAll(removeTemporaryDirectories);

const ROOT = path.join(__dirname, "..");
const GENERATED = ["nginx", "istio", "kubernetes"];

describe("kinds", () => {
  const names = KINDS.map((k) => k.kind);

  test("have names of their own", () => {
    expect(new Set(names).size).toBe(names.length);
  });

  test("stand in the order of their phases", () => {
    const phases = names.map(phaseNumber);
    expect(phases).toEqual([...phases].sort((a, b) => a - b));
  });

  test("have a file of their own name, or share one", () => {
    const files = readdirSync(path.join(ROOT, "lib/policy/kinds")).map((f) =>
      readFileSync(path.join(ROOT, "lib/policy/kinds", f), "utf8"),
    );
    for (const name of names) {
      expect([name, files.filter((source) => source.includes(`kind: "${name}",\n  schema`)).length]).toEqual([name, 1]);
    }
  });
});

describe("features", () => {
  /** Configurations that ask for everything a kind can ask for. */
  const configs: Partial<Record<KindName, unknown[]>> = {
    pathHygiene: [{ except: ["/a"] }],
    matching: [{ byMethod: true, byHeader: true, byHeaderSet: true, byTemplate: true, byQuery: true, byUpgrade: true }],
    headerHygiene: [{ drop: ["a"], single: ["a"], pass: ["x-real-ip"] }],
    cors: [{ credentials: true, origins: ["https://*.a.test"] }],
    addresses: [{ allow: ["::1"], deny: ["::1"] }],
    jwt: ["required", "optional"].map((mode) => ({
      mode,
      issuers: ["a", "b"],
      webSocketProtocol: true,
      cookie: "a",
      header: "b",
      revocation: {},
      amongHeaderRoutes: true,
      claimHeadersDiffer: true,
      handshakes: mode === "required",
      claimHeaders: { a: "b", c: ["d.e"], f: { roles: "names" } },
      rules: [
        {
          user: "sub",
          audiences: ["a"],
          type: {},
          numericUser: true,
          issuer: undefined,
          algorithms: ["HS256"],
          roleCodes: { a: "b" },
        },
      ],
    })),
    authorization: [{ anyOf: [{ roles: ["a"], scopes: ["a"], claims: ["a"], owner: {} }], noneOf: [{}] }],
    apiKey: [{ basic: true }],
    rateLimit: [
      {
        headers: true,
        limits: ["cluster", "replica"].map((scope) => ({
          key: ["apiKey", "user", "tenant", "clientAddress", { claim: "a" }],
          scope,
        })),
      },
    ],
    connections: [{ key: ["user"] }],
    bodyCount: [{ max: 2 ** 33 }],
    webSocket: [{ allowed: true, closeAtExpiry: true }],
    timeouts: [{ firstByte: 2, total: 1, idle: 1 }],
    requestHeaders: [{ set: { a: "b" }, remove: ["a"], only: ["a"] }],
    rewrite: [{ host: "a" }],
    tenant: [{ fromHost: true }],
    responseHeaders: [{ set: { a: "b" }, remove: ["a"] }],
    retries: [{ tries: 2 }],
    compression: [{ types: ["text/*"], encodings: ["br"], above: 1, largeFallback: true }],
    circuitBreaker: [{ amongBackends: true, longExchanges: true }],
    fallback: [{ status: 200 }],
    audit: [{ fields: ["referer"] }],
    backendAddresses: [{ byTls: true, triesOthers: true }],
    backendTls: [{ backends: { a: { serverName: "a", clientCertificate: "b" } }, alike: false }],
    backendGrpc: [{ services: ["a", "b"], alike: false, tries: true, longNames: true }],
    respond: [{}, { redirect: {} }],
    weights: [
      { backends: [1, 2, 3], triesOthers: true, byTls: true },
      { backends: [1, 2], rollout: {} },
    ],
  };
  const required = new Set<Feature>(
    KINDS.flatMap((kind) => (configs[kind.kind] ?? [{}]).flatMap((config) => (kind as PolicyKind).requires(config))),
  );

  test("every feature is required by some kind, and there is no other", () => {
    // The last is asked by the planner, of whatever stands in shadow.
    expect([...required, "Shadow"].sort()).toEqual(Object.keys(FEATURES).sort());
  });

  const claimsOf = ({
    native,
    extAuth,
    extAuthBody,
    proxied,
  }: Capabilities): (readonly [kind: string, claims: readonly Claim[]])[] => [
    ...Object.entries(native),
    ...[extAuth, extAuthBody, proxied].flatMap((claims) =>
      Object.entries(claims).map(([kind, claim]) => [kind, [claim]] as const),
    ),
  ];

  test.each(TARGETS.map((t) => [t.name, t.capabilities] as const))(
    "%s claims only features that exist",
    (_, claims) => {
      const all = claimsOf(claims).flatMap(([, list]) => list.flatMap((c) => c.supports));
      expect(all.filter((f) => !(f in FEATURES))).toEqual([]);
    },
  );

  test("every feature has a place somewhere, or it could only ever be refused", () => {
    const claimed = TARGETS.flatMap((t) => claimsOf(t.capabilities)).flatMap(([, list]) =>
      list.flatMap((c) => c.supports),
    );
    expect(Object.keys(FEATURES).filter((f) => !claimed.includes(f as Feature))).toEqual([]);
  });

  test("where the whole exchange goes through the filter it keeps all that it keeps at a door", () => {
    for (const { name, capabilities } of TARGETS) {
      const { extAuth, extAuthBody } = capabilities;
      for (const [kind, claim] of [...Object.entries(extAuth), ...Object.entries(extAuthBody)]) {
        const whole = capabilities.proxied[kind as KindName]?.supports ?? [];
        expect([name, kind, claim.supports.filter((f) => !whole.includes(f))]).toEqual([name, kind, []]);
      }
    }
  });

  test("what must see more than a head is never claimed for a door", () => {
    const seeing = KINDS.filter((k) => k.sees !== "head").map((k): string => k.kind);
    const doors = TARGETS.flatMap((t) => Object.keys(t.capabilities.extAuth));
    expect(doors.filter((kind) => seeing.includes(kind))).toEqual([]);
    const answers = KINDS.filter((k) => k.sees === "response").map((k): string => k.kind);
    const withBody = TARGETS.flatMap((t) => Object.keys(t.capabilities.extAuthBody));
    expect(withBody.filter((kind) => answers.includes(kind))).toEqual([]);
  });

  test.each(TARGETS.map((t) => [t.name, t.capabilities] as const))(
    "%s claims for a kind only what it can ask",
    (_, claims) => {
      const asked = (kind: string): string[] => {
        const found = KINDS.find((k) => k.kind === kind) as PolicyKind | undefined;
        const own = (configs[kind as KindName] ?? [{}]).flatMap((config) => found?.requires(config) ?? []);
        // Which the planner asks, of any configuration of theirs.
        return (SHADOW_KINDS as readonly string[]).includes(kind) ? [...own, "Shadow"] : own;
      };
      const strange = claimsOf(claims).flatMap(([kind, list]) =>
        list
          .flatMap((c) => c.supports)
          .filter((f) => !asked(kind).includes(f))
          .map((f) => `${kind}: ${f}`),
      );
      expect(strange).toEqual([]);
    },
  );
});

describe("documentation", () => {
  test.each(DIFFERENCES.map(({ name, text }) => [name, text] as const))(
    "the model's page says what %s is",
    (name, text) => {
      const rows = readFileSync(path.join(ROOT, "docs/model.md"), "utf8").split("\n");
      const row = rows.find((r) => r.startsWith(`| \`${name}\``))?.replaceAll("\\*", "*") ?? "";
      expect(row).toContain(text);
    },
  );

  const file = (code: string): string => `${code.replace(/\//g, "-")}.md`;

  test("every diagnostic has a page, and every page a diagnostic", () => {
    const pages = readdirSync(path.join(ROOT, "docs/diagnostics")).sort();
    expect(pages).toEqual(Object.keys(CATALOGUE).map(file).sort());
  });

  test("a page says its code and its first line", () => {
    for (const [code, { message }] of Object.entries(CATALOGUE)) {
      const page = readFileSync(path.join(ROOT, "docs/diagnostics", file(code)), "utf8");
      expect(page).toContain(code);
      expect(page).toContain(message);
    }
  });

  test("the model's page names every kind and every field of the top level", () => {
    const page = readFileSync(path.join(ROOT, "docs/model.md"), "utf8");
    const fields = Object.keys(gatewaySchema.shape);
    expect([...fields, ...KINDS.map((k) => k.kind)].filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  });

  const written = (KINDS as readonly PolicyKind[]).filter((k) => !SHAPE_KINDS.includes(k.kind));

  test.each(written.map((k) => [k.kind, k] as const))("and says what %s has and takes by default", (name, kind) => {
    const page = readFileSync(path.join(ROOT, "docs/model.md"), "utf8");
    const section = page.split(/^(?=##)/m).find((text) => new RegExp(`^###.*\\b${name}\\b.*\\(`).test(text)) ?? "";
    const rows = [...section.matchAll(/^\| `([^`]+)`.*$/gm)].map(([row, field]) => [field, row] as const);
    const { properties = {} } = z.toJSONSchema(kind.schema, { io: "input", unrepresentable: "any" });
    const shown = (value: unknown): string =>
      Array.isArray(value)
        ? `\`[${value.join(", ")}]\``
        : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
    const wrong = Object.entries(properties).filter(([field, schema]) => {
      const row = rows.find(([f]) => f === field)?.[1];
      const nested = rows.some(([f]) => f?.startsWith(`${field}.`) || f?.startsWith(`${field}[]`));
      if (row === undefined) return !nested;
      const value = (schema as { default?: unknown }).default;
      const plain = value !== undefined && (typeof value !== "object" || Array.isArray(value));
      return plain && !row.includes(value === "" ? '""' : shown(value));
    });
    expect(wrong.map(([field, schema]) => [field, (schema as { default?: unknown }).default])).toEqual([]);
  });

  test("the page of costs names every field of the usage file, and what it is by default", () => {
    const page = readFileSync(path.join(ROOT, "docs/cost.md"), "utf8");
    const { properties = {} } = z.toJSONSchema(environmentUsage, { io: "input", unrepresentable: "any" });
    const rows = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    const wrong = Object.entries(properties).filter(([field, schema]) => {
      if (field === "requestsPerDay") return !page.includes("`requestsPerDay` is required");
      const row = rows.find(([, names = ""]) => names.includes(`\`${field}`));
      const value = (schema as { default?: unknown }).default;
      return !row || (typeof value === "number" && !row[2]?.includes(`\`${String(value)}\``));
    });
    expect(wrong.map(([field]) => field)).toEqual([]);
  });

  test("the filter's page names every variable and every metric", () => {
    const page = readFileSync(path.join(ROOT, "docs/filter.md"), "utf8");
    const source = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");
    const variables = Object.keys(VARIABLES);
    const metrics = [
      ...`${source("lib/filter/metrics.ts")}${source("lib/filter/exchange-metrics.ts")}`.matchAll(
        /name: "(\w+)"|# TYPE (\w+)/g,
      ),
    ].map((m) => m[1] ?? m[2] ?? "");
    expect([variables.length > 10, metrics.length > 8]).toEqual([true, true]);
    // The number of a worker is what the supervisor tells it.
    const unnamed = [...variables, ...metrics].filter((name) => name !== "FILTER_WORKER" && !page.includes(name));
    expect([...new Set(unnamed)]).toEqual([]);
  });

  test("the page of benchmarks names every option and every target", () => {
    const page = readFileSync(path.join(ROOT, "docs/benchmarks.md"), "utf8");
    const sources = ["bench/filter.ts", "bench/gateway.ts", "drills/main.ts"].map((file) =>
      readFileSync(path.join(ROOT, "test", file), "utf8"),
    );
    const options = sources.flatMap((s) =>
      [...s.matchAll(/(\w+): \{ type: "(?:string|boolean)"/g)].map((m) => `--${m[1] ?? ""}`),
    );
    const targets = sources.flatMap((s) =>
      [...s.matchAll(/atMost\(\s*"([^"]+)",[^;]*?,\s*([\d.]+)\s*,?\s*\)[,\]]/g)].map(([, text = "", limit = ""]) => [
        text,
        limit,
      ]),
    );
    expect([options.length, targets.length]).toEqual([7, 10]);
    const rows = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
    const unnamed = targets.filter(([text, limit]) => !rows.some((cells) => cells[1] === text && cells[2] === limit));
    expect([...options.filter((o) => !new RegExp(`[ \`]${o}\\b`).test(page)), ...unnamed]).toEqual([]);
  });

  test("the model's JSON Schema is that of the model: npm run schema", () => {
    const committed = readFileSync(path.join(ROOT, "docs/model.schema.json"), "utf8");
    expect(JSON.parse(committed)).toEqual(z.toJSONSchema(gatewaySchema, { io: "input" }));
  });

  test("the example of the model's page is a good model", () => {
    const page = readFileSync(path.join(ROOT, "docs/model.md"), "utf8");
    const example = /```yaml\n(name: shop[\s\S]*?)```/.exec(page)?.[1] ?? "";
    const directory = temporaryDirectory();
    const { value, diagnostics } = loadModel(writeIn(directory, "shop.yaml", example));
    expectDiagnostics(diagnostics, []);
    expect(value && compile(value, "production").value?.files.length).toBeGreaterThan(0);
  });
});

describe("drills", () => {
  test("are all in the list that is run", () => {
    const folder = path.join(ROOT, "test/drills");
    const sources = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), "utf8"));
    const lists = sources.flatMap((s) => [...s.matchAll(/^export const (\w+Drills)\b/gm)].map((m) => m[1] ?? ""));
    expect(lists.length).toBeGreaterThan(10);
    const run = readFileSync(path.join(folder, "main.ts"), "utf8");
    expect(lists.filter((name) => !run.includes(`...${name},`))).toEqual([]);
  });
});

describe("conformance cases", () => {
  const subjects = new Set(readCases(path.join(ROOT, "test/conformance/cases")).map((c) => c.subject));
  const kept = TARGETS.flatMap(({ name, capabilities }) =>
    [
      ...new Set(
        [capabilities.native, capabilities.extAuth, capabilities.extAuthBody, capabilities.proxied].flatMap((c) =>
          Object.keys(c),
        ),
      ),
    ].map((kind) => [name, kind] as const),
  );
  test.each(kept)("%s: %s has cases", (_, kind) => {
    const files = subjectsOf(kind as KindName);
    expect([files, files.some((f) => subjects.has(f))]).toEqual([files, true]);
  });
});

describe("pages of systems", () => {
  /** Without what a formatter makes of tables. */
  const plain = (text: string): string => text.replace(/ *\| */g, "|").replace(/-+/g, "-");

  test.each(SYSTEMS)("%s has the tables of its plan (npm run pages)", (system) => {
    expect(plain(currentPage(system))).toBe(plain(readFileSync(pageOf(system), "utf8")));
  });
});

describe("layers", () => {
  // Files that exist: the rules with types want them in the project.
  const cases: [string, string, number][] = [
    ["lib/policy/kind.ts", "../targets", 1],
    ["lib/policy/kind.ts", "../targets/nginx", 1],
    ["lib/policy/kind.ts", "../model", 1],
    ["lib/policy/kind.ts", "../model/schema", 1],
    ["lib/policy/kind.ts", "../diagnostics", 0],
    ["lib/policy/kind.ts", "../decision/decide", 1],
    ["lib/identity/token.ts", "../policy", 1],
    ["lib/state/store.ts", "../policy/kind", 1],
    ["lib/decision/decide.ts", "../policy", 0],
    ["lib/decision/decide.ts", "../model", 1],
    ["lib/model/check.ts", "../plan", 1],
    ["lib/model/check.ts", "../policy", 0],
    ["lib/plan/plan.ts", "../targets", 1],
    ["lib/plan/plan.ts", "../commands/load", 1],
    ["lib/plan/plan.ts", "../filter/server", 1],
    ["lib/targets/index.ts", "../commands", 1],
    ["lib/targets/index.ts", "../plan", 0],
    ["lib/targets/nginx/index.ts", "../istio", 1],
    ["lib/targets/nginx/index.ts", "../istio/names", 1],
    ["lib/targets/nginx/index.ts", "../../commands", 1],
    ["lib/targets/nginx/index.ts", "../../commands/load", 1],
    ["lib/targets/nginx/index.ts", "../../../test/support", 1],
    ["lib/targets/nginx/index.ts", "../../policy", 0],
    ["lib/targets/node-gateway/index.ts", "../nginx", 1],
    ["lib/targets/index.ts", "../filter/server", 1],
    ["lib/charts/index.ts", "../filter/server", 1],
    ["lib/commands/serve.ts", "../filter/server", 0],
    ["lib/filter/server.ts", "../targets", 1],
    ["lib/filter/server.ts", "../model", 1],
    ["lib/filter/server.ts", "../targets/nginx", 1],
    ["lib/filter/server.ts", "../policy", 0],
  ];
  /** In a process of its own: the configuration is an ES module, which the test runner does not load. */
  const SCRIPT = `
    const { ESLint, Linter } = require("eslint");
    const eslint = new ESLint({ cwd: process.cwd() });
    const rule = "no-restricted-imports";
    // That rule alone, as it is configured for the file: the typed ones take seconds.
    const of = async ([filePath, from]) => {
      const { rules } = await eslint.calculateConfigForFile(filePath);
      const config = [{ files: ["**/*.ts"], rules: { [rule]: rules[rule] ?? "off" } }];
      return new Linter().verify('import "' + from + '";\\n', config, { filename: filePath }).filter((m) => m.ruleId === rule).length;
    };
    (async () => {
      const found = [];
      for (const item of JSON.parse(process.argv[1])) found.push(await of(item));
      process.stdout.write(JSON.stringify(found));
    })();
  `;
  let found: number[] = [];
  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", SCRIPT, JSON.stringify(cases)], {
      cwd: ROOT,
    });
    found = JSON.parse(stdout) as number[];
  }, 120_000);
  test.each(cases.map((c, i) => [...c, i] as const))("%s importing %s: %i refusal", (_file, _from, expected, i) => {
    expect(found[i]).toBe(expected);
  });
});

describe("generated output", () => {
  const { compiled } = compileAll(modelFiles([]).map((f) => path.join(ROOT, f)));
  const files = new Map(compiled.flatMap((c) => c.files).map((f) => [f.path, f.content]));
  const committed = GENERATED.filter((folder) => existsSync(path.join(ROOT, folder)));

  (committed.length > 0 ? test : test.skip)("that is committed is what the models make now", () => {
    const found = committed
      .flatMap((folder) => readdirSync(path.join(ROOT, folder), { withFileTypes: true, recursive: true }))
      .filter((e) => e.isFile())
      .map((e) => path.relative(ROOT, path.join(e.parentPath, e.name)));
    const wanted = [...files.keys()].filter((name) => committed.includes(name.split("/")[0] ?? ""));
    expect(found.sort()).toEqual(wanted.sort());
    expect(found.filter((name) => readFileSync(path.join(ROOT, name), "utf8") !== files.get(name))).toEqual([]);
  });

  test("has no path of this machine and no host of a registry of packages", () => {
    expect(files.size).toBeGreaterThan(0);
    const forbidden = [
      ROOT,
      homedir(),
      "/home/",
      "/Users/",
      "node_modules",
      "registry.npmjs.org",
      "pypi.org",
      "proxy.golang.org",
    ].filter((word) => word !== "/");
    const wrong = [...files].flatMap(([name, content]) =>
      forbidden.filter((word) => content.includes(word)).map((word) => `${name}: ${word}`),
    );
    expect(wrong).toEqual([]);
  });

  test("says at its head that it is generated, and ends with one line end", () => {
    for (const [name, content] of files) {
      if (!name.endsWith(".json"))
        expect([name, content.startsWith('# Generated by "gatewright synth"')]).toEqual([name, true]);
      expect([name, /[^\n]\n$/.test(content)]).toEqual([name, true]);
    }
  });
});

test("no files import each other in a circle", () => {
  const files = readdirSync(path.join(ROOT, "lib"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => path.join(entry.parentPath, entry.name));
  const importsOf = new Map(
    files.map((file) => {
      const named = [...readFileSync(file, "utf8").matchAll(/(?:from|import\(|require\()\s*"(\.[^"]+)"/g)].map(
        ([, to]) => path.resolve(path.dirname(file), to ?? ""),
      );
      return [file, named.flatMap((to) => files.filter((f) => f === `${to}.ts` || f === path.join(to, "index.ts")))];
    }),
  );
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) {
      circles.push([...trail.slice(trail.indexOf(file)), file].map((f) => path.relative(ROOT, f)).join(" → "));
      return;
    }
    if (done.has(file)) return;
    for (const next of importsOf.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(files.length).toBeGreaterThan(150);
  expect(circles).toEqual([]);
});
