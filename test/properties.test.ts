import path from "node:path";
import fc from "fast-check";
import { parseAllDocuments } from "yaml";
import { hasErrors } from "../lib/diagnostics";
import { gatewaySchema, loadModel, type GatewayInput, type GatewayModel } from "../lib/model";
import { readModel } from "../lib/model/read";
import { compile, TARGETS, type OutputFile } from "../lib/targets";
import { luaTable } from "../lib/targets/istio/lua";
import { check, parseNginx, small, type Directive, type Word } from "./support";

// The same inputs on every run, so that a red run can be repeated; FC_SEED=$RANDOM looks further.
fc.configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 20_261_121) });

/** All differences are taken, so that every target renders something. */
const ACCEPT = [
  ...new Set(
    TARGETS.flatMap((target) => Object.values(target.capabilities.native).flat()).flatMap((claim) =>
      claim.difference ? [claim.difference.name] : [],
    ),
  ),
].map((difference) => ({ difference, reason: "so that every target is tried" }));

const ALL = TARGETS.map((t) => t.name);
/** Keeps what nothing else keeps, so that random models are not all refused. */
const WIDE = ["nginx", "istio"];

/** Kong's settings are no directives of nginx. */
const isNginx = ({ path: file }: OutputFile): boolean => file.endsWith(".conf") && !file.endsWith("kong.conf");

/** Bound by number, not by time: what is proven does not depend on the machine. */
const quick = (numRuns: number): fc.Parameters<unknown> => ({ numRuns });

// ---------------------------------------------------------------- (a) hostile values

const serhafenInput = readModel(path.join(__dirname, "../policies/serhafen.ts")).raw?.value as GatewayInput;

const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    0,
    -1,
    1.5,
    1e308,
    NaN,
    Infinity,
    true,
    "",
    " ",
    "__proto__",
    "constructor",
    "\u0000",
    "\ud800",
    "${host}",
    "x".repeat(100_000),
    [],
    {},
    [[]],
    [null],
    { name: null },
    { name: { name: 1 } },
    JSON.parse('{"__proto__":{"name":"x"}}'),
    new Date(0),
    new Map(),
    Object.create(null),
    10n,
    Symbol("s"),
    () => undefined,
  ),
  fc.anything({ withNullPrototype: true, maxDepth: 3 }),
  fc.jsonValue({ maxDepth: 4 }),
);

function checked(value: unknown): void {
  const result = check(value);
  expect(result.value !== undefined || hasErrors(result.diagnostics)).toBe(true);
  expect(result.value === undefined || !hasErrors(result.diagnostics)).toBe(true);
  if (!result.value) return;
  // One of them: they differ by services' addresses and infrastructure alone.
  const compiled = compile(result.value, result.value.environments[0] ?? "");
  expect(compiled.value !== undefined || hasErrors(compiled.diagnostics)).toBe(true);
}

/** Every way into a value: the members of members. */
function places(value: unknown, at: PropertyKey[] = []): PropertyKey[][] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...at, key]))];
}

function changed(value: unknown, [step, ...rest]: readonly PropertyKey[], to: { value: unknown } | "delete"): unknown {
  if (step === undefined) return to === "delete" ? undefined : to.value;
  if (typeof value !== "object" || value === null) return value;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<PropertyKey, unknown>;
  if (rest.length === 0 && to === "delete") {
    if (Array.isArray(copy)) copy.splice(Number(step), 1);
    else Reflect.deleteProperty(copy, step);
  } else {
    const inner = changed(copy[step], rest, to);
    Object.defineProperty(copy, step, { value: inner, enumerable: true, writable: true, configurable: true });
  }
  return copy;
}

describe("whatever is written, there is a value or there are errors", () => {
  test("arbitrary values", () => {
    fc.assert(fc.property(hostile, checked), quick(400));
  });

  test("serhafen with members taken away or replaced", () => {
    const ways = places(serhafenInput);
    const mutation = fc.tuple(
      fc.nat(ways.length - 1),
      fc.oneof(
        { weight: 1, arbitrary: fc.constant("delete" as const) },
        { weight: 3, arbitrary: fc.record({ value: hostile }) },
      ),
    );
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        checked(mutations.reduce<unknown>((value, [i, to]) => changed(value, ways[i] ?? [], to), serhafenInput));
      }),
      quick(150),
    );
  });

  test("values that hold themselves", () => {
    const circle: Record<string, unknown> = {};
    circle["name"] = circle;
    const list: unknown[] = [];
    list.push(list);
    for (const value of [circle, list, { ...serhafenInput, routes: list }, { ...serhafenInput, name: circle }])
      checked(value);
  });
});

// ---------------------------------------------------------------- (b) arbitrary models that are valid

const chars = (set: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(set)), minLength: min, maxLength: max });
const visible = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join("");

const headerValue = fc
  .tuple(chars(visible, 1, 1), chars(`${visible} `, 0, 30), chars(visible, 0, 1))
  .map((parts) => parts.join("").trim());
/** Texts that nobody could take for a pattern or a variable: `check` refuses those. */
const plainValue = headerValue.filter((text) => !/\$\{|\{\{|\{[A-Za-z_]/.test(text));
const matchValue = headerValue.map((text) => text.replace(/[ ^$.*+\\()[\]|]/g, "")).filter((text) => text !== "");
const headerName = fc.oneof(
  chars("abcdefghijklmnopqrstuvwxyz-", 1, 20).map((n) => `x${n}`),
  chars("abcXYZ019", 1, 1).chain((first) => chars("abcXYZ019-", 0, 12).map((rest) => first + rest)),
);
const segment = fc.oneof(
  fc.constantFrom("a", "b", "users", "v1"),
  // What looks like a pattern is refused.
  chars("abcXYZ019._~:@!$&'+,=-", 1, 10).filter((s) => s !== "." && s !== ".." && !/^:|\$\d|\.\+/.test(s)),
);
const modelPath = fc.array(segment, { maxLength: 3 }).map((s) => `/${s.join("/")}`);
const duration = fc
  .tuple(fc.integer({ min: 1, max: 500 }), fc.constantFrom("ms", "s", "m", "h"))
  .map(([n, u]) => `${String(n)}${u}`);
const seconds = fc.integer({ min: 1, max: 5000 }).map((n) => `${String(n)}s`);
const size = fc
  .tuple(fc.integer({ min: 1, max: 900 }), fc.constantFrom("B", "KiB", "MiB"))
  .map(([n, u]) => `${String(n)}${u}`);
const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");
const methods = fc.uniqueArray(method, { minLength: 1, maxLength: 7 });
const claim = fc.constantFrom("sub", "a.b", "realm_access.roles", "https://x/y", "constructor");
const dictionary = <T>(values: fc.Arbitrary<T>, minKeys = 0): fc.Arbitrary<Record<string, T>> =>
  fc.dictionary(headerName, values, { minKeys, maxKeys: 3, noNullPrototype: true });
const rate = { requests: fc.integer({ min: 1, max: 1000 }), per: duration };
const optional = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
const origin = fc
  .constantFrom("https://a.test", "http://b.test:8080", "app://c", "https://a+b.test", "https://*.c.test:8443")
  .map((o) => o.replace("+", "-"));
const network = fc.oneof(
  fc.constantFrom("10.0.0.0/8", "203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32"),
  fc.ipV4(),
  fc.constantFrom("::1", "2001:db8::/32", "::/0", "0.0.0.0/0"),
);
const headerChange = optional({ set: dictionary(plainValue), remove: fc.array(headerName, { maxLength: 3 }) });

const routePolicies = optional({
  bodySize: fc.option(fc.record({ max: size })),
  webSocket: fc.option(optional({ allowed: fc.boolean(), idle: duration })),
  addresses: fc.option(
    optional({ allow: fc.array(network, { maxLength: 3 }), deny: fc.array(network, { maxLength: 3 }) }),
  ),
  jwt: fc.option(
    fc.record(
      {
        mode: fc.constantFrom("required", "optional", "open"),
        issuers: fc.uniqueArray(fc.constantFrom("one", "two"), { minLength: 1 }),
        claimHeaders: dictionary(claim),
        webSocketProtocol: fc.constantFrom(false, false, false, true),
        cookie: fc.constantFrom("access_token", "t"),
        header: fc.constant("x-token-of-its-own"),
        revocation: optional({ key: fc.constantFrom("gone:{jti}"), onFailure: fc.constantFrom("deny", "allow") }),
      },
      { requiredKeys: ["issuers"] },
    ),
  ),
  tenant: fc.option(fc.record({ headers: dictionary(claim, 1), required: fc.boolean() })),
  rateLimit: fc.option(
    fc.record(
      {
        limits: fc.array(
          fc.record(
            {
              name: fc.constantFrom("calls", "day"),
              ...rate,
              burst: fc.nat(100),
              key: fc.uniqueArray(fc.constantFrom("apiKey", "user", "clientAddress"), { minLength: 1 }),
              scope: fc.constantFrom("cluster", "replica"),
            },
            { requiredKeys: ["name", "requests", "per"] },
          ),
          { minLength: 1, maxLength: 2 },
        ),
        onFailure: fc.constantFrom("local", "deny", "allow"),
      },
      { requiredKeys: ["limits"] },
    ),
  ),
  rewrite: fc.option(fc.record({ prefix: modelPath, replacement: modelPath })),
  requestHeaders: fc.option(headerChange),
  responseHeaders: fc.option(headerChange),
  timeouts: fc.option(optional({ firstByte: duration })),
  retries: fc.option(
    optional({
      tries: fc.integer({ min: 1, max: 10 }),
      perTry: duration,
      statuses: fc.uniqueArray(fc.constantFrom("502", "503", "504")),
    }),
  ),
});

/** Kinds that only the filter keeps; now and then, or every model would go through it whole. */
const filterPolicies = optional({
  apiKey: fc.option(fc.record({ header: headerName, secret: fc.constant("keys") }, { requiredKeys: ["secret"] })),
  signature: fc.option(fc.record({ secret: fc.constant("keys"), clockSkew: duration })),
  csrf: fc.option(optional({ cookie: fc.constantFrom("csrf"), header: headerName })),
  connections: fc.option(
    fc.record({
      max: fc.integer({ min: 1, max: 100 }),
      key: fc.uniqueArray(fc.constantFrom("user", "clientAddress"), { minLength: 1 }),
    }),
  ),
  lockout: fc.option(optional({ field: claim, attempts: fc.integer({ min: 1, max: 9 }), per: duration })),
  bodySchema: fc.option(fc.record({ schema: fc.constantFrom({}, { type: "object", required: ["a"] }) })),
  graphql: fc.option(optional({ maxDepth: fc.integer({ min: 1, max: 100 }), introspection: fc.boolean() })),
  fallback: fc.option(
    fc.record(
      { status: fc.integer({ min: 200, max: 599 }), body: chars(`${visible} `, 0, 20), retryAfter: seconds },
      { requiredKeys: ["body"] },
    ),
  ),
  cache: fc.option(
    fc.record(
      { ttl: duration, by: fc.constantFrom("tenant", "user", "everyone"), group: fc.constantFrom("a", "b") },
      { requiredKeys: ["group"] },
    ),
  ),
  timeouts: optional({ total: duration, idle: fc.option(duration) }),
  circuitBreaker: fc.option(optional({ errorPercent: fc.integer({ min: 1, max: 100 }), openFor: duration })),
  compression: fc.option(
    optional({ encodings: fc.uniqueArray(fc.constantFrom("br", "gzip"), { minLength: 1 }), above: size }),
  ),
});

const hostPolicies = optional({
  httpsRedirect: fc.option(fc.constant({})),
  requestLine: fc.option(
    optional({ methods, maxUri: fc.constantFrom("1KiB", "31KiB"), maxHead: fc.constantFrom("512B", "64KiB") }),
  ),
  pathHygiene: fc.option(fc.record({ except: fc.array(modelPath, { maxLength: 2 }) })),
  headerHygiene: fc.option(fc.record({ drop: fc.array(headerName, { maxLength: 3 }) })),
  cors: fc.option(
    fc.record(
      {
        origins: fc.uniqueArray(origin, { minLength: 1 }),
        methods,
        requestHeaders: fc.array(headerName, { maxLength: 3 }),
        exposeHeaders: fc.array(headerName, { maxLength: 3 }),
        credentials: fc.boolean(),
        maxAge: seconds,
      },
      { requiredKeys: ["origins"] },
    ),
  ),
  floodGuard: fc.option(optional({ ...rate, per: fc.constantFrom("1s", "1m"), burst: fc.nat(100) })),
  requestId: fc.option(fc.constant({})),
  securityHeaders: fc.option(
    optional({
      hsts: fc.option(optional({ maxAge: seconds, includeSubDomains: fc.boolean() })),
      contentTypeOptions: fc.boolean(),
      frameOptions: fc.constantFrom("DENY", "SAMEORIGIN", null),
      contentSecurityPolicy: fc.option(headerValue),
    }),
  ),
  errorBody: fc.option(
    optional({
      members: fc.dictionary(
        chars("abcXYZ", 1, 5),
        fc.oneof(
          fc.boolean(),
          fc.constantFrom("{status}", "{reason} {message}", "{requestId}"),
          chars(`${visible} `, 0, 20),
        ),
        { maxKeys: 3, noNullPrototype: true },
      ),
    }),
  ),
  audit: fc.option(fc.constant({})),
});

const match = fc
  .record({
    exact: fc.uniqueArray(modelPath, { maxLength: 2 }),
    prefix: fc.uniqueArray(modelPath, { maxLength: 2 }),
    methods: fc.option(methods, { nil: undefined }),
    headers: fc.option(dictionary(matchValue), { nil: undefined }),
  })
  .map((m) => (m.exact.length + m.prefix.length > 0 ? m : { ...m, prefix: ["/"] }));

const service = fc.constantFrom("alpha", "beta", "gamma");
const way = fc.oneof(
  { weight: 4, arbitrary: fc.record({ service }) },
  {
    weight: 1,
    arbitrary: fc.record({
      backends: fc.array(fc.record({ service, weight: fc.integer({ min: 1, max: 100 }) }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      respond: fc.record({ status: fc.integer({ min: 200, max: 599 }), body: fc.oneof(plainValue, fc.constant("")) }),
    }),
  },
);

const model: fc.Arbitrary<unknown> = fc
  .record({
    front: fc.record({
      kind: fc.constantFrom("none", "alb", "nlb", "cloudfront-alb", "cloudflare"),
      tls: fc.constantFrom("gateway", "front"),
      networks: fc.constantFrom(["10.0.0.0/16"]),
    }),
    hosts: fc.dictionary(
      fc.constantFrom("a.test", "b.test", "a-b.test", "end", "c.example.com"),
      optional({ basePath: modelPath.filter((p) => p !== "/"), policies: fc.record({}).chain(() => hostPolicies) }),
      { minKeys: 1, maxKeys: 2, noNullPrototype: true },
    ),
    policies: fc.tuple(hostPolicies, routePolicies).map(([h, r]) => ({ ...h, ...r })),
    routes: fc.array(
      fc.tuple(
        match,
        way,
        routePolicies,
        fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: filterPolicies }),
      ),
      { minLength: 1, maxLength: 5 },
    ),
    secretPlace: fc.constantFrom({ env: "KEYS" }, { file: "/run/keys" }, { awsSecretsManager: "shop/keys" }),
  })
  .map(({ routes, secretPlace, ...rest }) => ({
    name: "toy",
    environments: ["production"],
    issuers: {
      one: { issuer: "https://one.test", jwks: { url: "https://one.test/keys" }, audiences: ["api"], roles: "roles" },
      two: {
        jwks: { url: "https://two.test/keys" },
        secret: "signing",
        algorithms: ["ES256", "HS256"],
        numericUser: true,
        user: "id",
        roles: "codes",
        roleCodes: { a: "admin" },
      },
    },
    secrets: { keys: secretPlace, signing: { env: "SIGNING" } },
    services: Object.fromEntries(["alpha", "beta", "gamma"].map((s) => [s, { address: `${s}.default.svc:80` }])),
    ...rest,
    routes: routes.map(([m, w, policies, more], i) => ({
      name: `r${String(i)}`,
      match: m,
      ...w,
      policies: "respond" in w ? policies : { ...policies, ...more },
    })),
  }));

/** The models that the checker takes; how many it took is told, so that the test cannot become empty. */
function forGoodModels(targets: readonly string[], runs: number, holds: (model: GatewayModel) => void): number {
  let good = 0;
  fc.assert(
    fc.property(model, (input) => {
      const result = check({ ...(input as object), targets, accept: ACCEPT });
      if (!result.value) {
        expect(hasErrors(result.diagnostics)).toBe(true);
        return;
      }
      good += 1;
      holds(result.value);
    }),
    quick(runs),
  );
  return good;
}

describe("every model that is good is compiled or refused, and always alike", () => {
  test.each([...ALL.map((name) => [name, [name]] as const), ["two together", WIDE] as const])("%s", (_, targets) => {
    const good = forGoodModels(targets, 100, (value) => {
      const first = compile(value, "production");
      if (!first.value) {
        const codes = first.diagnostics.map((d) => d.code);
        const refused = value.targets.some((t) => TARGETS.find(({ name }) => name === t)?.refusesFront?.(value.front));
        expect(codes).toContain(refused ? "plan/unsupported-front" : "plan/unenforceable-policy");
        return;
      }
      expect(first.value.files.length).toBeGreaterThan(0);
      expect(compile(structuredClone(value), "production").value?.files).toEqual(first.value.files);
      // nginx reads what is for nginx, and all YAML is YAML.
      for (const file of first.value.files) {
        if (isNginx(file)) parseNginx(file.content);
        if (file.path.endsWith(".yaml")) keyPaths(file);
        if (file.path.endsWith(".json")) JSON.parse(file.content);
      }
    });
    expect(good).toBeGreaterThan(10);
  });
});

// ---------------------------------------------------------------- (c) hostile texts

/** A model with every text that the schema leaves free; names of headers and paths stay as they are. */
function withTexts(t: readonly string[]): GatewayInput {
  const text = (i: number): string => t[i % t.length] ?? "";
  const whole = (i: number): string => text(i).replaceAll("*", "");
  return small({
    targets: [...ALL],
    accept: ACCEPT,
    issuers: {
      accounts: {
        issuer: `i${text(0)}`,
        jwks: { url: "https://accounts.shop.test/keys" },
        audiences: [`a${whole(1)}`],
        type: { claim: "typ", value: `t${whole(2)}` },
        roles: "roles",
        scopes: "scope",
      },
    },
    secrets: { keys: { awsSecretsManager: `s${text(17)}` } },
    filter: { redis: `redis://${text(3).replace(/\s/g, "") || "r"}` },
    policies: {
      securityHeaders: { contentSecurityPolicy: text(4) },
      errorBody: { members: { error: text(5), message: `{reason} ${text(6)} {requestId}`, own: `${text(7)}{status}` } },
      jwt: { issuers: ["accounts"], claimHeaders: { "x-user": "sub" } },
      cors: { origins: ["https://a.test"] },
    },
    routes: [
      {
        name: "texts",
        match: { prefix: ["/texts"], headers: { "x-v": text(8).replace(/\s/g, "").slice(0, 200) || "v" } },
        service: "orders",
        policies: {
          requestHeaders: { set: { "x-set": text(9), "x-other": text(10) } },
          responseHeaders: { set: { "x-answer": text(11) } },
          authorization: { anyOf: [{ roles: [`r${whole(12)}`] }] },
          rewrite: { prefix: "/texts", replacement: "/other" },
        },
      },
      { name: "plain", match: { prefix: ["/texts"] }, respond: { status: 200, body: text(13) } },
      {
        name: "through",
        match: { prefix: ["/through"] },
        service: "orders",
        policies: {
          fallback: { body: text(14) },
          requestHeaders: { set: { "x-set": text(15) } },
          bodySchema: { schema: { description: text(16) } },
          signature: { secret: "keys" },
        },
      },
    ],
  });
}

/** What one target makes of a model; a refusal is the same for every text, since the plan does not see texts. */
function filesOf(input: GatewayInput, target: string): OutputFile[] | string[] {
  // Not by `check`, which refuses variables: what comes behind it must not rely on that.
  const { value, diagnostics } = compile({ ...gatewaySchema.parse(input), targets: [target] }, "production");
  return value?.files ?? diagnostics.filter((d) => d.severity === "error").map((d) => `${d.code} ${d.at}`);
}

interface Place {
  where: string;
  word: Word;
}

/** Words of a tree with where they stand; the shape is the list of places. */
function wordsOf(tree: readonly Directive[], where = ""): Place[] {
  return tree.flatMap((d, i) => {
    const at = `${where}/${String(i)}`;
    const name = /^(map|geo|split_clients)$/.test(where.split(" ").pop() ?? "") ? "entry" : d.name;
    return [
      ...d.args.map((word, n) => ({ where: `${at} ${name} ${String(n)} of ${String(d.args.length)}`, word })),
      ...(d.block ? wordsOf(d.block, `${at} ${d.name}`) : []),
    ];
  });
}

const variables = (text: string): string[] =>
  [...text.matchAll(/\$(?:\{([a-z0-9_]+)\}|([a-z0-9_]+)|(.?))/gi)].map((m) => m[1] ?? m[2] ?? `?${m[3] ?? ""}`);

function keysOf(value: unknown, at = ""): string[] {
  if (typeof value !== "object" || value === null) return [`${at}: ${value === null ? "null" : typeof value}`];
  return Object.entries(value).flatMap(([key, inner]) => keysOf(inner, `${at}/${key}`));
}

function keyPaths({ content }: OutputFile): string[] {
  return parseAllDocuments(content).flatMap((document, i) => {
    expect(document.errors).toEqual([]);
    return keysOf(document.toJS(), String(i));
  });
}

const EVIL = [
  '"',
  "'",
  "\\",
  '\\"',
  "$host",
  "${host}",
  "$",
  "${gateway_dollar}",
  "$$x",
  ";",
  "}",
  '"; } server { listen 1; }#',
  "#",
  "{{model.name}}",
  "%REQ(authorization)%",
  "%",
  "%%",
  "- a: b",
  ": ",
  "{a: b}",
  "&a",
  "*a",
  "!!js/function",
  "|",
  ">",
  "null",
  "true",
  "1e3",
  "0x10",
  "012",
  "1:30",
  "2001-01-01",
  "~",
  "]]",
  "--[[",
  "{reason}",
  "{status}",
  "\\n",
  "x' or '1'='1",
  "<script>",
  "a b",
];

describe("texts stay texts", () => {
  const evil = fc
    .oneof(
      fc.constantFrom(...EVIL),
      headerValue,
      fc.array(fc.constantFrom(...EVIL), { minLength: 1, maxLength: 4 }).map((list) => list.join("")),
    )
    .map((text) => text.trim());
  const texts = fc.array(evil, { minLength: 18, maxLength: 18 });
  // Four words in braces stand for values in error bodies, and are no texts there.
  const harmless = (t: readonly string[]): string[] =>
    t.map((text) =>
      text === "{status}" ? text : ["harmless", ...(text.match(/\{(reason|status)\}/g) ?? [])].join(""),
    );

  test.each(ALL)("%s", (target) => {
    fc.assert(
      fc.property(texts, (t) => {
        const bad = filesOf(withTexts(t), target);
        const good = filesOf(withTexts(harmless(t)), target);
        const names = (files: OutputFile[] | string[]): string[] =>
          files.map((f) => (typeof f === "string" ? f : f.path));
        expect(names(bad)).toEqual(names(good));
        bad.forEach((file, i) => {
          const other = good[i];
          if (typeof file === "string" || typeof other === "string" || !other) return;
          if (file.path.endsWith(".yaml")) expect(keyPaths(file)).toEqual(keyPaths(other));
          if (file.path.endsWith(".json"))
            expect(keysOf(JSON.parse(file.content))).toEqual(keysOf(JSON.parse(other.content)));
          if (isNginx(file)) expectSameTree(file.content, other.content);
        });
      }),
      quick(25),
    );
  });

  /** The same places with the same variables, but for dollar signs that are spelt out. */
  function expectSameTree(bad: string, good: string): void {
    const [evilWords, plainWords] = [wordsOf(parseNginx(bad)), wordsOf(parseNginx(good))];
    expect(evilWords.map((w) => w.where)).toEqual(plainWords.map((w) => w.where));
    evilWords.forEach(({ where, word }, i) => {
      const own = plainWords[i]?.word.text ?? "";
      if (own === word.text) return;
      expect([where, variables(word.text).filter((v) => v !== "gateway_dollar")]).toEqual([where, variables(own)]);
    });
  }

  test("nginx delivers them byte for byte", () => {
    fc.assert(
      fc.property(texts, (t) => {
        const [conf] = filesOf(withTexts(t), "nginx").filter(
          (f): f is OutputFile => typeof f !== "string" && isNginx(f),
        );
        const words = wordsOf(parseNginx(conf?.content ?? "")).map((w) =>
          w.word.text.replaceAll("${gateway_dollar}", "$"),
        );
        for (const i of [4, 9, 10, 11, 13]) expect(words).toContain(t[i] ?? "");
      }),
      quick(25),
    );
  });

  test("names of headers and paths stay what they are, too", () => {
    const names = fc.uniqueArray(headerName, {
      minLength: 3,
      maxLength: 3,
      selector: (n) => n.toLowerCase().replace(/[^a-z0-9]/g, "_"),
    });
    fc.assert(
      fc.property(
        names,
        fc.array(segment, { minLength: 2, maxLength: 2 }),
        ([a = "", b = "", c = ""], [p = "", q = ""]) => {
          const input = (n: readonly string[], path1: string, path2: string): GatewayInput =>
            small({
              policies: { headerHygiene: { drop: [n[2] ?? ""] } },
              routes: [
                {
                  name: "r",
                  match: { prefix: [`/${path1}`] },
                  service: "orders",
                  policies: {
                    requestHeaders: { set: { [n[0] ?? ""]: "v" } },
                    responseHeaders: { set: { [n[1] ?? ""]: "v" } },
                    rewrite: { prefix: `/${path1}`, replacement: `/${path2}` },
                  },
                },
              ],
            });
          const conf = (i: GatewayInput): string => (filesOf(i, "nginx") as OutputFile[])[0]?.content ?? "";
          const evilTree = wordsOf(parseNginx(conf(input([a, b, c], p, q))));
          // A path with a character that a client may escape has a check of its own.
          const special = /[^A-Za-z0-9/]/.test(p) ? "a-b" : "ab";
          const plainTree = wordsOf(parseNginx(conf(input(["x-a", "x-b", "x-c"], special, "cd"))));
          expect(evilTree.map((w) => w.where)).toEqual(plainTree.map((w) => w.where));
          const said = evilTree.map((w) => w.word.text.replaceAll("${gateway_dollar}", "$").toLowerCase());
          for (const name of [a, b, c]) expect(said).toContain(name.toLowerCase());
          const rewritten = evilTree.filter(
            (w) => w.where.includes("entry") && /\$gateway_(rest|query)/.test(w.word.text),
          );
          for (const { word } of rewritten) {
            expect(variables(word.text).filter((v) => !/^gateway_(dollar|rest|query)/.test(v))).toEqual([]);
          }
        },
      ),
      quick(150),
    );
  });
});

// ---------------------------------------------------------------- (d) Lua

/** Reads what `luaTable` writes: tables, texts with decimal escapes, words; keywords are no names. */
function readLua(source: string): unknown {
  let i = 0;
  const KEYWORDS =
    /^(and|break|do|else|elseif|end|false|for|function|goto|if|in|local|nil|not|or|repeat|return|then|true|until|while)$/;
  const skip = (): void => {
    while (/\s/.test(source[i] ?? "")) i++;
  };
  const take = (word: string): void => {
    skip();
    if (!source.startsWith(word, i)) throw new Error(`"${word}" is wanted at ${source.slice(i, i + 20)}`);
    i += word.length;
  };
  const peek = (word: string): boolean => {
    skip();
    return source.startsWith(word, i);
  };
  function string(): string {
    take('"');
    let text = "";
    for (; source[i] !== '"'; i++) {
      const c = source[i];
      if (c === undefined || c === "\n") throw new Error("A text is not closed.");
      if (c !== "\\") text += c;
      else {
        const digits = /^\d{1,3}/.exec(source.slice(i + 1, i + 4))?.[0];
        if (digits === undefined || Number(digits) > 255) throw new Error(`A bad escape: ${source.slice(i, i + 5)}`);
        text += String.fromCharCode(Number(digits));
        i += digits.length;
      }
    }
    i++;
    return text;
  }
  function value(): unknown {
    if (peek('"')) return string();
    if (!peek("{")) {
      const word = /^-?[\w.+]+/.exec(source.slice(i))?.[0] ?? "";
      i += word.length;
      if (word === "true" || word === "false") return word === "true";
      const number = Number(word);
      if (word === "" || Number.isNaN(number)) throw new Error(`A bad word: ${source.slice(i, i + 10)}`);
      return number;
    }
    take("{");
    const entries: [string, unknown][] = [];
    const list: unknown[] = [];
    while (!peek("}")) {
      const name = /^([A-Za-z_]\w*) =/.exec(source.slice(i))?.[1];
      if (peek("[")) {
        take("[");
        const key = string();
        take("]");
        take("=");
        entries.push([key, value()]);
      } else if (name !== undefined) {
        if (KEYWORDS.test(name)) throw new Error(`The keyword "${name}" is no name.`);
        take(name);
        take("=");
        entries.push([name, value()]);
      } else list.push(value());
      if (peek(",")) take(",");
    }
    take("}");
    return list.length > 0 ? list : Object.fromEntries(entries);
  }
  const result = value();
  skip();
  if (i !== source.length) throw new Error(`More than a value: ${source.slice(i, i + 20)}`);
  return result;
}

describe("Lua", () => {
  const ascii = chars(Array.from({ length: 128 }, (_, i) => String.fromCharCode(i)).join(""), 0, 30);

  test("texts come back as they were", () => {
    fc.assert(
      fc.property(ascii, (text) => {
        expect(readLua(luaTable(text))).toBe(text);
      }),
      quick(500),
    );
  });

  test("an escape is not lengthened by a digit behind it", () => {
    for (const text of ["\u00001", "\n9", '"0', "\\7", "\u007f255"]) expect(readLua(luaTable(text))).toBe(text);
  });

  test("tables too, whatever their keys are", () => {
    const leaf = fc.oneof(ascii, fc.integer(), fc.boolean());
    const key = fc
      .oneof(ascii, fc.constantFrom("end", "and", "nil", "goto", "a.test", "1", "x"))
      .filter((k) => k !== "__proto__");
    const table = fc.dictionary(
      key,
      fc.oneof(
        leaf,
        fc.array(leaf, { minLength: 1, maxLength: 3 }),
        fc.dictionary(key, leaf, { minKeys: 1, noNullPrototype: true }),
      ),
      {
        minKeys: 1,
        noNullPrototype: true,
      },
    );
    fc.assert(
      fc.property(table, (value) => {
        expect(readLua(luaTable(value))).toEqual(value);
      }),
      quick(200),
    );
  });
});

test("serhafen itself is good", () => {
  const { value } = loadModel(path.join(__dirname, "../policies/serhafen.ts"));
  expect(value).toBeDefined();
});
