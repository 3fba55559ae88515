import type { Exchange, HeaderLine, State } from "../../../lib/policy";
import { claimAt, namesAt } from "../../../lib/identity/claims";
import { newExchange } from "../../../lib/decision/decide";
import { tenant } from "../../../lib/policy/kinds/tenant";

interface Outcome {
  reason: string | undefined;
  set: Record<string, string>;
  removed: string[];
}

async function run(
  headers: HeaderLine[],
  claims: Record<string, unknown> | undefined,
  required = true,
  config: Record<string, string> = { "x-unit": "unit", "x-country": "place.country" },
): Promise<Outcome> {
  const request = {
    scheme: "https",
    method: "GET",
    host: "h",
    target: "/",
    headers,
    client: "",
    headBytes: 0,
  } as const;
  const exchange: Exchange = newExchange({ system: "s", environment: "e", hosts: [] }, request, () => "id");
  if (claims) exchange.identity = { issuer: "i", user: "u", claims, roles: [], scopes: [] };
  const decision = await tenant.decide?.(
    { headers: config, required, fromHost: false, clientHeader: "agree" },
    exchange,
    {} as State,
  );
  const { set, remove } = exchange.upstream;
  return { reason: decision?.reason, set: Object.fromEntries(set), removed: [...remove].sort() };
}

const claims = { unit: "U1", place: { country: "CL" } };
const filled = { "x-unit": "U1", "x-country": "CL" };

describe("tenant", () => {
  test.each<[string, HeaderLine[], string | undefined]>([
    ["absent headers are filled in", [], undefined],
    [
      "headers that agree pass",
      [
        ["X-Unit", "U1"],
        ["x-country", "CL"],
      ],
      undefined,
    ],
    ["one that agrees, one filled in", [["x-unit", "U1"]], undefined],
    ["another value", [["x-country", "PE"]], "tenant-mismatch"],
    ["another case", [["x-country", "cl"]], "tenant-mismatch"],
    ["an empty value", [["x-unit", ""]], "tenant-mismatch"],
    ["a list with the value in it", [["x-unit", "U1, U2"]], "tenant-mismatch"],
    ["a star", [["x-unit", "*"]], "tenant-mismatch"],
    [
      "twice the same",
      [
        ["x-unit", "U1"],
        ["X-UNIT", "U1"],
      ],
      "tenant-repeated",
    ],
    [
      "the right one, then another",
      [
        ["x-unit", "U1"],
        ["x-unit", "U2"],
      ],
      "tenant-mismatch",
    ],
    [
      "another, then the right one",
      [
        ["x-unit", "U2"],
        ["x-unit", "U1"],
      ],
      "tenant-mismatch",
    ],
  ])("%s", async (_, headers, reason) => {
    const outcome = await run(headers, claims);
    expect(outcome.reason).toBe(reason);
    if (reason === undefined) expect(outcome.set).toEqual(filled);
  });

  test.each<[string, Record<string, unknown>]>([
    ["no claim", { unit: "U1" }],
    ["an empty claim", { unit: "U1", place: { country: "" } }],
    ["a fraction", { unit: "U1", place: { country: 7.5 } }],
    ["a list", { unit: "U1", place: { country: ["CL"] } }],
    ["null", { unit: "U1", place: null }],
    ["an object with a text of its own", { unit: "U1", place: { country: { toString: "CL" } } }],
  ])("%s is no tenant: refused where one is required, dropped where not", async (_, bad) => {
    expect((await run([], bad)).reason).toBe("tenant-missing");
    const outcome = await run([], bad, false);
    expect(outcome).toEqual({ reason: undefined, set: { "x-unit": "U1" }, removed: ["x-country"] });
  });

  test("a token without a tenant may not bring one by header", async () => {
    expect((await run([["x-country", "CL"]], { unit: "U1" }, false)).reason).toBe("tenant-mismatch");
  });

  test("without an identity the headers are dropped", async () => {
    expect(await run([["x-unit", "U1"]], undefined)).toEqual({
      reason: undefined,
      set: {},
      removed: ["x-country", "x-unit"],
    });
  });
});

describe("claims", () => {
  const own = JSON.parse('{"a":{"b":"c"},"__proto__":{"x":"own"},"list":["one"],"text":"t","nothing":null}') as Record<
    string,
    unknown
  >;
  test.each<[string, unknown]>([
    ["a.b", "c"],
    ["a.b.length", undefined],
    ["a.c", undefined],
    ["constructor", undefined],
    ["constructor.name", undefined],
    ["toString", undefined],
    ["a.__proto__", undefined],
    ["a.constructor.name", undefined],
    ["__proto__.x", "own"],
    ["__proto__.hasOwnProperty", undefined],
    ["text.length", undefined],
    ["nothing.x", undefined],
  ])("%s", (path, value) => {
    expect(claimAt(own, path)).toBe(value);
  });

  test("names are texts, one or many", () => {
    expect(namesAt({ r: ["a", 1, null, ["b"], "c"] }, "r")).toEqual(["a", "c"]);
    expect(namesAt({ r: "a b" }, "r")).toEqual(["a b"]);
    expect(namesAt({ r: { a: true } }, "r")).toEqual([]);
    expect(namesAt({}, "constructor")).toEqual([]);
  });

  test("a claim of the prototype grants nothing", async () => {
    const outcome = await run([], {}, true, { "x-unit": "constructor.name" });
    expect(outcome.reason).toBe("tenant-missing");
  });
});
