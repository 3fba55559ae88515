import { isMap, LineCounter, parseDocument, type Document } from "yaml";
import type { SourcePosition } from "../diagnostics";
import { named, type Imported, type ImportedRoute } from "./imported";
import type { Note } from "./notes";
import { isObject, NotTaken, SchemaImport, type Json } from "./openapi-schema";
import { SecurityImport, type Where } from "./openapi-security";
import { nameOf } from "./services";

/**
 * A description of an interface by OpenAPI 3.0 or 3.1 (https://spec.openapis.org/oas/): paths and methods as routes, security as
 * who may call, bodies as schemas.
 */

export interface OpenApiOptions {
  /** In place of what `servers` say. */
  host?: string;
  /** Where the service is: HOST:PORT. */
  service: string;
  /** Who signs the tokens, where the file does not say. */
  issuer?: string;
}

const METHODS = ["get", "head", "post", "put", "patch", "delete", "options"] as const;
const WITHOUT_BODY: ReadonlySet<string> = new Set(["get", "head", "delete", "options"]);
const SERVICE = "api";

/** Where somebody tries a service out is no public name. */
const LOCAL = /^(?:localhost|relative\.invalid|[\d.]+|\[.*\])$/;
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;.*)?$/i;
const WHOLE_SEGMENT = /^\{[^{}]+\}$/;

/** A file of OpenAPI; nothing where it is none. */
export function openApiIn(file: string, text: string): OpenApi | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: "1.2" });
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined;
  const version = document.get("openapi") ?? document.get("swagger");
  return version === undefined
    ? undefined
    : new OpenApi(file, document, lines, typeof version === "string" ? version : JSON.stringify(version));
}

/** Operations of one path that ask for the same. */
interface Alike {
  methods: string[];
  names: string[];
  route: Pick<ImportedRoute, "policies" | "respond" | "service">;
  line: number | undefined;
}

export class OpenApi {
  readonly #root: Json;
  readonly #notes: Note[] = [];

  constructor(
    private readonly file: string,
    private readonly document: Document,
    private readonly lines: LineCounter,
    readonly version: string,
  ) {
    this.#root = document.toJS() as Json;
  }

  get isRead(): boolean {
    return /^3\.[01]\./.test(this.version);
  }

  /** Hosts, routes, and all that they need. */
  read({ host, service, issuer }: OpenApiOptions): Imported {
    const { hosts, base } = this.#servers(host);
    const components = this.#resolved(this.#root["components"]) ?? {};
    const schemes = this.#resolved(components["securitySchemes"]) ?? {};
    const security = new SecurityImport((name) => this.#resolved(schemes[name]), issuer, this.#note);
    const paths = this.#resolved(this.#root["paths"]) ?? {};
    const routes = Object.entries(paths)
      .filter(([path]) => path.startsWith("/"))
      .flatMap(([path, item]) => this.#path(base, path, this.#resolved(item) ?? {}, security))
      .map((route) => ({ ...route, hosts }));
    return {
      hosts: new Map(hosts.map((name) => [name, {}])),
      services: new Map([[SERVICE, { address: service }]]),
      routes: named(routes),
      notes: this.#notes,
      ...security.parts,
    };
  }

  #source(path: Where): SourcePosition {
    for (let length = path.length; length > 0; length--) {
      const node = this.document.getIn(path.slice(0, length), true) as { range?: [number] } | undefined;
      if (node?.range) return { file: this.file, line: this.lines.linePos(node.range[0]).line };
    }
    return { file: this.file };
  }

  readonly #note = (level: Note["level"], name: string, path: Where, what: string): void => {
    const at = (path.at(-1) === name ? path : [...path, name]).join(" ");
    this.#notes.push({ level, name, at, what, source: this.#source(path) });
  };

  /** What stands there, or where that says. */
  #resolved(value: unknown): Json | undefined {
    if (!isObject(value)) return undefined;
    const { $ref } = value;
    if (typeof $ref !== "string") return value;
    if (!$ref.startsWith("#/")) return undefined;
    const steps = $ref.slice(2).split("/");
    const found = steps.reduce<unknown>(
      (at, step) => (isObject(at) ? at[decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~")] : undefined),
      this.#root,
    );
    return isObject(found) ? found : undefined;
  }

  /** Public names, with the path that stands before all others. */
  #servers(wanted: string | undefined): { hosts: string[]; base: string } {
    const servers = Array.isArray(this.#root["servers"]) ? (this.#root["servers"] as unknown[]) : [];
    const found: { host: string | undefined; base: string }[] = [];
    for (const [i, server] of servers.entries()) {
      const url = isObject(server) ? String(server["url"]) : "";
      if (url.includes("{")) {
        if (wanted === undefined)
          this.#note("lost", "servers", ["servers", i], `"${url}" has variables: name the host by --host`);
        continue;
      }
      const { hostname, pathname } = new URL(url, "http://relative.invalid");
      found.push({ host: LOCAL.test(hostname) ? undefined : hostname, base: pathname.replace(/\/+$/, "") });
    }
    const base = found[0]?.base ?? "";
    if (found.some((one) => one.base !== base)) {
      const what = `the servers have different paths: all routes would stand below "${base || "/"}"`;
      this.#note("lost", "servers", ["servers"], what);
    }
    return { hosts: wanted === undefined ? [...new Set(found.flatMap(({ host }) => host ?? []))] : [wanted], base };
  }

  #path(base: string, path: string, item: Json, security: SecurityImport): Omit<ImportedRoute, "hosts">[] {
    const at = ["paths", path];
    const whole = `${base}${path}`;
    const segments = whole.split("/");
    if (segments.some((part) => part.includes("{") && !WHOLE_SEGMENT.test(part))) {
      this.#note("lost", "path", at, `"${path}" has a variable that is no whole segment`);
      return [];
    }
    if (item["trace"] !== undefined) this.#note("lost", "trace", [...at, "trace"], "TRACE is answered 405");
    // Names of variables may be any text there, and say nothing here.
    const form = segments
      .map((part, i) => (WHOLE_SEGMENT.test(part) && !/^\{[A-Za-z]\w*\}$/.test(part) ? `{v${String(i)}}` : part))
      .join("/");
    const alike = new Map<string, Alike>();
    for (const method of METHODS) {
      const operation = this.#resolved(item[method]);
      if (!operation) continue;
      const where = [...at, method];
      for (const servers of [item, operation])
        if (servers["servers"] !== undefined) this.#note("lost", "servers", where, "servers of one path are not read");
      const { policies: asked, isClosed } = security.access(operation["security"] ?? this.#root["security"], where);
      const schema = this.#body(operation["requestBody"], method, [...where, "requestBody"]);
      const policies = { ...asked, ...(schema && { bodySchema: { schema } }) };
      const own = Object.keys(policies).length > 0 ? { service: SERVICE, policies } : { service: SERVICE };
      const route = isClosed ? { respond: { status: 503 } } : own;
      const key = JSON.stringify(route);
      const entry: Alike = alike.get(key) ?? { methods: [], names: [], route, line: this.#source(where).line };
      entry.methods.push(method.toUpperCase());
      const { operationId } = operation;
      entry.names.push(
        typeof operationId === "string" ? operationId.replace(/([a-z\d])([A-Z])/g, "$1-$2") : `${method} ${path}`,
      );
      alike.set(key, entry);
    }
    return [...alike.values()].map(({ methods, names, route, line }) => ({
      name: nameOf((names.length === 1 ? (names[0] ?? "") : `on ${path}`).replace(/[^A-Za-z\d]+/g, "-")),
      match: { ...(form.includes("{") ? { template: [form] } : { exact: [form] }), methods },
      ...route,
      comment: `${methods.join(", ")} ${path} (${this.file}:${String(line ?? 1)})`,
    }));
  }

  /** What is asked of a body: of one that may be JSON alone. */
  #body(body: unknown, method: string, at: Where): Json | undefined {
    const found = this.#resolved(body);
    const content = found && this.#resolved(found["content"]);
    if (!found || !content) return undefined;
    const lost = (what: string): Json | undefined => {
      this.#note("lost", "requestBody", at, what);
      return undefined;
    };
    if (WITHOUT_BODY.has(method)) return lost(`a body of ${method.toUpperCase()} is not judged`);
    const [only, ...more] = Object.entries(content);
    if (!only) return undefined;
    const types = Object.keys(content).join(", ");
    if (more.length > 0 || !JSON_TYPE.test(only[0]))
      return lost(`bodies of ${types} are not judged: those that are JSON alone are`);
    const schema = isObject(only[1]) ? only[1]["schema"] : undefined;
    if (schema === undefined) return undefined;
    const schemas = new SchemaImport(this.#root, this.version.startsWith("3.0."));
    try {
      const made = schemas.of(schema);
      if (found["required"] !== true)
        this.#note("changed", "requestBody", at, "it need not be there, and must be here: all of the route are judged");
      for (const change of schemas.changes) this.#note("changed", "requestBody", at, change);
      return made;
    } catch (error) {
      if (!(error instanceof NotTaken)) throw error;
      return lost(error.message);
    }
  }
}
