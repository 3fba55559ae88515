import { createHash } from "node:crypto";
import { z } from "zod";
import { claimAt } from "../../identity/claims";
import { addressGroup } from "../client-address";
import {
  NOT_CALLED,
  notNow,
  policyKind,
  TOO_LARGE,
  type AttemptOutcome,
  type Exchange,
  type GatewayRequest,
  type Refusal,
  type SharedStore,
  type State,
} from "../kind";
import { plainMediaType } from "../media-type";
import { retryAfter } from "../rate";
import { parseStrictJson } from "../../content/strict-json";
import { bareText, namesOf } from "../../content/spellings";
import { duration, judgedBody, memberPath } from "../values";

const schema = z.strictObject({
  /**
   * The member of the body that says who wants in: a text, compared without case, width, accents, white space and characters
   * that nobody sees. A body that does not name exactly one is 400.
   */
  field: memberPath.default("email"),
  attempts: z.int().min(1).max(1_000).default(5),
  per: duration.prefault("15m"),
  blockFor: duration.prefault("15m"),
  /** The service's answer that is a failed attempt. */
  status: z.int().min(400).max(499).default(401),
  /** `clientAddress` as well: nobody can lock out somebody else, and an attacker with many addresses is slowed less. */
  by: z.enum(["field", "fieldAndClientAddress"]).default("field"),
  /** Key in the store, `{name}` being who is named, in the form that is compared; one of the gateway's own by default. */
  key: z
    .string()
    .regex(/^[\x21-\x7e]{0,128}\{name\}[\x21-\x7e]{0,64}$/, "write a key with {name} in it")
    .optional(),
  maxBody: judgedBody,
});

/** A name is nobody's that is longer, in characters: it may be told in a line of a log. */
const LONGEST_NAME = 512;

/** Whom a request names: exactly one, or it is not to be told for sure. */
type Named = string | undefined;

const lastOf = (path: string): string => path.slice(path.lastIndexOf(".") + 1);

/** Whether a reader may take the name for the field's, or for the last member of its path. */
const isField = (key: string, field: string): boolean => namesOf(key, field) || namesOf(key, lastOf(field));

function inForm(body: Buffer, field: string): Named {
  const text = body.toString("utf8");
  // Some readers divide at semicolons as well.
  if (text.includes(";")) return undefined;
  const form = new URLSearchParams(text);
  const [key, ...others] = [...form.keys()].filter((k) => isField(k, field));
  const value = key === field && others.length === 0 ? form.get(field) : null;
  // Bytes that are no UTF-8 become this character here, and something else elsewhere.
  return value === null || value.includes("\ufffd") ? undefined : value;
}

/** Members at any depth that could be the field. */
function membersLike(value: unknown, field: string): number {
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  for (const [name, item] of Object.entries(value)) {
    if (!Array.isArray(value) && isField(name, field)) count += 1;
    count += membersLike(item, field);
  }
  return count;
}

function inJson(body: Buffer, field: string): Named {
  try {
    const claims = parseStrictJson(body) as Record<string, unknown>;
    const value = claimAt(claims, field);
    return typeof value === "string" && membersLike(claims, field) === 1 ? value : undefined;
  } catch {
    return undefined;
  }
}

/** In any other form, or beside the body, the service might read a name that was not counted. */
function nameIn(request: GatewayRequest, body: Buffer, field: string): Named {
  const at = request.target.indexOf("?");
  const parameters = new URLSearchParams(at < 0 ? "" : request.target.slice(at + 1));
  if ([...parameters.keys()].some((key) => isField(key, field))) return undefined;
  const type = plainMediaType(request);
  if (type === "application/json") return inJson(body, field);
  return type === "application/x-www-form-urlencoded" ? inForm(body, field) : undefined;
}

/** The key that attempts are counted under; a refusal where the request does not plainly name one subject. */
async function keyOf(
  { field, by, maxBody, key }: Pick<z.output<typeof schema>, "field" | "by" | "maxBody" | "key">,
  { request, system, environment }: Exchange,
): Promise<string | Refusal> {
  const body = await request.body?.read(maxBody);
  if (request.body && !body) return TOO_LARGE;
  const subject = bareText((body && nameIn(request, body, field)) ?? "").replace(/\.+$/, "");
  if (subject === "" || subject.length > LONGEST_NAME) {
    return { status: 400, reason: "lockout-unreadable", message: `The body does not say ${field} plainly.` };
  }
  const from = by === "field" ? "" : `:${addressGroup(request.client)}`;
  if (key !== undefined) return key.replace("{name}", () => subject) + from;
  const who = createHash("sha256").update(subject).digest("base64url");
  return `lockout:{${system}:${environment}:${who}${from}}`;
}

const withFailure = schema.extend({ onFailure: z.enum(["local", "deny"]).default("local") });
type LockoutConfig = z.output<typeof withFailure>;

/** Who counts an attempt, in front of its key. */
const [SHARED, ALONE] = ["s", "a"];

/** Begins an attempt, in the store that counts it; a refusal where there is none left, or nobody can count. */
async function begin(
  { attempts, per, blockFor, onFailure }: Pick<LockoutConfig, "attempts" | "per" | "blockFor" | "onFailure">,
  key: string,
  state: State,
): Promise<SharedStore | Refusal> {
  let store = state.shared;
  let waitMs: number;
  try {
    waitMs = await store.attempt(key, attempts, per);
  } catch {
    // It may still be counted there, late, though nobody tries.
    void state.shared.attempted(key, "unknown", attempts, blockFor).catch(() => undefined);
    if (onFailure === "deny") return notNow("limits-away", "Attempts cannot be counted now.");
    store = state.alone;
    waitMs = await store.attempt(key, attempts, per);
  }
  if (waitMs <= 0) return store;
  const headers = { "retry-after": retryAfter(waitMs) };
  return { status: 429, reason: "locked-out", message: "Too many failed attempts.", headers };
}

/** `own`: the status of the service's answer; nothing where it has not answered. */
function outcomeOf(own: number | undefined, failure: number): AttemptOutcome {
  if (own === failure) return "failed";
  return own !== undefined && own < 300 ? "passed" : "unknown";
}

/**
 * After so many failed attempts whoever is named in the body is refused for a while; one that succeeds clears the count.
 * Attempts under way and those that have failed are together no more than are allowed: guesses at the same time get no
 * further than guesses one by one. While the store is away nobody's attempts are known: they are refused, or counted by this
 * replica.
 */
export const lockout = policyKind({
  kind: "lockout",
  schema: withFailure,
  phase: "limits",
  sees: "response",
  perHost: false,
  requires: () => ["LoginLockout"],
  async around(config, exchange, state, call) {
    const key = await keyOf(config, exchange);
    if (typeof key === "object") return { by: "gateway", refusal: key };
    const store = await begin(config, key, state);
    if ("status" in store) return { by: "gateway", refusal: store };
    // A client that does not wait for the answer has still tried.
    const answer = await call();
    const outcome = outcomeOf(answer.by === "service" ? answer.status : undefined, config.status);
    await store.attempted(key, outcome, config.attempts, config.blockFor).catch(() => undefined);
    return answer;
  },
  reported: {
    seesBody: true,
    async admit(config, exchange, state) {
      const key = await keyOf(config, exchange);
      if (typeof key === "object") return { refusal: key };
      const store = await begin(config, key, state);
      return "status" in store ? { refusal: store } : { ticket: `${store === state.shared ? SHARED : ALONE}${key}` };
    },
    // One whose end nobody knows, since the client has left or the report is lost, is an attempt under way until its time is over.
    ended({ attempts, blockFor, status }, _service, ticket, report, state) {
      if (report.answeredBy === "proxy" && report.status !== NOT_CALLED.status) return;
      const store = ticket.startsWith(SHARED) ? state.shared : state.alone;
      const outcome = outcomeOf(report.answeredBy === "service" ? report.status : undefined, status);
      void store.attempted(ticket.slice(1), outcome, attempts, blockFor).catch(() => undefined);
    },
  },
});
