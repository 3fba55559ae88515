import path from "node:path";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { removeTemporaryDirectories, temporaryDirectory, writeIn } from "../support";
import { run } from "../commands/run";

afterAll(removeTemporaryDirectories);

/** What `import --cases` writes, and what the model's own decision says of it. */

const INGRESS = readFileSync(path.join(__dirname, "../package/ingress.yaml"), "utf8");

interface Written {
  request: Record<string, unknown>;
  expect: Record<string, unknown>;
}

async function written(text: string): Promise<{ cases: Written[]; said: string; tested: string }> {
  const folder = temporaryDirectory();
  const file = writeIn(folder, "objects.yaml", text);
  const [model, cases] = [path.join(folder, "own.yaml"), path.join(folder, "cases")];
  const { code, out, err } = await run("import", file, "--name", "own", "--out", model, "--cases", cases);
  if (code !== 0) throw new Error(err);
  const found = parse(readFileSync(path.join(cases, "own.yaml"), "utf8")) as { cases: Written[] };
  const tested = await run("test", model, "--cases", cases, "--target", "decide");
  return { cases: found.cases, said: out, tested: `${tested.out}${tested.err}` };
}

test("each route has a case, which the model's own decision passes", async () => {
  const { cases, tested } = await written(INGRESS);
  expect(cases.map(({ request, expect: { status, reaches } }) => [request["path"], status, reaches])).toEqual([
    ["/", 308, "nothing"],
    ["/", 308, "nothing"],
    ["/", 308, "nothing"],
    ["/", 302, "nothing"],
    ["/", 308, "nothing"],
    ["/1", 200, "shop-web-80"],
    ["/orders", 200, "shop-orders-8080"],
    ["/users", 200, "shop-users-8080"],
    ["/1", 200, "shop-web-next-80"],
    ["/1", 200, "shop-web-80"],
  ]);
  expect(tested).toContain(`${String(cases.length)} passed, 0 failed`);
});

test("what a rewrite makes of a path is asked of the service", async () => {
  const { cases } = await written(INGRESS);
  expect(cases.find(({ request }) => request["path"] === "/orders")?.expect["upstream"]).toEqual({ path: "/" });
});

test("routes that ask who calls are left to who knows it", async () => {
  const { cases, said } = await written(
    INGRESS.replace("app-root: /start", "allowlist-source-range: 10.0.0.0/8").replace(/.*from-to-www.*\n/, ""),
  );
  expect(said).toMatch(/yours to write: .*shop-site/);
  const { length } = cases.filter(({ request }) => request["host"] === "shop.example" && !("scheme" in request));
  expect(length).toBe(0);
});

test("a request is one that no other route is meant by", async () => {
  const rule = (match: object, name: string, filters: object[] = []): object => ({
    matches: [match],
    filters,
    backendRefs: [{ name, port: 80 }],
  });
  const path = (value: string, type = "PathPrefix"): object => ({ path: { type, value } });
  const rules = [
    rule({ ...path("/m"), method: "GET" }, "gets"),
    rule(path("/m"), "others"),
    rule(path("/", "Exact"), "start"),
    rule(path("/1"), "one"),
    rule(path("/"), "rest", [
      { type: "URLRewrite", urlRewrite: { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/app" } } },
    ]),
    rule({ ...path("/q"), queryParams: [{ name: "v", value: "a~b" }] }, "asked"),
  ];
  const api = "gateway.networking.k8s.io/v1";
  const objects = [
    {
      apiVersion: api,
      kind: "Gateway",
      metadata: { name: "g" },
      spec: { gatewayClassName: "x", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] },
    },
    {
      apiVersion: api,
      kind: "HTTPRoute",
      metadata: { name: "r" },
      spec: { parentRefs: [{ name: "g" }], hostnames: ["own.example"], rules },
    },
  ];
  const { cases, tested } = await written(objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  expect(tested).toContain(`${String(cases.length)} passed, 0 failed`);
  const asked = cases.map(({ request, expect: { reaches } }) => [request["method"], request["path"], reaches]);
  expect(asked).toEqual([
    [undefined, "/m", "default-gets-80"],
    ["POST", "/m", "default-others-80"],
    [undefined, "/", "default-start-80"],
    [undefined, "/1", "default-one-80"],
    [undefined, "/other", "default-rest-80"],
    [undefined, "/q?v=a~b", "default-asked-80"],
  ]);
});

test("a route that the model cannot say is left out by its name, and not by halves", async () => {
  const rule = (value: string): object => ({
    matches: [{ path: { type: "PathPrefix", value: "/a" }, headers: [{ name: "X-A", value }] }],
    backendRefs: [{ name: "a", port: 80 }],
  });
  const api = { apiVersion: "gateway.networking.k8s.io/v1" };
  const gateway = { gatewayClassName: "x", listeners: [{ name: "http", port: 80, protocol: "HTTP" }] };
  const route = { parentRefs: [{ name: "g" }], hostnames: ["own.example"], rules: [rule("b"), rule("b c")] };
  const folder = temporaryDirectory();
  const objects = [
    { ...api, kind: "Gateway", metadata: { name: "g" }, spec: gateway },
    { ...api, kind: "HTTPRoute", metadata: { name: "r" }, spec: route },
  ];
  const file = writeIn(folder, "objects.yaml", objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  const out = path.join(folder, "own.yaml");
  const refused = await run("import", file, "--out", out);
  expect([refused.code, existsSync(out)]).toEqual([1, false]);
  expect(refused.err).toContain(`${file}:3 - error import/not-taken`);
  const { code } = await run("import", file, "--out", out, "--accept", "default-r-2");
  const model = parse(readFileSync(out, "utf8")) as { routes: { name: string }[] };
  expect([code, model.routes.map(({ name }) => name)]).toEqual([0, ["default-r"]]);
});

test("a folder that is none, and the model's own place, are refused", async () => {
  const folder = temporaryDirectory();
  const file = writeIn(folder, "objects.yaml", INGRESS);
  const importing = (...words: string[]): Promise<{ code: number }> => run("import", file, ...words);
  const model = path.join(folder, "own.yaml");
  for (const words of [
    ["--name", "own", "--out", model, "--cases", folder],
    ["--name", "own", "--out", model, "--cases", file],
    ["--name", "identities", "--out", model, "--cases", path.join(folder, "cases")],
  ])
    expect((await importing(...words)).code).toBe(2);
  expect(existsSync(model)).toBe(false);
});

test("cases are not written over, nor is a model written without them", async () => {
  const folder = temporaryDirectory();
  const file = writeIn(folder, "objects.yaml", INGRESS);
  mkdirSync(path.join(folder, "cases"));
  const cases = writeIn(folder, "cases/own.yaml", "mine");
  const model = path.join(folder, "own.yaml");
  const { code, err } = await run(
    "import",
    file,
    "--name",
    "own",
    "--out",
    model,
    "--cases",
    path.join(folder, "cases"),
  );
  expect([code, err]).toEqual([2, expect.stringContaining("is there already")]);
  expect([existsSync(model), readFileSync(cases, "utf8")]).toEqual([false, "mine"]);
});
