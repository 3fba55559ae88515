import path from "node:path";
import { mkdirSync, readFileSync } from "node:fs";
import type { GatewayInput } from "../../lib/model";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { modelFile, run, type Ran } from "./run";

afterAll(removeTemporaryDirectories);

const MODEL: GatewayInput = {
  name: "own",
  targets: ["nginx"],
  hosts: { "own.example": {} },
  issuers: { login: { issuer: "https://login.example", jwks: { url: "https://login.example/keys" } } },
  services: { api: { address: "api.own.internal:80" } },
  policies: { jwt: { issuers: ["login"] } },
  routes: [{ name: "api", match: { prefix: ["/"] }, service: "api" }],
};

const IDENTITIES = `own: { issuer: { iss: "https://login.example" }, identities: { reader: { claims: { sub: u } } } }`;

const OPEN = `{ name: "a <reader> passes", request: { host: own.example, path: /, token: reader }, expect: { status: 200, reaches: api } }`;

interface Given {
  cases?: string;
  identities?: string;
  model?: GatewayInput;
  options?: string[];
}

/** By the model's own decision alone: what the real proxies do with cases, the conformance runs show. */
function tested({ cases = OPEN, identities = IDENTITIES, model = MODEL, options = [] }: Given): Promise<Ran> {
  const folder = temporaryDirectory();
  const at = path.join(folder, "cases");
  mkdirSync(at);
  writeIn(at, "own.yaml", `system: own\ncases: [${cases}]`);
  writeIn(at, "identities.yaml", identities);
  return run("test", modelFile(model, folder), "--cases", at, "--target", "decide", ...options);
}

test("a case that holds passes, one that does not is told with what was expected", async () => {
  expect(await tested({})).toMatchObject({ code: 0, out: "1 passed, 0 failed, 0 skipped\n" });
  const wrong = await tested({ cases: OPEN.replace("status: 200", "status: 403") });
  expect(wrong.code).toBe(1);
  expect(wrong.out).toContain("status 200, expected 403");
});

test("JSON and JUnit have each case", async () => {
  const file = path.join(temporaryDirectory(), "junit.xml");
  const { out } = await tested({ options: ["--json", "--junit", file] });
  const { results } = JSON.parse(out) as { results: unknown[] };
  expect(results).toEqual([
    { target: "decide", system: "own", subject: "own", name: "a <reader> passes", outcome: "passed", details: [] },
  ]);
  expect(readFileSync(file, "utf8")).toContain('<testcase classname="own.own" name="a &lt;reader&gt; passes"/>');
});

test.each<[string, Given, string]>([
  ["a service", { cases: OPEN.replace("reaches: api", "reaches: apo") }, 'there is no service "apo"; is it "api"?'],
  ["an identity", { cases: OPEN.replace("token: reader", "token: reeder") }, 'there is no identity "reeder"'],
  ["one that is revoked", { cases: `{ name: a, steps: [{ revoke: nobody }] }` }, 'there is no identity "nobody"'],
  ["an environment", { cases: OPEN.replace("{ name", "{ environment: tset, name") }, 'there is no environment "tset"'],
  ["a field", { cases: OPEN.replace("expect:", "expected:") }, "cases[0]"],
  ["a field of identities", { identities: `own: { isuer: {} }` }, "isuer"],
  ["a key's header", { cases: OPEN.replace("token: reader", "apiKey: mobile") }, 'there is no key "mobile"'],
  ["who calls, where nobody tells", { cases: OPEN.replace("token:", "client: 192.0.2.1, token:") }, "front.networks"],
  ["a pattern", { cases: OPEN.replace("status: 200", "body: { matches: abc }") }, "between slashes"],
  ["YAML", { cases: "{" }, "own.yaml"],
  [
    "steps and a request",
    { cases: OPEN.replace("{ name", "{ steps: [{ wait: 0 }], name") },
    "either request and expect",
  ],
])("%s that means nothing is told before anything runs", async (_, given, said) => {
  const { code, out, err } = await tested(given);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(said);
});

test("a target that no model has, or no folder of cases, proves nothing", async () => {
  const file = modelFile(MODEL);
  const none = await run("test", file, "--cases", temporaryDirectory());
  expect(none).toMatchObject({ code: 2, err: "No case was found.\n" });
  const folder = temporaryDirectory();
  writeIn(folder, "own.yaml", `system: own\ncases: [${OPEN}]`);
  writeIn(folder, "identities.yaml", IDENTITIES);
  const other = await run("test", file, "--cases", folder, "--target", "node-gateway");
  expect([other.code, other.err]).toEqual([2, 'No model has the target "node-gateway"; they have nginx.\n']);
});

test("revocation that a host asks for counts, and so do a model's first environment and its overlays", async () => {
  const model: GatewayInput = {
    ...MODEL,
    policies: {},
    environments: ["staging", "live"],
    hosts: { "own.example": { policies: { jwt: { issuers: ["login"], revocation: {} } } } },
    overlays: { staging: { services: { api: { address: "192.0.2.1:80" } } } },
  };
  const revoked = OPEN.replace("token: reader", 'token: "reader!revoked"').replace(
    "status: 200, reaches: api",
    "status: 401, reaches: nothing",
  );
  expect(await tested({ model, cases: revoked })).toMatchObject({ code: 0, out: "1 passed, 0 failed, 0 skipped\n" });
});

test("secrets without a value have one of their own form", async () => {
  const model: GatewayInput = {
    ...MODEL,
    secrets: { "partner-keys": { env: "PARTNER_KEYS" } },
    policies: { apiKey: { secret: "partner-keys" } },
  };
  const cases = `{ name: a, request: { host: own.example, path: /, headers: { x-api-key: k } }, expect: { status: 401 } }`;
  const { code, err } = await tested({ model, cases });
  expect(code).toBe(0);
  expect(err).toContain("partner-keys");
});
