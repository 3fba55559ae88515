import { z } from "zod";
import { KINDS, SHADOW_KINDS, type KindName } from "../policy";
import { unique } from "../policy/values";
import { SHAPE_KINDS } from "../policy/kinds/route-shape";

/** Policies as people write them, by where they may stand. */

type SchemaOf<K extends KindName> = Extract<(typeof KINDS)[number], { kind: K }>["schema"];
type Optional<S extends z.ZodType> = z.ZodOptional<z.ZodNullable<S>>;
type PolicyShape<N extends KindName> = { [K in N]: Optional<SchemaOf<K>> };
type PerHost = Extract<(typeof KINDS)[number], { kind: KindName }>["kind"];

function policyShape<N extends KindName>(names: readonly N[]): PolicyShape<N> {
  const entries = KINDS.filter((k) => (names as readonly string[]).includes(k.kind)).map((k) => [
    k.kind,
    (k.schema as z.ZodType).nullable().optional(),
  ]);
  return Object.fromEntries(entries) as PolicyShape<N>;
}

/** Kinds that a service or a route may state; the others belong to whole hosts. */
export const ROUTE_KINDS = KINDS.filter((k) => !k.perHost && !SHAPE_KINDS.includes(k.kind)).map((k) => k.kind);
export const HOST_KINDS = KINDS.filter((k) => k.perHost && !SHAPE_KINDS.includes(k.kind)).map((k) => k.kind);

/** Policies that are judged and told of, and refuse nothing; the nearest list holds. */
const shadow = z.array(z.enum(SHADOW_KINDS)).min(1).refine(unique, "name each once").nullable().optional();

/** `null` takes an inherited policy away. */
export const hostPolicies = z.strictObject({ ...policyShape<PerHost>([...HOST_KINDS, ...ROUTE_KINDS]), shadow });
export const routePolicies = z.strictObject({ ...policyShape<PerHost>(ROUTE_KINDS), shadow });
