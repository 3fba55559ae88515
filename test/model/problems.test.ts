import { sortDiagnostics } from "../../lib/diagnostics";
import { loadModel, type GatewayInput } from "../../lib/model";
import { check, expectDiagnostics, removeTemporaryDirectories, small, temporaryDirectory, writeIn } from "../support";

/** Names of secrets that lead nowhere, and issuers whose tokens nothing could verify. */

afterAll(removeTemporaryDirectories);

type Expected = Parameters<typeof expectDiagnostics>[1];

const jwks = { url: "https://accounts.shop.test/keys" };
const keys = { env: "KEYS" };
const route = { name: "orders", match: { prefix: ["/orders"] }, service: "orders" };

const expectFound = (change: Partial<GatewayInput>, expected: Expected): void => {
  expectDiagnostics(sortDiagnostics(check(small(change)).diagnostics), expected);
};

describe("secrets", () => {
  const unknown = (at: string): Expected[number] => ({ code: "model/unknown-secret", at: `shop/${at}` });
  const policies = { apiKey: { secret: "keyz" }, signature: { secret: "rings" } };

  test("that a route names", () => {
    expectFound({ secrets: { keys }, routes: [{ ...route, policies }] }, [
      unknown("routes/orders/policies/apiKey"),
      unknown("routes/orders/policies/signature"),
    ]);
  });

  test.each<[string, Partial<GatewayInput>, string]>([
    ["the gateway", { policies }, "policies"],
    ["a host", { hosts: { "api.shop.test": { policies } } }, "hosts/api.shop.test/policies"],
    ["a service", { services: { orders: { address: "orders:1", policies } } }, "services/orders/policies"],
  ])("that %s names", (_, change, at) => {
    expectFound({ secrets: { keys }, ...change }, [unknown(`${at}/apiKey`), unknown(`${at}/signature`)]);
  });

  test("that an issuer names", () => {
    expectFound({ issuers: { own: { algorithms: ["HS256"], secret: "jwt" } } }, [unknown("issuers/own/secret")]);
  });

  test("that have the name of a member that every object has", () => {
    expectFound({ secrets: { keys }, routes: [{ ...route, policies: { apiKey: { secret: "constructor" } } }] }, [
      unknown("routes/orders/policies/apiKey"),
    ]);
  });

  test("are fine where they exist, wherever they are kept", () => {
    expectFound(
      {
        secrets: { keys, rings: { file: "/run/secrets/rings" }, jwt: { awsSecretsManager: "prod/shop/jwt" } },
        issuers: { own: { algorithms: ["HS256"], secret: "jwt" } },
        routes: [{ ...route, policies: { apiKey: { secret: "keys" }, signature: { secret: "rings" } } }],
      },
      [],
    );
  });

  test("the word that was probably meant is named", () => {
    const { diagnostics } = check(small({ secrets: { keys }, routes: [{ ...route, policies }] }));
    expect(diagnostics.map((d) => d.fix)).toEqual([
      'Write "keys", or add the secret "keyz".',
      expect.stringMatching(/^Use one of keys/),
    ]);
  });

  test("the place in the file is told", () => {
    const file = writeIn(
      temporaryDirectory(),
      "m.yaml",
      `name: m
hosts: { api.shop.test: {} }
services: { orders: { address: "orders:3000" } }
routes:
  - { name: orders, match: { prefix: [/orders] }, service: orders, policies: { apiKey: { secret: keys } } }
`,
    );
    const { diagnostics } = loadModel(file);
    expectDiagnostics(diagnostics, [{ code: "model/unknown-secret", at: "m/routes/orders/policies/apiKey" }]);
    expect(diagnostics[0]?.source?.line).toBe(5);
    expect(diagnostics[0]?.fix).toBe('Name a secret first, or add the secret "keys".');
  });

  test.each<[string, object]>([
    ["in no place", {}],
    ["in two places", { env: "KEYS", file: "/run/keys" }],
    ["in the model itself", { value: "s3cret" }],
  ])("%s are refused", (_, place) => {
    const { value, diagnostics } = check(small({ secrets: { keys: place } }));
    expect(value).toBeUndefined();
    expect(diagnostics.every((d) => d.at.startsWith("shop/secrets/keys"))).toBe(true);
  });
});

describe("issuers", () => {
  const at = (name = "own"): Expected[number] => ({ code: "model/issuer-without-keys", at: `shop/issuers/${name}` });
  test.each<[string, NonNullable<GatewayInput["issuers"]>[string], Expected]>([
    ["published keys, by default", { jwks }, []],
    ["a secret for HS256", { secret: "keys", algorithms: ["HS256"] }, []],
    ["both, where both sign", { secret: "keys", jwks, algorithms: ["HS256", "ES256"] }, []],
    ["nothing at all", {}, [at()]],
    ["HS256 without a secret", { algorithms: ["HS256"] }, [at()]],
    ["published keys for HS256", { jwks, algorithms: ["HS256"] }, [at(), at()]],
    ["a secret that signs nothing", { jwks, secret: "keys" }, [at()]],
    ["one of both, where both sign", { jwks, algorithms: ["HS256", "RS256"] }, [at()]],
    ["the other one", { secret: "keys", algorithms: ["HS256", "RS256"] }, [at()]],
  ])("%s", (_, issuer, expected) => {
    expectFound({ secrets: { keys }, issuers: { own: issuer } }, expected);
  });

  test("why and fix say which of both is wrong", () => {
    const said = (issuer: NonNullable<GatewayInput["issuers"]>[string]): string[] =>
      check(small({ secrets: { keys }, issuers: { own: issuer } })).diagnostics.flatMap((d) => [d.why, d.fix]);
    expect(said({})).toEqual([expect.stringContaining("jwks"), expect.stringContaining("jwks")]);
    expect(said({ algorithms: ["HS256"] })).toEqual([
      expect.stringContaining("a secret"),
      expect.stringContaining("HS256"),
    ]);
    expect(said({ jwks, secret: "keys" })).toEqual([
      expect.stringContaining("It has secret"),
      expect.stringContaining("Take secret away"),
    ]);
  });
});

test.each(["https", "http"])("a password in the URL of a key set (%s) is refused, and said nowhere", (scheme) => {
  const url = `${scheme}://reader:hunter22@accounts.shop.test/keys`;
  const { value, diagnostics } = check(small({ issuers: { own: { issuer: "i", jwks: { url } } } }));
  expect(value).toBeUndefined();
  expect(diagnostics.map(({ code }) => code)).toContain("model/invalid-value");
  expect(JSON.stringify(diagnostics)).not.toContain("hunter22");
});
