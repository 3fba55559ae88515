import { z } from "zod";
import { claimAt } from "../../identity/claims";
import type { Feature } from "../feature";
import { pathOf, policyKind, type Exchange } from "../kind";
import { variablesIn } from "../path-template";
import { claimPath, wholeName } from "../values";

const claimed = z.strictObject({
  claim: claimPath,
  /** Any one of them; numbers and booleans as JSON writes them. Of a list in the token any item. */
  values: z.array(wholeName).min(1),
});

/** A variable of the route's `match.template`, and the claim that must say the same. */
const owner = z.strictObject({
  path: z.string().regex(/^[A-Za-z][A-Za-z0-9_]{0,31}$/, "write the name of a variable of match.template"),
  claim: claimPath,
});

const alternative = z
  .strictObject({
    roles: z.array(wholeName).default([]),
    scopes: z.array(wholeName).default([]),
    claims: z.array(claimed).default([]),
    owner: owner.optional(),
  })
  .refine(
    (a) => a.roles.length + a.scopes.length + a.claims.length > 0 || a.owner !== undefined,
    "name a role, a scope, a claim or an owner",
  );

type Alternative = z.output<typeof alternative>;

/** What the model adds: the templates of the route. */
interface Resolved {
  templates?: readonly string[];
}

const NOBODY = { roles: [], scopes: [], claims: {} };

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;

function holdsClaim(claims: Readonly<Record<string, unknown>>, { claim, values }: z.output<typeof claimed>): boolean {
  const value = claimAt(claims, claim);
  const said: unknown[] = Array.isArray(value) ? value : [value];
  return said.some((item) => values.includes(textOf(item) ?? ""));
}

/** The segment of a path that stands for a variable, as it was meant: percent-encoding is no other spelling. */
function variable(templates: readonly string[], path: string, name: string): string | undefined {
  const said = templates.map((template) => variablesIn(template, path)?.get(name)).find((own) => own !== undefined);
  try {
    return said && decodeURIComponent(said);
  } catch {
    return undefined;
  }
}

function holds({ roles, scopes, claims, owner: own }: Alternative, exchange: Exchange, config: Resolved): boolean {
  const who = exchange.identity ?? NOBODY;
  if (roles.length > 0 && !roles.some((r) => (who.roles as readonly string[]).includes(r))) return false;
  if (!scopes.every((s) => (who.scopes as readonly string[]).includes(s))) return false;
  if (!claims.every((c) => holdsClaim(who.claims, c))) return false;
  if (!own) return true;
  const named = variable(config.templates ?? [], pathOf(exchange.request.target), own.path);
  return named !== undefined && named === textOf(claimAt(who.claims, own.claim));
}

/**
 * Any one of the alternatives: any of its roles (where it names some), all of its scopes and claims, and its owner. Who fits one of
 * `noneOf` is refused whatever else he has.
 */
export const authorization = policyKind({
  kind: "authorization",
  schema: z
    .strictObject({ anyOf: z.array(alternative).default([]), noneOf: z.array(alternative).default([]) })
    .refine(({ anyOf, noneOf }) => anyOf.length + noneOf.length > 0, "name somebody under anyOf or noneOf"),
  phase: "authorization",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (config.anyOf.some((a) => a.roles.length > 0)) features.push("AuthorizationByRole");
    if (config.anyOf.some((a) => a.scopes.length > 0)) features.push("AuthorizationByScope");
    if (config.anyOf.some((a) => a.claims.length > 0)) features.push("AuthorizationByClaim");
    if (config.anyOf.some((a) => a.owner)) features.push("AuthorizationByOwner");
    if (config.noneOf.length > 0) features.push("AuthorizationNoneOf");
    return features;
  },
  decide(config, exchange) {
    const { anyOf, noneOf } = config;
    const own = config as Resolved;
    const good = anyOf.length === 0 || anyOf.some((a) => holds(a, exchange, own));
    if (good && !noneOf.some((a) => holds(a, exchange, own))) return undefined;
    return { status: 403, reason: "not-authorized", message: "The token does not grant this." };
  },
});
