import type { ErrorObject, ValidateFunction } from "ajv";
import type * as Ajv from "ajv/dist/2020";
import type * as AjvFormats from "ajv-formats";
import { z } from "zod";
import { policyKind, TOO_LARGE, type Refusal } from "../kind";
import { plainMediaType } from "../media-type";
import { exactKeywords, exactNumbers, type Inexact, type NumbersRead } from "../../content/exact-decimals";
import { missingBounds } from "../../content/schema-bounds";
import { AmbiguousJson, parseStrictJson } from "../../content/strict-json";
import { judgedBody } from "../values";

/** What is asked of the body of a request. */

/** Envoy counts in 32 bits. */
const MOST_32_BITS = 2 ** 32 - 1;

/** The largest body, counted as it comes: a chunked one declares nothing. The model makes it from `bodySize`. */
export const bodyCount = policyKind({
  kind: "bodyCount",
  schema: z.strictObject({ max: z.int() }),
  phase: "body",
  sees: "body",
  perHost: false,
  requires: ({ max }) => (max > MOST_32_BITS ? ["BodySizeCounted", "BodySizeAbove4GiB"] : ["BodySizeCounted"]),
  decide: (config, { request }) => (request.body?.limit(config.max) ? TOO_LARGE : undefined),
});

/** All faults are listed in bodies up to this size; in a larger one the first is. */
const LIST_ALL_BELOW = 64 * 1024;
/** As JSON: what the gateway says itself stays below the size from which a proxy compresses. */
const MOST_DETAIL_BYTES = 640;

type Schema = Record<string, unknown>;
type Validators = Record<"first" | "all", ValidateFunction>;

/** Dear to load, and for who has a schema alone. */
const validation = (): { ajv: typeof Ajv; formats: typeof AjvFormats } => ({
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  ajv: require("ajv/dist/2020") as typeof Ajv,
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  formats: require("ajv-formats") as typeof AjvFormats,
});

/** As RFC 9562 section 4 writes it: no URN, as JSON Schema means by `uuid` (Validation 7.3.5). */
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** `strictTypes` is for whoever writes a schema: what is added to it has no type beside it. */
function compiler(allErrors: boolean, strictTypes: boolean): (schema: Schema) => ValidateFunction {
  const { ajv: library, formats } = validation();
  const ajv = new library.Ajv2020({
    allErrors,
    strict: true,
    strictTypes,
    allowUnionTypes: true,
    messages: true,
    passContext: true,
  });
  formats.default(ajv);
  exactKeywords(ajv);
  ajv.addFormat("uuid", UUID);
  return (schema) => {
    const exact = strictTypes ? schema : exactNumbers(schema);
    try {
      return ajv.compile(exact);
    } finally {
      // Another model may have another schema of the same id.
      ajv.removeSchema(exact);
    }
  };
}

/** One of each: the schema of schemas is dear to compile. */
let compilers: Record<"first" | "all", ReturnType<typeof compiler>> | undefined;
/** As strict as whoever writes a schema wants it; for models alone. */
let strictly: ReturnType<typeof compiler> | undefined;

function compile(schema: Schema): Validators {
  compilers ??= { first: compiler(false, false), all: compiler(true, false) };
  return { first: compilers.first(schema), all: compilers.all(schema) };
}

const compiled = new WeakMap<Schema, Validators>();

function validatorsOf(schema: Schema): Validators {
  let validators = compiled.get(schema);
  if (!validators) {
    validators = compile(schema);
    compiled.set(schema, validators);
  }
  return validators;
}

const jsonSchema = z.record(z.string(), z.unknown()).superRefine((schema, context) => {
  try {
    (strictly ??= compiler(false, true))(schema);
    validatorsOf(schema);
  } catch (error) {
    context.addIssue({ code: "custom", message: `write a JSON Schema (2020-12): ${(error as Error).message}` });
    return;
  }
  for (const message of missingBounds(schema)) context.addIssue({ code: "custom", message });
});

const names = new WeakMap<Schema, ReadonlySet<string>>();

/** The members that a schema speaks of, wherever: a service that passes over case would take another spelling for one. */
function namesIn(schema: Schema): ReadonlySet<string> {
  let found = names.get(schema);
  if (!found) {
    const collected = new Set<string>();
    const collect = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      for (const [keyword, item] of Object.entries(value)) {
        if (keyword === "properties") for (const name of Object.keys(item as object)) collected.add(name);
        collect(item);
      }
    };
    collect(schema);
    found = collected;
    names.set(schema, found);
  }
  return found;
}

const escapePointer = (name: string): string => name.replace(/~/g, "~0").replace(/\//g, "~1");

/** Where and what, without the value: it may be secret. */
function detailOf({ instancePath, keyword, params, message }: ErrorObject): { path: string; message: string } {
  const named = params as { missingProperty?: string; additionalProperty?: string };
  const member = named.missingProperty ?? named.additionalProperty;
  const path = member === undefined ? instancePath : `${instancePath}/${escapePointer(member)}`;
  if (keyword === "required") return { path, message: "must be there" };
  if (keyword === "additionalProperties" || keyword === "unevaluatedProperties")
    return { path, message: "is not known" };
  return { path, message: message ?? "is not as it must be" };
}

function refusal(...found: { path: string; message: string }[]): Refusal {
  let bytes = 0;
  const fits = (detail: object): boolean => (bytes += Buffer.byteLength(JSON.stringify(detail))) <= MOST_DETAIL_BYTES;
  const details = found.filter(fits);
  return { status: 400, reason: "body-schema", message: "The body is not as it must be.", details };
}

/** A JSON body that fits its schema (JSON Schema 2020-12); another is refused with the reasons. */
export const bodySchema = policyKind({
  kind: "bodySchema",
  schema: z.strictObject({ schema: jsonSchema, maxBody: judgedBody }),
  phase: "body",
  sees: "body",
  perHost: false,
  warm: () => void validation(),
  requires: () => ["BodySchema"],
  async decide(config, { request }) {
    const bytes = await request.body?.read(config.maxBody);
    if (!bytes) return TOO_LARGE;
    if (!/^application\/([\w.-]+\+)?json$/.test(plainMediaType(request) ?? "")) {
      return refusal({ path: "", message: "must be application/json in UTF-8, not encoded" });
    }
    let value: unknown;
    const inexact: Inexact = new Map();
    try {
      value = parseStrictJson(bytes, { knownNames: namesIn(config.schema), inexact });
    } catch (error) {
      const message = error instanceof AmbiguousJson ? error.message : "must be JSON";
      return refusal({ path: "", message });
    }
    const { first, all } = validatorsOf(config.schema);
    const read: NumbersRead = { inexact };
    const fits = first.call(read, value);
    if (read.isAmbiguous) return refusal({ path: "", message: "A number has more digits than every reader keeps." });
    if (fits) return undefined;
    const validator = bytes.length <= LIST_ALL_BELOW && !all.call(read, value) ? all : first;
    return refusal(...(validator.errors ?? []).map(detailOf));
  },
});
