import {
  kindNamed,
  type Decision,
  type Exchange,
  type HeaderLine,
  type RequestBody,
  type State,
} from "../../../lib/policy";
import type { bodyCount as BodyCount, bodySchema as BodySchema } from "../../../lib/policy/kinds/body";

const bodyCount = kindNamed("bodyCount") as typeof BodyCount;
const bodySchema = kindNamed("bodySchema") as typeof BodySchema;

/** What a refused body is told: where and what, never the value. */

const SCHEMA = {
  type: "object",
  properties: {
    email: { type: "string", format: "email", maxLength: 100 },
    age: { type: "integer", minimum: 0 },
    tags: { type: "array", items: { type: "string" } },
    "a/b~c": { type: "object", properties: { x: { const: 1 } }, required: ["x"], additionalProperties: false },
    secret: { type: "string", pattern: "^[a-z]+$", maxLength: 100 },
  },
  required: ["email"],
  additionalProperties: false,
};

interface Asking {
  schema?: object;
  headers?: HeaderLine[];
  /** Nothing where it is larger than its limit. */
  bytes?: Buffer | undefined;
}

async function decided(body: unknown, asking: Asking = {}): Promise<Decision> {
  const headers: HeaderLine[] = asking.headers ?? [["content-type", "application/json"]];
  const bytes = "bytes" in asking ? asking.bytes : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const request = { headers, body: { limit: () => false, read: () => Promise.resolve(bytes) } satisfies RequestBody };
  const config = bodySchema.schema.parse({ schema: asking.schema ?? SCHEMA });
  return bodySchema.decide?.(config, { request } as unknown as Exchange, {} as State);
}

const detailsOf = async (body: unknown, asking?: Asking): Promise<string[]> =>
  ((await decided(body, asking))?.details ?? []).map(({ path, message }) => `${path} ${message}`);

test("a body that fits passes", async () => {
  expect(await decided({ email: "a@b.test", age: 0, tags: [], "a/b~c": { x: 1 } })).toBeUndefined();
});

describe("what does not fit", () => {
  test.each<[what: string, body: unknown, details: string[]]>([
    ["a member that is missing", {}, ["/email must be there"]],
    ["a member that is not known", { email: "a@b.test", nick: 1 }, ["/nick is not known"]],
    ["a value of another type", { email: "a@b.test", age: "7" }, ["/age must be integer"]],
    ["a value of another form", { email: "nobody" }, ['/email must match format "email"']],
    ["inside a list", { email: "a@b.test", tags: ["x", 1] }, ["/tags/1 must be string"]],
    ["a name with a slash and a tilde", { email: "a@b.test", "a/b~c": {} }, ["/a~1b~0c/x must be there"]],
    ["below it", { email: "a@b.test", "a/b~c": { x: 1, "y/z": 2 } }, ["/a~1b~0c/y~1z is not known"]],
    ["another kind of value altogether", [], [" must be object"]],
  ])("%s", async (_, body, details) => {
    expect(await decided(body)).toMatchObject({ status: 400, reason: "body-schema" });
    expect(await detailsOf(body)).toEqual(details);
  });

  test("is all told at once", async () => {
    expect((await detailsOf({ age: -1, tags: [1], nick: 1 })).sort()).toEqual([
      "/age must be >= 0",
      "/email must be there",
      "/nick is not known",
      "/tags/0 must be string",
    ]);
  });

  test("and never with its value", async () => {
    const decision = await decided({ email: "hunter2@nobody", secret: "HUNTER2", age: "hunter2" });
    expect(decision?.details).toHaveLength(3);
    expect(JSON.stringify(decision).toLowerCase()).not.toContain("hunter2");
  });

  test("of which as many are told as leave the answer below 1 KiB", async () => {
    const tags = Array.from({ length: 50 }, (_, i) => i);
    const details = await detailsOf({ email: "a@b.test", tags });
    expect(details.length).toBeGreaterThan(10);
    expect(details.join("").length).toBeLessThan(640);
  });

  test("and one only where the body is large", async () => {
    const body = { email: "a@b.test", secret: "a".repeat(64 * 1024), age: -1, tags: [1, 2] };
    expect(await detailsOf(body)).toHaveLength(1);
  });
});

describe("what is read", () => {
  const good = { email: "a@b.test" };
  const type = (value: string): Asking => ({ headers: [["Content-Type", value]] });

  test.each([
    "application/json",
    "Application/JSON; charset=utf-8",
    "application/problem+json",
    "application/vnd.shop.v1+json",
  ])("%s", async (value) => {
    expect(await decided(good, type(value))).toBeUndefined();
  });

  test.each<[string, Asking]>([
    ["no type", { headers: [] }],
    ["a form", type("application/x-www-form-urlencoded")],
    ["text", type("text/plain")],
    ["a type that only begins alike", type("application/jsonp")],
    ["a type that only ends alike", type("text/json")],
    ["two types", { headers: [...(type("application/json").headers ?? []), ["content-type", "application/json"]] }],
    [
      "a body that says that it is packed",
      {
        headers: [
          ["content-type", "application/json"],
          ["content-encoding", "gzip"],
        ],
      },
    ],
  ])("not %s", async (_, asking) => {
    expect(await detailsOf(good, asking)).toEqual([" must be application/json in UTF-8, not encoded"]);
  });

  test("packed by identity is not packed", async () => {
    const headers: HeaderLine[] = [
      ["content-type", "application/json"],
      ["content-encoding", "Identity"],
    ];
    expect(await decided(good, { headers })).toBeUndefined();
  });

  test.each<[string, string, string]>([
    ["no JSON", "{", " must be JSON"],
    ["nothing", "", " must be JSON"],
    ["a member twice", '{"email":"a@b.test","email":"c@d.test"}', ' "email" stands twice.'],
    ["a trap", '{"email":"a@b.test","__proto__":{}}', ' "__proto__" is no name for a member.'],
  ])("%s is told as such", async (_, text, detail) => {
    expect(await detailsOf(text)).toEqual([detail]);
  });

  test("a body that is larger than its limit is 413", async () => {
    expect(await decided(good, { bytes: undefined })).toMatchObject({ status: 413, reason: "body-too-large" });
  });
});

describe("schemas that are none are refused with the model", () => {
  test.each<[string, object]>([
    ["a keyword that nobody knows", { typo: "object" }],
    ["a type that there is not", { type: "text" }],
    ["a pattern that is none", { type: "string", pattern: "(" }],
    ["a reference that leads nowhere", { $ref: "#/$defs/nothing" }],
    ["a format that nobody knows", { type: "string", format: "iban" }],
  ])("%s", (_, schema) => {
    const { success, error } = bodySchema.schema.safeParse({ schema });
    expect(success).toBe(false);
    expect(error?.issues[0]?.message).toContain("write a JSON Schema (2020-12)");
  });
});

describe("bodyCount", () => {
  const decide = (declared: number): Decision => {
    let max = 0;
    const limit = (bytes: number): boolean => {
      max = bytes;
      return declared > bytes;
    };
    const request = { body: { limit, read: () => Promise.resolve(undefined) } };
    const decision = bodyCount.decide?.({ max: 1024 }, { request } as unknown as Exchange, {} as State) as Decision;
    expect(max).toBe(1024);
    return decision;
  };

  test("sets the limit for whoever reads on, and refuses what is known to be larger", () => {
    expect(decide(0)).toBeUndefined();
    expect(decide(1024)).toBeUndefined();
    expect(decide(1025)).toMatchObject({ status: 413 });
  });
});
