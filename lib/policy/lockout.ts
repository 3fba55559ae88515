import { createHash } from "node:crypto";
import { z } from "zod";
import { claimAt } from "./claims";
import { notNow, policyKind, TOO_LARGE, type Exchange, type GatewayRequest, type Refusal } from "./kind";
import { plainMediaType } from "./media-type";
import { retryAfter } from "./rate";
import { parseStrictJson } from "./strict-json";
import { claimPath, duration } from "./values";

const schema = z.strictObject({
  /** The member of the body that says who wants in: a text, compared in lower case without white space around it. */
  field: claimPath.default("email"),
  attempts: z.int().min(1).max(1_000).default(5),
  per: duration.prefault("15m"),
  blockFor: duration.prefault("15m"),
  /** The service's answer that is a failed attempt. */
  status: z.int().min(400).max(499).default(401),
  /** `clientAddress` as well: nobody can lock out somebody else, and an attacker with many addresses is slowed less. */
  by: z.enum(["field", "fieldAndClientAddress"]).default("field"),
});

/** Whom a body names: nobody, or not to be told for sure. */
const UNREADABLE: unique symbol = Symbol("unreadable");

function inForm(body: Buffer, name: string): string | undefined | typeof UNREADABLE {
  const form = new URLSearchParams(body.toString("utf8"));
  // Some read `email[]` as one more way to write `email`.
  if ([...form.keys()].some((key) => key.startsWith(`${name}[`))) return UNREADABLE;
  const values = form.getAll(name);
  // Bytes that are no UTF-8 become this character here, and something else elsewhere.
  return values.length > 1 || values[0]?.includes("\ufffd") ? UNREADABLE : values[0];
}

function inJson(body: Buffer, path: string): string | undefined | typeof UNREADABLE {
  try {
    const value = claimAt(parseStrictJson(body) as Record<string, unknown>, path);
    return value === undefined || typeof value === "string" ? value : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}

/** In any other form the service might read a name that was not counted. */
function nameIn(request: GatewayRequest, body: Buffer, path: string): string | undefined | typeof UNREADABLE {
  if (body.length === 0) return undefined;
  const type = plainMediaType(request);
  if (type === "application/json") return inJson(body, path);
  return type === "application/x-www-form-urlencoded" ? inForm(body, path) : UNREADABLE;
}

/** The key that attempts are counted under; nothing where the body names nobody, a refusal where that is not plain. */
async function keyOf(
  { field, by }: Pick<z.output<typeof schema>, "field" | "by">,
  { request, system, environment }: Exchange,
): Promise<string | undefined | Refusal> {
  const body = await request.body?.read();
  if (request.body && !body) return TOO_LARGE;
  const name = body ? nameIn(request, body, field) : UNREADABLE;
  if (name === UNREADABLE) {
    return { status: 400, reason: "lockout-unreadable", message: `The body does not say ${field} plainly.` };
  }
  if (name === undefined) return undefined;
  const who = createHash("sha256").update(name.trim().toLowerCase()).digest("base64url");
  const from = by === "field" ? "" : `:${request.client}`;
  return `lockout:{${system}:${environment}:${who}${from}}`;
}

/**
 * After so many failed attempts whoever is named in the body is refused for a while; one that succeeds clears the count.
 * Attempts under way and those that have failed are together no more than are allowed: guesses at the same time get no
 * further than guesses one by one. While the store is away nobody's attempts are known: they are refused, or counted by this
 * replica.
 */
export const lockout = policyKind({
  kind: "lockout",
  schema: schema.extend({ onFailure: z.enum(["local", "deny"]).default("local") }),
  phase: "limits",
  sees: "response",
  perHost: false,
  requires: () => ["LoginLockout"],
  async around({ attempts, per, blockFor, onFailure, status, ...config }, exchange, state, call) {
    const key = await keyOf(config, exchange);
    if (key === undefined) return call();
    if (typeof key === "object") return { by: "gateway", refusal: key };
    let store = state.shared;
    let waitMs: number;
    try {
      waitMs = await store.attempt(key, attempts, per);
    } catch {
      // It may still be counted there, late, though nobody tries.
      void state.shared.attempted(key, "unknown", attempts, blockFor).catch(() => undefined);
      if (onFailure === "deny") {
        return { by: "gateway", refusal: notNow("limits-away", "Attempts cannot be counted now.") };
      }
      store = state.alone;
      waitMs = await store.attempt(key, attempts, per);
    }
    if (waitMs > 0) {
      const headers = { "retry-after": retryAfter(waitMs) };
      const refusal = { status: 429, reason: "locked-out", message: "Too many failed attempts.", headers };
      return { by: "gateway", refusal };
    }
    // A client that does not wait for the answer has still tried.
    const answer = await call();
    const own = answer.by === "service" ? answer.status : undefined;
    const passed = own !== undefined && own < 300;
    await store
      .attempted(key, own === status ? "failed" : passed ? "passed" : "unknown", attempts, blockFor)
      .catch(() => undefined);
    return answer;
  },
});
