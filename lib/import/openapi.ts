import { isMap, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import type { SourcePosition } from "../diagnostics";
import { named, type Imported, type ImportedRoute } from "./imported";
import { bodySchema } from "../policy/kinds/body";
import type { Note } from "./notes";
import { isObject, NotTaken, pointedAt, SchemaImport, type Json } from "./openapi-schema";
import { SecurityImport, type Where } from "./openapi-security";
import { isPlainPath } from "./paths";
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
/** References that lead to references. */
const MOST_HOPS = 20;

/** Where somebody tries a service out is no public name. */
const LOCAL = /^(?:localhost|relative\.invalid|[\d.]+|\[.*\])$/;
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;.*)?$/i;
const WHOLE_SEGMENT = /^\{[^{}]+\}$/;

/** A file of OpenAPI; nothing where it is none. */
export function openApiIn(file: string, text: string): OpenApi | undefined {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: "1.2", merge: true });
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined;
  const version = document.get("openapi") ?? document.get("swagger");
  return version === undefined
    ? undefined
    : new OpenApi(file, document, lines, typeof version === "string" ? version : JSON.stringify(version));
}

/** A path that lets nobody in takes its requests from those that are written with it, and were told apart by less. */
function withoutClosed(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const form = ({ template = [], exact = [] }: ImportedRoute["match"]): string =>
    [...template, ...exact].join(" ").replace(/\{[^}]*\}/g, "{}");
  const closed = new Set(
    routes
      .filter(({ respond }) => respond)
      .flatMap(({ match }) => (match.methods ?? []).map((method) => `${method} ${form(match)}`)),
  );
  return routes.flatMap((route) => {
    const { match } = route;
    const methods = (match.methods ?? []).filter(
      (method) => route.respond !== undefined || !closed.has(`${method} ${form(match)}`),
    );
    return methods.length > 0 ? [{ ...route, match: { ...match, methods } }] : [];
  });
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
    this.#root = document.toJS({ maxAliasCount: 10_000 }) as Json;
  }

  get isRead(): boolean {
    return /^3\.[01](?:\.|$)/.test(this.version);
  }

  /** Hosts, routes, and all that they need. */
  read({ host, service, issuer }: OpenApiOptions): Imported {
    const { hosts, base } = this.#servers(host);
    const components = this.#resolved(this.#root["components"]) ?? {};
    const schemes = this.#resolved(components["securitySchemes"]) ?? {};
    const security = new SecurityImport((name) => this.#resolved(schemes[name]), issuer, this.#note);
    const paths = this.#resolved(this.#root["paths"]) ?? {};
    const routes = Object.entries(paths)
      .filter(([path]) => !path.startsWith("x-"))
      .flatMap(([path, item]) => this.#path(base, path, item, security))
      .map((route) => ({ ...route, hosts }));
    const open = withoutClosed(routes);
    return {
      hosts: new Map(hosts.map((name) => [name, {}])),
      services: new Map([[SERVICE, { address: service }]]),
      routes: named(open),
      notes: this.#notes,
      ...security.parts,
    };
  }

  #source(path: Where): SourcePosition {
    for (let length = path.length; length > 0; length--) {
      const parent = this.document.getIn(path.slice(0, length - 1), true);
      const last = path[length - 1];
      const key = isMap(parent) ? parent.items.find((i) => isScalar(i.key) && i.key.value === last)?.key : undefined;
      const node = (key ?? this.document.getIn(path.slice(0, length), true)) as { range?: [number] } | undefined;
      if (node?.range) return { file: this.file, line: this.lines.linePos(node.range[0]).line };
    }
    return { file: this.file };
  }

  readonly #note = (level: Note["level"], name: string, path: Where, what: string): void => {
    const at = (path.at(-1) === name ? path : [...path, name]).join(" ");
    this.#notes.push({ level, name, at, what, source: this.#source(path) });
  };

  /** What stands there, or where that says; nothing where that is not to be had. */
  #resolved(value: unknown): Json | undefined {
    let found = value;
    for (let hops = 0; hops < MOST_HOPS && isObject(found); hops++) {
      const { $ref } = found;
      if (typeof $ref !== "string") return found;
      found = pointedAt(this.#root, $ref);
    }
    return undefined;
  }

  /** Public names, with the path that stands before all others. */
  #servers(wanted: string | undefined): { hosts: string[]; base: string } {
    const servers = Array.isArray(this.#root["servers"]) ? (this.#root["servers"] as unknown[]) : [];
    const found: { host: string | undefined; base: string }[] = [];
    for (const [i, server] of servers.entries()) {
      const text = isObject(server) && typeof server["url"] === "string" ? server["url"] : "";
      const variables = isObject(server) ? this.#resolved(server["variables"]) : undefined;
      const url = text.replace(/\{([^}]*)\}/g, (whole, name: string) => {
        const variable = variables?.[name];
        return isObject(variable) && typeof variable["default"] === "string" ? variable["default"] : whole;
      });
      if (/[{}]/.test(url) || !URL.canParse(url, "http://relative.invalid")) {
        this.#note("lost", "servers", ["servers", i], `"${text}" is no address`);
        continue;
      }
      if (url !== text && wanted === undefined)
        this.#note("lost", "servers", ["servers", i], `"${text}" has variables: name the host by --host`);
      const { hostname, pathname } = new URL(url, "http://relative.invalid");
      found.push({ host: LOCAL.test(hostname) ? undefined : hostname, base: pathname.replace(/\/+$/, "") });
    }
    // Where somebody tries it out says nothing of the others.
    const published = found.filter(({ host }) => host !== undefined);
    const told = published.length > 0 ? published : found;
    const base = told[0]?.base ?? "";
    if (told.some((one) => one.base !== base)) {
      const what = `the servers have different paths: all routes would stand below "${base || "/"}"`;
      this.#note("lost", "servers", ["servers"], what);
    }
    return { hosts: wanted === undefined ? [...new Set(found.flatMap(({ host }) => host ?? []))] : [wanted], base };
  }

  #path(base: string, path: string, described: unknown, security: SecurityImport): Omit<ImportedRoute, "hosts">[] {
    const at = ["paths", path];
    const whole = `${base}${path}`;
    const segments = whole.split("/");
    const item = this.#resolved(described);
    const partial = segments.some((part) => part.includes("{") && !WHOLE_SEGMENT.test(part));
    const plain = segments.map((part) => (part.includes("{") ? "x" : part)).join("/");
    const why = !item
      ? "what it refers to is not in this file"
      : partial
        ? "it has a variable that is no whole segment"
        : !path.startsWith("/") || !isPlainPath(plain)
          ? "it is no path that every proxy reads alike"
          : undefined;
    if (why !== undefined) this.#note("lost", "path", at, `"${path}": ${why}`);
    if (!item || (why !== undefined && !partial)) return [];
    if (item["trace"] !== undefined) this.#note("lost", "trace", [...at, "trace"], "TRACE is answered 405");
    // Names of variables may be any text there, and say nothing here.
    const form = segments
      .map((part, i) =>
        part.includes("{") && (!/^\{[A-Za-z]\w*\}$/.test(part) || segments.indexOf(part) < i)
          ? `{v${String(i)}}`
          : part,
      )
      .join("/");
    const alike = new Map<string, Alike>();
    for (const method of METHODS) {
      const operation = this.#resolved(item[method]);
      if (!operation) continue;
      const where = [...at, method];
      for (const servers of [item, operation])
        if (servers["servers"] !== undefined) this.#note("lost", "servers", where, "servers of one path are not read");
      const { policies: asked, ...access } = security.access(operation["security"] ?? this.#root["security"], where);
      // What is wider than it was lets nobody in.
      const isClosed = access.isClosed || partial;
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
    const lost = (what: string): Json | undefined => {
      this.#note("lost", "requestBody", at, what);
      return undefined;
    };
    if (body === undefined) return undefined;
    const found = this.#resolved(body);
    if (!found) return lost("what it refers to is not in this file");
    const content = this.#resolved(found["content"]);
    if (!content) return undefined;
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
      const judged = bodySchema.schema.safeParse({ schema: made });
      return judged.success ? made : lost(judged.error.issues[0]?.message ?? "its schema cannot be judged");
    } catch (error) {
      if (!(error instanceof NotTaken)) throw error;
      return lost(error.message);
    }
  }
}
