import { faultsAt } from "../content/schema-bounds";

/** Schemas of OpenAPI as the JSON Schemas (2020-12) that `bodySchema` takes. */

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is asked of a body, and how it stands in the schema. What is not listed says nothing of it, or is not taken. */
const TAKEN = new Set([
  ...["type", "enum", "const", "required", "minProperties", "maxProperties", "dependentRequired"],
  ...["minLength", "maxLength", "pattern", "format", "contentEncoding", "contentMediaType"],
  ...["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
  ...["minItems", "maxItems", "uniqueItems", "minContains", "maxContains"],
]);
const ONE_SCHEMA = [
  "additionalProperties",
  "propertyNames",
  "items",
  "contains",
  "not",
  "if",
  "then",
  "else",
  "unevaluatedProperties",
  "unevaluatedItems",
];
/** Below these, what passes less may make the whole pass more. */
const TURNING = new Set(["not", "if", "oneOf"]);
const SCHEMA_LISTS = ["allOf", "anyOf", "oneOf", "prefixItems"];
const SCHEMA_MAPS = ["properties", "patternProperties", "dependentSchemas"];
/** Words about a schema, and what is said of answers. */
const SILENT = new Set([
  ...[
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "nullable",
    "$comment",
  ],
  ...["xml", "externalDocs", "discriminator", "$ref", "$defs", "definitions", "$schema", "$id", "$anchor"],
]);

/** Formats that are judged, and of which texts: others say what is meant. */
const FORMATS = new Set([
  ...[
    "date",
    "time",
    "date-time",
    "duration",
    "uri",
    "uri-reference",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
    "regex",
  ],
  ...["json-pointer", "byte", "int32", "int64", "float", "double"],
]);

const OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  object: [
    "properties",
    "required",
    "additionalProperties",
    "minProperties",
    "maxProperties",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
  ],
  array: ["items", "minItems", "maxItems", "uniqueItems", "prefixItems", "contains", "unevaluatedItems"],
  string: ["minLength", "maxLength", "pattern"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
};

/** Longest text that a pattern or format is asked about, and the longest list without equals, where a schema says none. */
const TEXT = 10_000;
const ITEMS = 500;

export class NotTaken extends Error {}

/** The steps of a reference within its document (RFC 6901). */
const stepsOf = (ref: string): string[] =>
  ref
    .slice(2)
    .split("/")
    .map((step) => decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~"));

/** What a reference is to; nothing where it is not in the document. */
export const pointedAt = (document: Json, ref: string): unknown =>
  ref.startsWith("#/")
    ? stepsOf(ref).reduce<unknown>((at, step) => (isObject(at) ? at[step] : undefined), document)
    : undefined;

/** One schema, with all that it refers to. */
export class SchemaImport {
  readonly #defs = new Map<string, Json>();
  readonly #names = new Map<string, string>();
  /** What is judged otherwise than it is written. */
  readonly changes = new Set<string>();

  constructor(
    private readonly document: Json,
    /** OpenAPI 3.0, whose schemas are of no draft. */
    private readonly old: boolean,
  ) {}

  /** Throws {@link NotTaken}. */
  of(schema: unknown): Json {
    const own = this.#convert(schema);
    if (this.#defs.size === 0) return own;
    const { $ref } = own as { $ref?: string };
    const $defs = Object.fromEntries(this.#defs);
    const name = $ref?.slice("#/$defs/".length) ?? "";
    // Referred to once, it is the schema itself.
    const isOnly = Object.keys(own).length === 1 && $defs[name] && !JSON.stringify($defs).includes(`"${$ref ?? ""}"`);
    if (!isOnly) return { ...own, $defs };
    const { [name]: whole, ...others } = $defs;
    return Object.keys(others).length > 0 ? { ...whole, $defs: others } : { ...whole };
  }

  #at(ref: string): Json {
    if (!ref.startsWith("#/")) throw new NotTaken(`"${ref}" is in another file: put it into this one first`);
    const found = pointedAt(this.document, ref);
    if (!isObject(found)) throw new NotTaken(`"${ref}" is not there`);
    return found;
  }

  #reference(ref: string): Json {
    const known = this.#names.get(ref);
    if (known !== undefined) return { $ref: `#/$defs/${known}` };
    const found = this.#at(ref);
    const wanted = (stepsOf(ref).at(-1) ?? "schema").replace(/[^\w.-]/g, "_");
    const name =
      this.#defs.has(wanted) || [...this.#names.values()].includes(wanted)
        ? `${wanted}_${String(this.#names.size)}`
        : wanted;
    this.#names.set(ref, name);
    this.#defs.set(name, this.#convert(found));
    return { $ref: `#/$defs/${name}` };
  }

  /** `turned`: where more passes it, less passes the whole, so that no bound may be added. */
  #convert(schema: unknown, turned = false): Json {
    if (schema === true) return {};
    if (schema === false) return { not: {} };
    if (!isObject(schema)) throw new NotTaken("a schema is no object");
    const { $ref } = schema;
    const siblings = Object.keys(schema).some((key) => !SILENT.has(key) && !key.startsWith("x-"));
    if (typeof $ref === "string" && (this.old || !siblings)) return this.#reference($ref);
    const made: Record<string, unknown> = typeof $ref === "string" ? { ...this.#reference($ref) } : {};
    for (const [key, value] of Object.entries(schema)) {
      if (TAKEN.has(key)) made[key] = value;
      else if (ONE_SCHEMA.includes(key))
        made[key] = typeof value === "boolean" ? value : this.#convert(value, turned || TURNING.has(key));
      else if (SCHEMA_LISTS.includes(key) && Array.isArray(value))
        made[key] = value.map((one: unknown) => this.#convert(one, turned || TURNING.has(key)));
      else if (SCHEMA_MAPS.includes(key) && isObject(value))
        made[key] = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.#convert(one, turned)]));
      else if (!SILENT.has(key) && !key.startsWith("x-")) throw new NotTaken(`"${key}" is not read`);
    }
    this.#ofRequests(schema, made);
    if (this.old) this.#ofOldVersion(schema, made);
    this.#typed(made);
    const before = JSON.stringify(made);
    this.#bounded(made);
    if (turned && JSON.stringify(made) !== before)
      throw new NotTaken("a pattern, a format or a list without equals has no bound where something is excluded");
    return made;
  }

  /** What only answers have is not asked of requests (OpenAPI 3.0, Schema Object, `readOnly`). */
  #ofRequests({ properties }: Json, made: Record<string, unknown>): void {
    if (!isObject(properties) || !Array.isArray(made["required"])) return;
    const needed = (made["required"] as string[]).filter((name) => {
      const property = properties[name];
      const own = isObject(property) && typeof property["$ref"] === "string" ? this.#at(property["$ref"]) : property;
      return !(isObject(own) && own["readOnly"] === true);
    });
    if (needed.length > 0) made["required"] = needed;
    else delete made["required"];
  }

  #ofOldVersion(schema: Json, made: Record<string, unknown>): void {
    const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, ...others } = made;
    for (const excludes of [exclusiveMinimum, exclusiveMaximum])
      if (!["boolean", "undefined"].includes(typeof excludes))
        throw new NotTaken("an exclusive bound is a number in 3.1, and true or false in 3.0");
    const bound = (name: string, limit: unknown, excludes: unknown): [string, unknown][] =>
      limit === undefined ? [] : [[excludes === true ? `exclusive${name}` : name.toLowerCase(), limit]];
    const bounds = [...bound("Minimum", minimum, exclusiveMinimum), ...bound("Maximum", maximum, exclusiveMaximum)];
    for (const name of Object.keys(made)) Reflect.deleteProperty(made, name);
    Object.assign(made, others, Object.fromEntries(bounds));
    if (schema["nullable"] !== true || typeof made["type"] !== "string") return;
    made["type"] = [made["type"], "null"];
    const values = made["enum"];
    if (Array.isArray(values) && !values.includes(null)) made["enum"] = [...(values as unknown[]), null];
  }

  /** Strictly read, a word about texts says that it is of texts. */
  #typed(made: Record<string, unknown>): void {
    const { required } = made;
    // Strictly read, what must be there is spoken of beside.
    if (Array.isArray(required)) {
      const known = isObject(made["properties"]) ? made["properties"] : {};
      const more = required.filter((name): name is string => typeof name === "string" && !(name in known));
      if (more.length > 0) made["properties"] = { ...known, ...Object.fromEntries(more.map((name) => [name, true])) };
    }
    if (made["type"] !== undefined || made["$ref"] !== undefined) return;
    const types = Object.entries(OF_TYPE).filter(([, words]) => words.some((word) => word in made));
    const [first, ...more] = types.map(([type]) => type);
    if (first === undefined) return;
    if (more.length > 0) throw new NotTaken("a schema speaks of several types and names none");
    made["type"] = first;
    this.changes.add(
      `a schema without a type that speaks of ${first === "object" ? "members" : first === "array" ? "items" : `a ${first}`} takes nothing else`,
    );
  }

  #bounded(made: Record<string, unknown>): void {
    const { format } = made;
    if (typeof format === "string" && !FORMATS.has(format)) delete made["format"];
    const faults = faultsAt(made, "");
    const slow = faults.find((fault) => fault.includes("locks the process"));
    if (slow !== undefined) throw new NotTaken(slow.slice(1));
    if (faults.some((fault) => /^\/(?:pattern|format):/.test(fault))) {
      made["maxLength"] = Math.min(TEXT, Number(made["maxLength"] ?? TEXT));
      this.changes.add(`texts with a pattern or a format have ${String(TEXT)} characters at most`);
    }
    if (made["uniqueItems"] === true && !(Number(made["maxItems"] ?? Infinity) <= ITEMS)) {
      made["maxItems"] = ITEMS;
      this.changes.add(`lists without equals have ${String(ITEMS)} items at most`);
    }
    if (isObject(made["patternProperties"]) && made["propertyNames"] === undefined)
      made["propertyNames"] = { type: "string", maxLength: TEXT };
  }
}
