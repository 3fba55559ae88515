import type * as GraphQL from "graphql";
import type { DocumentNode, SelectionSetNode } from "graphql";
import { z } from "zod";
import { policyKind, TOO_LARGE, type Decision, type GatewayRequest } from "../kind";
import { plainMediaType } from "../media-type";
import { namesOf } from "../../content/spellings";
import { foldCase, parseStrictJson } from "../../content/strict-json";
import { judgedBody } from "../values";
import { asksForWebSocket } from "./web-socket";

const schema = z.strictObject({
  maxDepth: z.int().min(1).max(100).default(10),
  maxAliases: z.int().min(0).max(1_000).default(15),
  /** Queries in one request. */
  maxBatch: z.int().min(1).max(100).default(1),
  /** Words of one query: what a parser would have to read. */
  maxTokens: z.int().min(10).max(100_000).default(2_000),
  introspection: z.boolean().default(false),
  maxBody: judgedBody,
});

type Limits = z.output<typeof schema>;

const refuse = (reason: string, message: string): Decision => ({ status: 400, reason: `graphql-${reason}`, message });

/** Members of a request (GraphQL over HTTP, section 5.3). */
const MEMBERS: ReadonlySet<string> = new Set(["query", "variables", "operationName", "extensions"]);
const FOLDED: ReadonlySet<string> = new Set([...MEMBERS].map(foldCase));

/** The queries of a request; nothing where it has no form that a GraphQL server takes. */
function queriesOf(request: GatewayRequest, body: Buffer): string[] | undefined {
  const at = request.target.indexOf("?");
  const parameters = new URLSearchParams(at < 0 ? "" : request.target.slice(at + 1));
  const inTarget = parameters.getAll("query");
  // Servers disagree on which of two queries counts, and on what is a spelling of its name.
  if ([...parameters.keys()].some((key) => key !== "query" && namesOf(key, "query"))) return undefined;
  if (request.method === "GET") return body.length === 0 && inTarget.length === 1 ? inTarget : undefined;
  if (inTarget.length > 0) return undefined;
  if (plainMediaType(request) !== "application/json") return undefined;
  try {
    const value = parseStrictJson(body);
    const list = (Array.isArray(value) ? value : [value]) as ({ query?: unknown } | null)[];
    const isMisspelt = (key: string): boolean => !MEMBERS.has(key) && FOLDED.has(foldCase(key));
    if (list.some((item) => Object.keys(item ?? {}).some(isMisspelt))) return undefined;
    const queries = list.map((item) => item?.query);
    return queries.length > 0 && queries.every((q) => typeof q === "string") ? queries : undefined;
  } catch {
    return undefined;
  }
}

/** Dear to load, and for who has routes of GraphQL alone. */
// eslint-disable-next-line @typescript-eslint/no-require-imports
const language = (): typeof GraphQL => require("graphql") as typeof GraphQL;

/** Levels of fields, fragments followed; a fragment that leads back to itself has no end. */
function depthOf(document: DocumentNode): number {
  const { Kind } = language();
  const fragments = new Map(
    document.definitions.flatMap((d) =>
      d.kind === Kind.FRAGMENT_DEFINITION ? [[d.name.value, d.selectionSet] as const] : [],
    ),
  );
  const known = new Map<string, number>();
  const ofFragment = (name: string, open: ReadonlySet<string>): number => {
    if (open.has(name)) return Infinity;
    const set = fragments.get(name);
    const depth = known.get(name) ?? (set ? ofSet(set, new Set([...open, name])) : 0);
    known.set(name, depth);
    return depth;
  };
  const ofSet = (set: SelectionSetNode, open: ReadonlySet<string>): number =>
    Math.max(
      0,
      ...set.selections.map((s) => {
        if (s.kind === Kind.FRAGMENT_SPREAD) return ofFragment(s.name.value, open);
        if (s.kind === Kind.INLINE_FRAGMENT) return ofSet(s.selectionSet, open);
        return 1 + (s.selectionSet ? ofSet(s.selectionSet, open) : 0);
      }),
    );
  return Math.max(0, ...document.definitions.map((d) => ("selectionSet" in d ? ofSet(d.selectionSet, new Set()) : 0)));
}

function count(document: DocumentNode): { aliases: number; introspects: boolean; mutates: boolean } {
  const found = { aliases: 0, introspects: false, mutates: false };
  language().visit(document, {
    Field(node) {
      if (node.alias) found.aliases += 1;
      if (node.name.value === "__schema" || node.name.value === "__type") found.introspects = true;
    },
    OperationDefinition(node) {
      if ((node.operation as string) !== "query") found.mutates = true;
    },
  });
  return found;
}

function judge(query: string, limits: Limits, method: string): Decision {
  const { parse } = language();
  let document: DocumentNode;
  try {
    document = parse(query, { noLocation: true, maxTokens: limits.maxTokens });
  } catch {
    return refuse("unreadable", "The query cannot be read, or is too long.");
  }
  const { aliases, introspects, mutates } = count(document);
  if (method === "GET" && mutates) return refuse("write-by-get", "A GET may only query.");
  if (introspects && !limits.introspection) return refuse("introspection", "The schema is not to be asked for.");
  if (aliases > limits.maxAliases)
    return refuse("aliases", `At most ${String(limits.maxAliases)} aliases are allowed.`);
  if (depthOf(document) > limits.maxDepth)
    return refuse("depth", `At most ${String(limits.maxDepth)} levels are allowed.`);
  return undefined;
}

/** What is asked in one is said after the handshake. */
const isSubscription = (request: GatewayRequest): boolean => request.method === "GET" && asksForWebSocket(request);

/** Bounds of GraphQL queries (GraphQL over HTTP): depth, aliases, batches, length; introspection only where it is allowed. */
export const graphql = policyKind({
  kind: "graphql",
  schema,
  phase: "body",
  sees: "body",
  perHost: false,
  warm: () => void language(),
  requires: () => ["GraphqlLimits"],
  async decide(config, { request }) {
    if (isSubscription(request)) return undefined;
    const body = await request.body?.read(config.maxBody);
    if (!body) return TOO_LARGE;
    const queries = queriesOf(request, body);
    if (!queries) return refuse("unreadable", "The request holds no GraphQL query that can be read.");
    if (queries.length > config.maxBatch) {
      return refuse("batch", `At most ${String(config.maxBatch)} queries may come at once.`);
    }
    for (const query of queries) {
      const decision = judge(query, config, request.method);
      if (decision) return decision;
    }
    return undefined;
  },
});
