import path from "node:path";
import type { Explanation } from "../../lib/commands/explain";
import { removeTemporaryDirectories } from "../support";
import { LAB, ROOT, run, SERHAFEN, type Ran } from "./run";

afterAll(removeTemporaryDirectories);

describe("explain", () => {
  const ask = (question: string, ...more: string[]): Promise<Ran> =>
    run("explain", question, SERHAFEN, "--identities", path.join(ROOT, "test/conformance/tokens.yaml"), ...more);

  test.each<[string, string[], RegExp]>([
    ["GET https://api.serhafen.com/users with token viewer-cl", [], /outcome {2}goes to iam as GET \/users/],
    ["GET https://portal.serhafen.com/api/users with token viewer-cl", [], /outcome {2}goes to iam as GET \/users/],
    ["POST https://api.serhafen.com/users with token viewer-cl", [], /outcome {2}403 not-authorized/],
    ["POST https://api.serhafen.com/users with token superadmin-cl", [], /outcome {2}goes to iam/],
    ["GET https://api.serhafen.com/users", [], /outcome {2}401 jwt-missing/],
    ["GET http://api.serhafen.com/users", [], /outcome {2}301 https-redirect/],
    ["GET https://api.serhafen.com/v9/users", [], /outcome {2}404 unknown-path/],
    ["GET https://api.serhafen.com/mock", [], /outcome {2}404 unknown-path/],
    [
      "GET https://api.serhafen.com/users with token viewer-cl",
      ["--header", "x-country-code: PE"],
      /outcome {2}403 tenant-mismatch/,
    ],
    ["GET https://api.serhafen.com/users", ["--claims", '{"sub":"x"}'], /outcome {2}403 tenant-missing/],
  ])("%s %j", async (question, more, expected) => {
    const ran = await ask(question, ...more);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(expected);
  });

  test.each<[string, string, string[], RegExp]>([
    [
      "maternal",
      "POST https://maternal.noru1.ro/api/proxy/auth/login",
      [],
      /goes to backend as POST \/api\/v1\/auth\/login\n.*x-internal-api-key: <secret:internal-key>/,
    ],
    [
      "mmr",
      "GET https://acme.mmr.com/api/products/5",
      ["--claims", '{"sub":13,"organizationId":1,"roles":"[c]"}'],
      /\n11 +tenant +pass +ext-auth[^]*goes to backend-1 \(50\) or backend-2 \(50\)/,
    ],
    [
      "mmr",
      "GET https://acme.mmr.com/api/products/5",
      ["--claims", '{"sub":13,"organizationId":2}'],
      /outcome {2}403 tenant-mismatch/,
    ],
    ["mmr", "GET https://umbrella.mmr.com/", [], /outcome {2}404 unknown-host/],
    [
      "equb",
      "POST https://api.equb.app/group/7/draw",
      ["--claims", '{"user_id":"u","role":"admin"}'],
      /route {4}draw\n[^]*outcome {2}403 not-authorized/,
    ],
  ])("of %s: %s %j", async (system, question, more, expected) => {
    const ran = await run("explain", question, path.join(ROOT, `policies/${system}.ts`), ...more);
    expect(ran.out).toMatch(expected);
  });

  test("the mock is there in development", async () => {
    const ran = await ask("GET https://api.serhafen.com/mock with token viewer-cl", "--environment", "development");
    expect(ran.out).toMatch(/outcome {2}goes to mock/);
  });

  test("a path is not cleaned before it is judged", async () => {
    const ran = await ask("GET https://api.serhafen.com/users/../roles");
    expect(ran.out).toMatch(/outcome {2}400 unclean-path/);
  });

  test("as JSON, with the place of every promise on every target", async () => {
    const ran = await ask("GET https://api.serhafen.com/users", "--json");
    const explained = JSON.parse(ran.out) as Explanation & { formatVersion: number };
    expect(explained).toMatchObject({ formatVersion: 1, route: "users" });
    const placesOf = (promise: string): unknown => explained.steps.find((s) => s.promise === promise)?.places;
    const everywhere = {
      "node-gateway": "proxied",
      nginx: "proxied",
      istio: "proxied",
      "ingress-nginx": "proxied",
      kong: "proxied",
    };
    expect(placesOf("jwt")).toEqual(everywhere);
    expect(placesOf("cache")).toEqual(everywhere);
    expect(placesOf("cors")).toEqual({
      "node-gateway": "proxied",
      nginx: "native",
      istio: "native",
      "ingress-nginx": "proxied",
      kong: "proxied",
    });
    expect(placesOf("apiKey")).toBeUndefined();
  });

  test("a route that does not go through says so", async () => {
    const ran = await run("explain", "GET https://lab.test/keyed", LAB);
    expect(ran.out).toMatch(/^9 +apiKey +401 api-key-missing +ext-auth +ext-auth$/m);
    expect(ran.out).toMatch(/^15 +timeouts +not asked +native +native$/m);
    expect(ran.out).toMatch(/outcome {2}401 api-key-missing/);
  });

  test("headers of a route's answers stand where they are said to stand, and nowhere else", async () => {
    const own = async (question: string): Promise<string | undefined> =>
      /^16 +responseHeaders +(.*?)(?: {2,}.*)?$/m.exec((await run("explain", question, LAB)).out)?.[1];
    expect(await own("GET https://lab.test/answers/own")).toBe("kept on the answer");
    expect(await own("GET https://lab.test/answers")).toBe("kept on the answer");
    expect(await own("GET https://lab.test/answers/success")).toBe("not asked: on success alone");
    expect(await own("GET http://lab.test/answers")).toBe("not asked");
  });

  test("a host is the same with its port, with an empty one and with the dot of the root", async () => {
    for (const host of ["api.serhafen.com:443", "api.serhafen.com:", "API.serhafen.com."])
      expect((await ask(`GET https://${host}/users`)).out).toMatch(/outcome {2}401 jwt-missing/);
  });
});
