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
  expect(cases[3]?.expect["upstream"]).toEqual({ path: "/" });
});

test("routes that ask who calls are left to who knows it", async () => {
  const { cases, said } = await written(
    INGRESS.replace("app-root: /start", "allowlist-source-range: 10.0.0.0/8").replace(/.*from-to-www.*\n/, ""),
  );
  expect(said).toMatch(/yours to write: .*shop-site/);
  expect(cases.map(({ request }) => request["host"])).toEqual(["api.shop.example", "api.shop.example"]);
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
  expect([code, err]).toEqual([2, expect.stringContaining("There is a")]);
  expect([existsSync(model), readFileSync(cases, "utf8")]).toEqual([false, "mine"]);
});
