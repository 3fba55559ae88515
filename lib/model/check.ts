import type { z } from "zod";
import {
  diagnostic,
  hasErrors,
  type Diagnostic,
  type DiagnosticCode,
  type Result,
  type SourcePosition,
} from "../diagnostics";
import type { KindName } from "../policy";
import { configOf, type Gateway, type HeaderMatch, type Host, type Route } from "../decision/gateway";
import { routeEntries, type RouteEntry } from "../decision/route-table";
import type { authorization } from "../policy/kinds/authorization";
import type { RequestLineConfig } from "../policy/kinds/request-line";
import type { JwtConfig } from "../policy/kinds/jwt";
import { checkCautions } from "./check-cautions";
import { checkInfrastructure } from "./check-infrastructure";
import { checkCallers, checkNames, twoWays } from "./check-services";
import { checkWords } from "./check-words";
import { trustedHops } from "./front";
import { findProblems, nearest } from "./problems";
import type { RawModel } from "./read";
import { modelIn } from "./overlay";
import { checkRollouts } from "./check-rollouts";
import { resolveGateway } from "./resolve";
import { gatewaySchema, type GatewayModel } from "./schema";

/** An address in the model's own names: list items by their `name`, where they have one. */
function address(value: unknown, path: readonly PropertyKey[]): string {
  const root = (value as { name?: unknown } | null)?.name;
  const words = [typeof root === "string" && root !== "" ? root : "model"];
  let at = value;
  for (const step of path) {
    at = (at as Record<PropertyKey, unknown> | null | undefined)?.[step];
    const own = typeof step === "number" ? (at as { name?: unknown } | null | undefined)?.name : undefined;
    words.push(typeof own === "string" ? own : String(step));
  }
  return words.join("/");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((at, step) => (at as Record<PropertyKey, unknown> | null | undefined)?.[step], value);
}

/**
 * A value as a person may recognise it, without user and password of a URL; what JSON cannot say (a circle, a big integer) is
 * named by its kind.
 */
function shown(value: unknown): string {
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) return typeof value;
    const safe = text.replace(/\/\/[^/?#\s]*@/g, "//...@");
    return safe.length > 60 ? `${safe.slice(0, 57)}...` : safe;
  } catch {
    return `a ${typeof value}`;
  }
}

/** The keys that a schema knows at a path, for the word that was probably meant. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: z.ZodType = gatewaySchema;
  const unwrap = (s: z.ZodType): z.ZodType => {
    const { def } = s as unknown as { def: { innerType?: z.ZodType; in?: z.ZodType } };
    const inner = def.innerType ?? def.in;
    return inner ? unwrap(inner) : s;
  };
  for (const step of path) {
    const s = unwrap(schema) as unknown as {
      shape?: Record<PropertyKey, z.ZodType>;
      element?: z.ZodType;
      valueType?: z.ZodType;
    };
    const next = s.shape?.[step] ?? s.element ?? s.valueType;
    if (!next) return [];
    schema = next;
  }
  return Object.keys((unwrap(schema) as unknown as { shape?: object }).shape ?? {});
}

function fromIssue(raw: RawModel, issue: z.core.$ZodIssue): Diagnostic[] {
  const at = address(raw.value, issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(issue.path);
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      const fix = meant ? `Write "${meant}".` : known.length > 0 ? `Use one of: ${known.join(", ")}.` : "Remove it.";
      const source = raw.locate(issue.path, key);
      return diagnostic("model/unknown-key", `${at}/${key}`, `"${key}" is not known at ${at}.`, fix, source);
    });
  }
  const value = issue.code === "invalid_key" ? issue.path.at(-1) : valueAt(raw.value, issue.path);
  const code: DiagnosticCode = value === undefined ? "model/missing-value" : "model/invalid-value";
  const inner = issue.code === "invalid_key" ? issue.issues.map((i) => i.message).join(", ") : issue.message;
  const said = inner.replace(/^Invalid (string|input): /, "");
  // A secret that is written where its name belongs is said to nobody.
  const hidden = issue.path.some((step) => step === "secret" || step === "secrets");
  const why =
    value === undefined
      ? `Nothing is written there: ${said}.`
      : hidden
        ? `It is not repeated here, since it may be the secret itself: ${said}.`
        : `It is ${shown(value)}: ${said}.`;
  const field = issue.path.filter((step) => typeof step === "string").at(-1);
  const fix = `Correct ${field ?? "the model"}; docs/model.md lists every field.`;
  return [diagnostic(code, at, why, fix, raw.locate(issue.path))];
}

/** Two ways by one path into routes that no request can tell apart. */
function overlaps(a: RouteEntry, b: RouteEntry): boolean {
  const methods = (r: RouteEntry): string[] | undefined => r.route.match.methods as string[] | undefined;
  const [am, bm] = [methods(a), methods(b)];
  const shared = am && bm ? am.some((m) => bm.includes(m)) : am === bm;
  const [left, right] = [a.route.match, b.route.match];
  return (
    shared &&
    left.upgrade === right.upgrade &&
    sameOnes(left.headers ?? {}, right.headers ?? {}) &&
    sameOnes(left.query ?? {}, right.query ?? {})
  );
}

type Wanted = Readonly<Record<string, HeaderMatch>>;

const sameOnes = (a: Wanted, b: Wanted): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, match]) => sameValues(match, b[name]));

const pathForm = ({ path: { type, value } }: RouteEntry): string => `${type} ${value.replace(/\{\w+\}/g, "{}")}`;

/** Two ways to match a header or a parameter that rank alike and share a value. */
function sameValues(a: HeaderMatch, b: HeaderMatch | undefined): boolean {
  if (typeof a === "string" || typeof b === "string" || b === undefined) return a === b;
  if (a.type === "In" && b.type === "In") return a.values.some((value) => b.values.includes(value));
  return a.type === b.type;
}

/** Roles or scopes that no issuer of the route says where to find: nobody could ever have them. */
function unnamedClaims(
  model: GatewayModel,
  route: string,
  jwt: JwtConfig,
  anyOf: readonly { roles: string[]; scopes: string[] }[],
  source: SourcePosition,
): Diagnostic[] {
  return (["roles", "scopes"] as const)
    .filter((kind) => anyOf.some((a) => a[kind].length > 0) && jwt.rules.every((r) => r[kind] === undefined))
    .map((kind) => {
      const at = `${model.name}/routes/${route}/policies/authorization`;
      const why = `It asks for ${kind}, and no issuer of the route says which claim has them.`;
      const fix = `Name the claim in ${kind} of ${jwt.issuers.join(" or ")}.`;
      return diagnostic("model/authorization-needs-identity", at, why, fix, source);
    });
}

/** An owner that some path of the route does not name: nobody could be the owner there. */
function unnamedOwners(model: GatewayModel, route: Route, source: SourcePosition): Diagnostic[] {
  const rules = configOf(route.policies, "authorization") as z.output<typeof authorization.schema>;
  return [...rules.anyOf, ...rules.noneOf].flatMap(({ owner }) => {
    const without = owner && route.match.paths.find(({ value }) => !value.split("/").includes(`{${owner.path}}`));
    if (!without) return [];
    const at = `${model.name}/routes/${route.name}/policies/authorization`;
    const why = `The path ${without.value} has no {${owner.path}}, so nobody could be its owner.`;
    const fix = `Write {${owner.path}} as a segment of each path under match.template, and name other paths in a route of their own.`;
    return [diagnostic("model/invalid-value", at, why, fix, source)];
  });
}

/** Routes all of whose methods every host of theirs refuses, before it looks for a route. */
function untakenMethods(gateway: Gateway, source: (route: string) => SourcePosition): Diagnostic[] {
  const takes = ({ policies }: Host, { match }: Route): boolean => {
    const { methods } = (configOf(policies, "requestLine") ?? {}) as Partial<RequestLineConfig>;
    return !methods || !match.methods || match.methods.some((method) => (methods as string[]).includes(method));
  };
  const all = gateway.hosts.flatMap((host) => host.routes.map((route) => ({ host, route, taken: takes(host, route) })));
  const taken = new Set(all.filter((way) => way.taken).map(({ route }) => route.name));
  const lost = new Map(all.filter(({ route }) => !taken.has(route.name)).map((way) => [way.route.name, way]));
  return [...lost.values()].map(({ host, route }) => {
    const at = `${gateway.system}/routes/${route.name}/match/methods`;
    const why = `${host.name} answers ${(route.match.methods ?? []).join(", ")} with 405: its requestLine.methods has none of them.`;
    const fix = "Add them to requestLine.methods of a host of the route.";
    return diagnostic("model/invalid-value", at, why, fix, source(route.name));
  });
}

/** Who brings no good key is let in where keys are in shadow, and would have no counter of his own. */
function uncountedOwners(model: GatewayModel, route: Route, source: SourcePosition): Diagnostic[] {
  const inShadow = (kind: KindName): boolean => route.policies.some((p) => p.kind === kind && p.shadow);
  const limits = (configOf(route.policies, "rateLimit") as { limits: { name: string; key: unknown[] }[] } | undefined)
    ?.limits;
  const alone = limits?.find(({ key }) => key.length === 1 && key[0] === "apiKey");
  if (!alone || !inShadow("apiKey") || inShadow("rateLimit")) return [];
  const at = `${model.name}/routes/${route.name}/policies/rateLimit`;
  const why = `Limit ${alone.name} counts by key, and who brings none is let in while apiKey is in shadow: nothing would limit him.`;
  const fix = "Give the limit another key such as clientAddress, or put rateLimit in shadow as well.";
  return [diagnostic("model/invalid-value", at, why, fix, source)];
}

/** What one person gets is nobody else's, unless the tenant shares it. */
function sharedByMistake(model: GatewayModel, route: Route, source: SourcePosition): Diagnostic[] {
  const cache = configOf(route.policies, "cache") as { by: string } | undefined;
  const jwt = configOf(route.policies, "jwt") as JwtConfig | undefined;
  const keyed = ["apiKey", "signature"].some((kind) => configOf(route.policies, kind as KindName) !== undefined);
  const asked = jwt !== undefined && jwt.mode !== "open";
  const tenant = configOf(route.policies, "tenant");
  const at = `${model.name}/routes/${route.name}/policies/cache`;
  const found = (why: string, fix: string): Diagnostic[] => [
    diagnostic("model/cache-not-private", at, why, fix, source),
  ];
  if (!cache) return [];
  if (cache.by === "everyone" && (asked || keyed)) {
    return found(
      "The route asks who calls, and its answers would be shared by everyone.",
      'Set by to "user" or "tenant".',
    );
  }
  if (cache.by === "user" && !asked)
    return found("Nobody is asked who he is, so nothing is anybody's own.", 'Set by to "everyone".');
  if (cache.by === "tenant" && !(asked && tenant)) {
    return found(
      "The route has no verified tenant to keep answers for.",
      "Add tenant and jwt to the route, or set by to another.",
    );
  }
  return [];
}

/** Below an exempt prefix a path may have escaped and doubled slashes, which some proxies match as they are and some as plain ones. */
function dividedPrefixes(raw: RawModel, model: GatewayModel, host: Host, entries: readonly RouteEntry[]): Diagnostic[] {
  const hygiene = configOf(host.policies, "pathHygiene") as { except: string[] } | undefined;
  return (hygiene?.except ?? []).flatMap((prefix) => {
    const inside = entries.find(({ path }) => path.value.startsWith(`${prefix}/`));
    if (!inside) return [];
    const at = `${model.name}/hosts/${host.name}/policies/pathHygiene`;
    const why = `Below ${prefix} stands ${inside.path.value} of ${inside.route.name}, which an escaped slash may hide or feign.`;
    const fix = "Name longer prefixes, each with one route's paths below it, or one route for all of it.";
    return [diagnostic("model/exempt-prefix-divided", at, why, fix, raw.locate(["hosts", host.name]))];
  });
}

/** What can only be seen with everything inherited. */
function checkEnvironment(raw: RawModel, model: GatewayModel, environment: string): Diagnostic[] {
  const gateway = resolveGateway(model, environment);
  const found: Diagnostic[] = twoWays(raw, model, environment, gateway);
  const places = new Map(model.routes.map(({ name }, i) => [name, i]));
  const source = (name: string) => raw.locate(["routes", places.get(name) ?? -1]);
  found.push(...untakenMethods(gateway, source));
  for (const host of gateway.hosts) {
    const entries = routeEntries(host.routes);
    const byPath = new Map<string, RouteEntry[]>();
    for (const entry of entries) {
      const before = byPath.get(pathForm(entry)) ?? [];
      byPath.set(pathForm(entry), [...before, entry]);
      const other = before.find((e) => e.route !== entry.route && overlaps(e, entry));
      if (!other) continue;
      const at = `${model.name}/routes/${entry.route.name}`;
      const why = `On ${host.name} it takes ${entry.path.type} ${entry.path.value} as ${other.route.name} does.`;
      const fix = "Give one of them another path, other methods, headers or query.";
      found.push(diagnostic("model/overlapping-routes", at, why, fix, source(entry.route.name)));
    }
    found.push(...dividedPrefixes(raw, model, host, entries));
    found.push(...checkCautions(host.routes.map((route) => ({ model, host, route, source: source(route.name) }))));
    for (const route of host.routes) {
      found.push(...uncountedOwners(model, route, source(route.name)));
      if (!route.respond) found.push(...sharedByMistake(model, route, source(route.name)));
      const jwt = configOf(route.policies, "jwt") as JwtConfig | undefined;
      const rules = configOf(route.policies, "authorization") as
        { anyOf: { roles: string[]; scopes: string[] }[] } | undefined;
      if (!rules || route.respond) continue;
      if (jwt?.mode === "required") {
        found.push(...unnamedClaims(model, route.name, jwt, rules.anyOf, source(route.name)));
        found.push(...unnamedOwners(model, route, source(route.name)));
        continue;
      }
      const at = `${model.name}/routes/${route.name}/policies/authorization`;
      const why = `The route's identity is ${jwt?.mode ?? "not asked"}, so nobody could have the role or scope.`;
      const fix = 'Set jwt.mode to "required" on the route, or authorization to null.';
      found.push(diagnostic("model/authorization-needs-identity", at, why, fix, source(route.name)));
    }
  }
  return found;
}

/** X-Forwarded-For counts from the networks in front, and from nobody else. */
function checkFront(raw: RawModel, { name, front }: GatewayModel): Diagnostic[] {
  if (trustedHops(front) === 0 || front.networks.length > 0) return [];
  const why = `${front.kind} tells who calls by X-Forwarded-For, and anybody could: no networks are named.`;
  const fix = "Write the addresses of what stands in front under front.networks.";
  return [diagnostic("model/untrusted-front", `${name}/front/networks`, why, fix, raw.locate(["front"]))];
}

/** Checks a model whole: every fault of form, and of a model without any, every fault of meaning. */
export function checkModel(raw: RawModel): Result<GatewayModel> {
  const parsed = gatewaySchema.safeParse(raw.value);
  const diagnostics = parsed.success ? [] : parsed.error.issues.flatMap((issue) => fromIssue(raw, issue));
  const problems = findProblems(raw);
  diagnostics.push(...problems);
  if (!parsed.success || problems.length > 0) return { diagnostics };
  const { data: model } = parsed;
  const overlaid = Object.keys(model.overlays).map((environment) => modelIn(model, environment));
  const words = [model, ...overlaid].flatMap((m) => [
    ...checkFront(raw, m),
    ...checkWords(raw, m),
    ...checkCallers(raw, m),
    ...checkNames(raw, m),
  ]);
  diagnostics.push(...new Map(words.map((d) => [JSON.stringify(d), d])).values());
  const rollouts = checkRollouts(raw, model);
  // What is shared with a service that is not there has no meaning.
  if (hasErrors(rollouts)) return { diagnostics: [...diagnostics, ...rollouts] };
  diagnostics.push(...parsed.data.environments.flatMap((e) => checkEnvironment(raw, parsed.data, e)));
  diagnostics.push(...checkInfrastructure(raw, parsed.data));
  return hasErrors(diagnostics) ? { diagnostics } : { value: parsed.data, diagnostics };
}
