import type { Explanation } from "../../lib/commands/explain";
import type { GatewayInput } from "../../lib/model";
import { removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";
import { make } from "../identity/token-maker";
import { modelFile, run, type Ran } from "./run";

/** What explain has no keys, secrets or bodies for: a good one is as good as it would be, and the rest is said. */

const schema = { type: "object", properties: { name: { type: "string" } }, additionalProperties: false };

const model = (change: Partial<GatewayInput> = {}): GatewayInput =>
  small({
    targets: ["node-gateway"],
    issuers: {
      first: { issuer: "https://first.test", jwks: { url: "https://first.test/keys" } },
      second: {
        issuer: "https://second.test",
        jwks: { url: "https://second.test/keys" },
        audiences: ["shop"],
        type: { claim: "is.type", value: "access" },
      },
      curve: { issuer: "https://curve.test", jwks: { url: "https://curve.test/keys" }, algorithms: ["ES256"] },
      curve5: { issuer: "https://curve5.test", jwks: { url: "https://curve5.test/keys" }, algorithms: ["ES512"] },
      edwards: { issuer: "https://ed.test", jwks: { url: "https://ed.test/keys" }, algorithms: ["EdDSA"] },
      salted: { issuer: "https://salted.test", jwks: { url: "https://salted.test/keys" }, algorithms: ["PS384"] },
      shared: { secret: "shared", algorithms: ["HS256"] },
    },
    secrets: { shared: { env: "SHARED" }, ring: { env: "RING" } },
    policies: { jwt: { mode: "open", issuers: ["first"] } },
    routes: [
      ...["first", "second", "curve", "curve5", "edwards", "salted", "shared"].map((name) => ({
        name,
        match: { prefix: [`/${name}`] },
        service: "orders",
        policies: { jwt: { issuers: [name], claimHeaders: { "x-user": "sub" } } },
      })),
      {
        name: "several",
        match: { prefix: ["/several"] },
        service: "orders",
        policies: { jwt: { issuers: ["first", "curve"] } },
      },
      {
        name: "keyed",
        match: { prefix: ["/keyed"] },
        service: "orders",
        policies: { apiKey: { header: "x-key", secret: "ring" } },
      },
      {
        name: "by-password",
        match: { prefix: ["/by-password"] },
        service: "orders",
        policies: { apiKey: { basic: true, secret: "ring" } },
      },
      {
        name: "signed",
        match: { prefix: ["/signed"] },
        service: "orders",
        policies: { signature: { secret: "ring" } },
      },
      {
        name: "sign-in",
        match: { exact: ["/sign-in"] },
        service: "orders",
        policies: {
          bodySchema: { schema },
          lockout: {},
          cache: { by: "everyone", ttl: "1m", group: "all" },
          circuitBreaker: {},
        },
      },
    ],
    ...change,
  });

let file = "";
beforeAll(() => {
  file = modelFile(model());
});
afterAll(removeTemporaryDirectories);

const ask = (target: string, ...more: string[]): Promise<Ran> =>
  run("explain", `GET https://api.shop.test${target}`, file, ...more);
const headers = (lines: Record<string, string>): string[] =>
  Object.entries(lines).flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
const claims = ["--claims", '{"sub":"vera"}'];

describe("a token", () => {
  test.each(["first", "second", "curve", "curve5", "edwards", "salted", "shared"])(
    "of %s is a good one there",
    async (name) => {
      const ran = await ask(`/${name}`, ...claims);
      expect(ran.out).toMatch(/outcome {2}goes to orders/);
      expect(ran.out).toContain("x-user: vera");
    },
  );

  test("is of the issuer that is named, or whose name it bears", async () => {
    expect((await ask("/second", ...claims, "--issuer", "curve")).out).toMatch(/outcome {2}401 jwt-issuer/);
    expect((await ask("/several", ...claims, "--issuer", "curve")).out).toMatch(/outcome {2}goes to/);
    expect((await ask("/several", "--claims", '{"sub":"vera","iss":"https://curve.test"}')).out).toMatch(/goes to/);
    expect((await ask("/several", "--claims", '{"sub":"vera","iss":"https://second.test"}')).out).toMatch(
      /outcome {2}401 jwt-issuer/,
    );
  });

  test("that is not good is not good", async () => {
    expect((await ask("/first", "--claims", '{"sub":"vera","exp":1}')).out).toMatch(/outcome {2}401 jwt-expired/);
    expect((await ask("/second", "--claims", '{"sub":"vera","aud":"x"}')).out).toMatch(/outcome {2}401 jwt-audience/);
  });

  test("that is given is judged but for its signature, and that is said", async () => {
    const now = Math.floor(Date.now() / 1000);
    const given = (more: object): string[] => {
      const token = make({ claims: { iss: "https://first.test", iat: now, exp: now + 60, ...more } });
      return headers({ Authorization: `Bearer ${token}` });
    };
    const good = await ask("/first", ...given({}));
    expect(good.out).toMatch(/outcome {2}goes to orders/);
    expect(good.out).toMatch(/^note .*signature.*not judged here/m);
    expect((await ask("/first", ...given({ exp: now - 3600 }))).out).toMatch(/outcome {2}401 jwt-expired/);
    expect((await ask("/curve", ...given({ iss: "https://curve.test" }))).out).toMatch(/401 jwt-algorithm/);
    expect((await ask("/first", ...headers({ Authorization: "Bearer nothing" }))).out).toMatch(/401 jwt-malformed/);
  });

  test("of an issuer that is not there is wrong use", async () => {
    const ran = await ask("/first", ...claims, "--issuer", "nobody");
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('no issuer "nobody"; there are first, second,');
  });
});

describe("an API key", () => {
  test("that is given is a good one, and that is said", async () => {
    const ran = await ask("/keyed", ...headers({ "X-Key": "abc" }));
    expect(ran.out).toMatch(/^9 +apiKey +pass/m);
    expect(ran.out).toMatch(/outcome {2}goes to orders/);
    expect(ran.out).toMatch(/^note .*API key.*not judged here/m);
  });

  test("that is given as a password is a good one of its user", async () => {
    const good = Buffer.from("machine:abc").toString("base64");
    const ran = await ask("/by-password", ...headers({ Authorization: `Basic ${good}` }));
    expect(ran.out).toMatch(/outcome {2}goes to orders/);
    expect(ran.out).toMatch(/^note .*API key.*not judged here/m);
    expect((await ask("/by-password", ...headers({ "x-api-key": "abc" }))).out).toMatch(/401 api-key-missing/);
  });

  test("that is missing, twice there or empty is refused", async () => {
    expect((await ask("/keyed")).out).toMatch(/outcome {2}401 api-key-missing/);
    expect((await ask("/keyed", ...headers({ "x-key": "a", "X-Key": "b" }))).out).toMatch(/401 api-key-missing/);
    expect((await ask("/keyed", ...headers({ "x-key": "" }))).out).toMatch(/401 api-key-unknown/);
  });
});

describe("a signature", () => {
  const parts = (change: Record<string, string> = {}): string[] =>
    headers({
      "x-signature-key-id": "k1",
      "x-signature-timestamp": String(Math.floor(Date.now() / 1000)),
      "x-signature-nonce": "12345678",
      "x-signature": "abc",
      ...change,
    });

  test("that is given is a good one, and that is said", async () => {
    const ran = await ask("/signed", ...parts());
    expect(ran.out).toMatch(/^9 +signature +pass/m);
    expect(ran.out).toMatch(/outcome {2}goes to orders/);
    expect(ran.out).toMatch(/^note .*signature.*not judged here/m);
  });

  test("that is missing or old is refused", async () => {
    expect((await ask("/signed")).out).toMatch(/outcome {2}401 signature-missing/);
    expect((await ask("/signed", ...parts({ "x-signature-timestamp": "1" }))).out).toMatch(/401 signature-time/);
    expect((await ask("/signed", ...parts({ "x-signature-nonce": "1" }))).out).toMatch(/401 signature-malformed/);
  });
});

describe("what only a body or an answer can tell", () => {
  test("is said to need one", async () => {
    const ran = await ask("/sign-in");
    expect(ran.out).toMatch(/^13 +lockout +around the call/m);
    expect(ran.out).toMatch(/^14 +bodyCount +needs a body/m);
    expect(ran.out).toMatch(/^14 +bodySchema +needs a body/m);
    expect(ran.out).toMatch(/^15 +cache +around the call/m);
    expect(ran.out).toMatch(/^15 +circuitBreaker +around the call/m);
    expect(ran.out).toMatch(/^note .*lockout, cache, circuitBreaker stand around the call/m);
    expect(ran.out).toMatch(/^note .*bodyCount, bodySchema need a body/m);
  });

  test("is not asked of a request that is refused before", async () => {
    const ran = await ask("/sign-in", "--json", ...headers({ "content-length": "99999999" }));
    const { steps, notes } = JSON.parse(ran.out) as Explanation;
    const words = Object.fromEntries(steps.map((s) => [s.promise, s.verdict]));
    expect(words).toMatchObject({
      ...{ pathHygiene: "pass", bodySize: "413 body-too-large", lockout: "not asked", bodyCount: "not asked" },
      ...{ bodySchema: "not asked", cache: "not asked", audit: "kept on the answer" },
    });
    expect(notes).toEqual([]);
  });

  test("and a route's own shape is no policy that is asked", async () => {
    const routes: GatewayInput["routes"] = [
      { name: "a", match: { prefix: ["/a"], methods: ["GET"] }, backends: [{ service: "orders", weight: 1 }] },
      { name: "b", match: { prefix: ["/a"] }, respond: { status: 200, body: "b" } },
    ];
    const shaped = modelFile(model({ name: "shaped", routes }));
    const got = await run("explain", "GET https://api.shop.test/a", shaped);
    expect(got.out).toMatch(/^4 +matching +chose the route/m);
    const posted = await run("explain", "POST https://api.shop.test/a", shaped);
    expect(posted.out).toMatch(/^4 +respond +answers/m);
  });
});

describe("the question", () => {
  test("stands where it stands", async () => {
    const ran = await run("explain", file, "GET https://api.shop.test/first");
    expect(ran.out).toMatch(/outcome {2}401 jwt-missing/);
  });

  test.each<[string, string[], RegExp]>([
    ["is missing", [], /Write explain "GET https:\/\/host\/path"/],
    ["is there twice", ["GET https://a/b", "GET https://a/c"], /one question/],
    ["has no scheme", ["GET api.shop.test/first"], /"GET api\.shop\.test\/first" is no question/],
    ["has a header without a name", ["GET https://api.shop.test/first", "--header", "x"], /--header as "name: value"/],
    ["comes from no address", ["GET https://api.shop.test/first", "--client", "me"], /--client as an address/],
    [
      "has claims that are no object",
      ["GET https://api.shop.test/first", "--claims", "1"],
      /--claims as a JSON object/,
    ],
  ])("that %s is wrong use", async (_, args, expected) => {
    const ran = await run("explain", file, ...args);
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(expected);
  });

  test("names an identity of a file", async () => {
    const identities = writeIn(
      temporaryDirectory(),
      "identities.yaml",
      "shop: { identities: { vera: { claims: { sub: vera } } } }\n",
    );
    const asked = async (name: string): Promise<Ran> =>
      run("explain", `GET https://api.shop.test/first with token ${name}`, file, "--identities", identities);
    expect((await asked("vera")).out).toMatch(/outcome {2}goes to orders/);
    const unknown = await asked("otto");
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('no identity "otto" of shop; there are vera.');
  });
});
