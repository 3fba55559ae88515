import { z } from "zod";
import { ALGORITHM_NAMES } from "../identity/token";
import { readYaml } from "./case";

/** Who calls the systems of some cases, beside these: `identities.yaml`, as docs/case-format.md has it. */

const word = z.string().min(1);

const issuer = z.strictObject({
  iss: word.optional(),
  aud: word.optional(),
  /** Of the key that signs; `HS256` takes the value of the key that `secret` names. */
  alg: z.enum(ALGORITHM_NAMES).default("RS256"),
  /** A second algorithm, for identities that name it. */
  also: z.enum(ALGORITHM_NAMES).optional(),
  secret: word.optional(),
  type: z.strictObject({ claim: word, access: word, refresh: word, id: word }).optional(),
  /** Seconds from `iat` to `exp`. */
  lives: z.int().min(1).default(300),
});

const identity = z.strictObject({
  alg: z.enum(ALGORITHM_NAMES).optional(),
  claims: z.record(z.string(), z.unknown()).default({}),
});

const key = z.strictObject({
  /** Secret of the model that holds it; with an id it is one of several. */
  secret: word.optional(),
  header: word.optional(),
  id: word.optional(),
  value: word,
  configured: z.boolean().optional(),
});

const system = z.strictObject({
  issuer: issuer.prefault({}),
  identities: z.record(z.string(), identity).default({}),
  keys: z.record(z.string(), key).default({}),
  /** For readers: the model has its own table. */
  tenants: z.record(z.string(), z.unknown()).optional(),
});

export type SystemIdentities = z.output<typeof system>;

/** A system that nobody calls by name. */
export const NOBODY: SystemIdentities = system.parse({});

/** The identities of every system in a file. Throws an error that names the file and what is wrong in it. */
export function readIdentities(file: string): Record<string, SystemIdentities> {
  const parsed = z.record(z.string(), system).safeParse(readYaml(file) ?? {});
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
