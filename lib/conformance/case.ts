import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** The case format, as docs/case-format.md has it. Unknown fields are refused: a typo must not pass as a case. */

const statusMatch = z.union([z.int(), z.string().regex(/^[1-5]xx$/)]);
const statuses = z.union([statusMatch, z.array(statusMatch)]);
const matcher = z.union([z.string(), z.strictObject({ sameAs: z.literal("response") })]);
const header = z.union([z.array(z.coerce.string()), z.coerce.string()]);

const body = z.union([
  z.string(),
  z.strictObject({
    json: z.unknown().optional(),
    text: z.string().optional(),
    bytes: z.int().optional(),
    padTo: z.int().optional(),
    type: z.string().optional(),
    chunked: z.boolean().optional(),
    takes: z.number().max(20).optional(),
  }),
]);

/** Who calls where a case does not say (RFC 5737). */
export const CLIENT = "198.51.100.7";

export const request = z.strictObject({
  scheme: z.enum(["https", "http"]).default("https"),
  httpVersion: z.enum(["1.0", "1.1"]).default("1.1"),
  method: z.string().default("GET"),
  host: z.string(),
  path: z.string(),
  token: z.string().optional(),
  apiKey: z.string().optional(),
  headers: z.record(z.string(), header).default({}),
  body: body.optional(),
  client: z.string().default(CLIENT),
  websocket: z.boolean().default(false),
  sign: z
    .strictObject({
      key: z.string(),
      age: z.number().default(0),
      nonce: z.string().optional(),
      over: z
        .strictObject({ method: z.string().optional(), path: z.string().optional(), body: z.string().optional() })
        .default({}),
    })
    .optional(),
});

const pattern = z.string().regex(/^!?\/.*\/[a-z]*$/s, "write a pattern between slashes: /like this/");

const expectedBody = z.strictObject({
  json: z.unknown().optional(),
  text: z.string().optional(),
  bytes: z.int().optional(),
  matches: pattern.optional(),
});

const expectFields = {
  status: statuses.optional(),
  reaches: z.string().optional(),
  upstream: z
    .strictObject({
      method: z.string().optional(),
      path: z.string().optional(),
      headers: z.record(z.string(), matcher).default({}),
      without: z.array(z.string()).default([]),
      body: expectedBody.optional(),
    })
    .optional(),
  headers: z.record(z.string(), matcher).default({}),
  body: expectedBody.optional(),
  hits: z.record(z.string(), z.int()).optional(),
  answeredWithin: z.number().optional(),
  firstBytesWithin: z.number().optional(),
  certificate: z.string().optional(),
  logs: z
    .strictObject({
      contain: z.array(z.string()).default([]),
      matches: z.array(pattern).default([]),
      without: z.array(z.string()).default([]),
    })
    .optional(),
  reason: z.string().optional(),
  statuses: z.record(z.string(), z.int()).optional(),
};
const expectation = z.strictObject({ ...expectFields, last: z.strictObject(expectFields).optional() });

const repetition = {
  times: z.int().min(1).default(1),
  parallel: z.int().min(1).default(1),
  sentWithin: z.number().optional(),
};

const exchangeStep = z.strictObject({ request, expect: expectation, hold: z.int().optional(), ...repetition });
const step = z.union([
  exchangeStep,
  z.strictObject({ wait: z.number() }),
  z.strictObject({ revoke: z.string() }),
  z.strictObject({ release: z.int() }),
]);

const behaviourItem = z.union([
  z.int(),
  z.strictObject({
    status: z.int().default(200),
    headers: z.record(z.string(), z.coerce.string()).default({}),
    body: body.optional(),
    delay: z.number().default(0),
    reset: z.boolean().default(false),
    times: z.int().default(1),
  }),
]);
export const behaviour = z.strictObject({
  down: z.boolean().default(false),
  respond: z.array(behaviourItem).optional(),
});

const testCase = z.strictObject({
  name: z.string(),
  request: request.optional(),
  expect: expectation.optional(),
  steps: z.array(step).min(1).optional(),
  ...repetition,
  upstreams: z.record(z.string(), behaviour).default({}),
  environment: z.string().default("production"),
  replicas: z.int().min(1).default(1),
  away: z.array(z.literal("redis")).default([]),
});

export type BodySpec = z.output<typeof body>;
export type RequestSpec = z.output<typeof request>;
export type Expectation = z.output<z.ZodObject<typeof expectFields>>;
export type ExchangeStep = z.output<typeof exchangeStep>;
export type Step = z.output<typeof step>;
export type Behaviour = z.output<typeof behaviour>;
export type Case = Omit<z.output<typeof testCase>, "request" | "expect" | "steps"> & {
  system: string;
  /** The file that it stands in: the kind of promise that it proves. */
  subject: string;
  steps: Step[];
};

const file = z.strictObject({ system: z.union([z.string(), z.array(z.string())]), cases: z.array(testCase) });

/** Stands beside the cases: who calls. */
export const IDENTITIES = "identities.yaml";

/** What a YAML file says. Throws an error that names the file. */
export function readYaml(name: string): unknown {
  try {
    return parse(readFileSync(name, "utf8"), { version: "1.2", maxAliasCount: -1 });
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message.split("\n")[0] ?? ""}`, { cause: error });
  }
}

/** Reads every case file below a folder; a fault names its file. */
export function readCases(folder: string): Case[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && entry.name !== IDENTITIES)
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .flatMap((name) => {
      const parsed = file.safeParse(readYaml(name));
      if (!parsed.success) throw new Error(`${name}: ${z.prettifyError(parsed.error)}`);
      const { system, cases } = parsed.data;
      const twice = cases.find((c, i) => cases.findIndex((other) => other.name === c.name) < i);
      if (twice) throw new Error(`${name}: two cases are named "${twice.name}".`);
      return [system].flat().flatMap((of) =>
        cases.map((c): Case => {
          const { request: one, expect: expected, steps, ...rest } = c;
          const { times, parallel, sentWithin } = c;
          const single = one && expected ? [{ request: one, expect: expected, times, parallel, sentWithin }] : [];
          if (single.length > 0 === (steps !== undefined) || (steps && (one ?? expected ?? times > 1))) {
            throw new Error(`${name}: "${c.name}" needs either request and expect, or steps.`);
          }
          return { ...rest, system: of, subject: path.parse(name).name, steps: steps ?? single };
        }),
      );
    });
}
