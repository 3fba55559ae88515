import { verifyToken, type Identity, type IssuerRules, type KeySource, type Verified } from "./token";

/** A token that was verified: its claims hold for as long as its key does, and as it says itself. */
interface Entry {
  token: string;
  rules: string;
  identity: Identity;
  fromMs: number;
  untilMs: number;
  generation: number;
}

const DEFAULT_BYTES = 64 * 1024 * 1024;
/** What an entry costs beside its texts. */
const OVERHEAD_BYTES = 1_000;
/** Long enough to tell signatures apart; the whole token is compared as well. */
const TAIL = 43;

/** Rules that read alike are one: routes of one issuer share what was verified. */
const names = new WeakMap<readonly IssuerRules[], string>();

function nameOf(rules: readonly IssuerRules[]): string {
  let name = names.get(rules);
  if (name === undefined) {
    name = JSON.stringify(rules);
    names.set(rules, name);
  }
  return name;
}

const seconds = (value: unknown): number | undefined => (typeof value === "number" ? value * 1000 : undefined);

/** Marks of tokens that were seen once, by a few characters of their signatures: 256 KiB. */
class SeenOnce {
  readonly #marks = new Int32Array(65_536);

  /** True when the token was seen before, and no other has taken its place since. */
  again(token: string): boolean {
    let mark = 1;
    for (let i = token.length - 12; i < token.length; i++) mark = (Math.imul(mark, 31) + token.charCodeAt(i)) | 0;
    const at = (mark ^ (mark >>> 16)) & 0xffff;
    const seen = this.#marks[at] === mark;
    this.#marks[at] = mark;
    return seen;
  }
}

/**
 * Verified tokens by their exact bytes. Only claims are kept, never a decision; times and keys are looked at again on
 * every hit. A token is kept when it comes the second time: those that come once would fill the memory that others need,
 * and its collection costs as much as a verification. Two halves: what is not asked for again leaves with the older one.
 */
export class TokenCache {
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #bytes = 0;
  readonly #seen = new SeenOnce();

  constructor(private readonly capacityBytes = DEFAULT_BYTES) {}

  /** What `verifyToken` says, from memory where it can be. */
  verify(token: string, rules: readonly IssuerRules[], keys: KeySource, nowMs: number): Verified | Promise<Verified> {
    const tail = token.slice(-TAIL);
    const entry = this.#find(tail);
    if (entry && entry.token === token && entry.rules === nameOf(rules)) {
      const { identity, fromMs, untilMs, generation } = entry;
      const present = keys.generation?.(identity.issuer) ?? 0;
      const holds = nowMs < untilMs && nowMs >= fromMs && generation === present;
      if (holds) return entry;
    }
    // Asked for before: a key that goes while its token is verified takes the token with it.
    const before = rules.map((r) => keys.generation?.(r.name) ?? 0);
    const remember = (verified: Verified): Verified => {
      if (!("identity" in verified) || this.capacityBytes === 0 || !this.#seen.again(token)) return verified;
      const entry = entryOf(token, rules, verified.identity, before);
      // Below 0 there are no keys that hold: they have come with this token, and may go as they came.
      if (entry.generation >= 0) this.#keep(tail, entry);
      return verified;
    };
    const verified = verifyToken(token, rules, keys, nowMs);
    return verified instanceof Promise ? verified.then(remember) : remember(verified);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#bytes = 0;
  }

  #find(tail: string): Entry | undefined {
    const young = this.#young.get(tail);
    if (young) return young;
    const old = this.#old.get(tail);
    if (old) this.#keep(tail, old);
    return old;
  }

  #keep(tail: string, entry: Entry): void {
    this.#young.set(tail, entry);
    // The token itself, and its claims as objects.
    this.#bytes += 4 * entry.token.length + OVERHEAD_BYTES;
    if (this.#bytes <= this.capacityBytes / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#bytes = 0;
  }
}

function entryOf(
  token: string,
  rules: readonly IssuerRules[],
  identity: Identity,
  generations: readonly number[],
): Entry {
  const at = rules.findIndex((r) => r.name === identity.issuer);
  const skewMs = rules[at]?.clockSkewMs ?? 0;
  const { exp, nbf, iat } = identity.claims;
  return {
    token,
    rules: nameOf(rules),
    identity,
    fromMs: Math.max(seconds(nbf) ?? 0, seconds(iat) ?? 0) - skewMs,
    untilMs: (seconds(exp) ?? 0) + skewMs,
    generation: generations[at] ?? 0,
  };
}
