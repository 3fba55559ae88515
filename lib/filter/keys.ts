import { createSecretKey, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { KeySource, SecretSource } from "../policy";
import type { FilterPlan } from "../decision/filter-plan";
import { keyFits, type Algorithm } from "../identity/token";
import { bounded, within } from "./deadline";
import { publishedKey, type PublishedKey } from "../identity/jwk";
import { RefreshLoop } from "./refresh-loop";

const FETCH_TIMEOUT_MS = 3_000;
/** A request waits less than the proxy does that waits for it. */
const REQUEST_PATIENCE_MS = 300;
const TOO_SLOW = "The key server is too slow.";
const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_KEYS = 100;
/** An unknown `kid` may be a new key: so many questions at once, and one more each time the pause is over. */
const UNKNOWN_KID_BURST = 3;
const UNKNOWN_KID_PAUSE_MS = 30_000;
const MAX_UNKNOWN_KIDS = 1_000;
/** Without any keys the key server is asked this often. */
const FIRST_PAUSE_MS = 1_000;

export interface KeyTimes {
  /** How often keys are fetched anew, less up to half of it by chance. */
  refreshMs: number;
  /** How long keys hold when the key server is away. */
  maxStaleMs: number;
  /** How long after a change everybody else has them too; 25 minutes where nothing is said. */
  settledMs?: number | undefined;
  /** Folder for the last good copy, so that a start needs no key server. */
  directory?: string | undefined;
}

/** istiod fetches keys every 20 minutes, and pushes them. */
const SETTLED_MS = 25 * 60_000;

/** Told of every fetch. */
export type KeyNote = (issuer: string, outcome: "ok" | "failed") => void;

export const KEY_TIMES: KeyTimes = { refreshMs: 5 * 60_000, maxStaleMs: 24 * 3_600_000 };

/** Keys for signatures in a JWK Set (RFC 7517 section 5); what cannot be used is passed over, none at all is an error. */
export function parseKeySet(text: string): PublishedKey[] {
  const { keys } = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error("The key set has no list of keys, or too many.");
  if ((keys as unknown[]).some(isPrivate)) throw new Error("The key set publishes a private key.");
  const usable: PublishedKey[] = [];
  for (const jwk of keys as unknown[]) {
    const key = publishedKey(jwk);
    // The same key may be there twice, and one id stand for keys of other kinds or algorithms (RFC 7517 section 4.5).
    if (key && !usable.some((other) => isSameKey(other, key))) usable.push(key);
  }
  if (usable.length === 0) throw new Error("The key set has no key for signatures.");
  const clash = usable.find((k, i) => k.kid !== undefined && usable.slice(0, i).some((other) => areOneName(other, k)));
  if (clash) throw new Error("The key set has two keys under one kid.");
  return usable;
}

/** Whoever reads it could sign as the issuer (RFC 7518 section 6): no key of that set is to be relied on. */
const isPrivate = (jwk: unknown): boolean =>
  typeof jwk === "object" && jwk !== null && (jwk as { kty?: unknown }).kty !== "oct" && "d" in jwk;

const isSameKey = (a: PublishedKey, b: PublishedKey): boolean =>
  a.kid === b.kid && a.alg === b.alg && a.key.equals(b.key);

/** Two keys that one token could mean. */
const areOneName = (a: PublishedKey, b: PublishedKey): boolean =>
  a.kid === b.kid &&
  a.key.asymmetricKeyType === b.key.asymmetricKeyType &&
  (a.alg === undefined || b.alg === undefined || a.alg === b.alg) &&
  !a.key.equals(b.key);

async function readKeySet(url: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(url, { redirect: "error", signal });
  if (!answer.ok || !answer.body) throw new Error(`The key server answered ${String(answer.status)}.`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_DOCUMENT_BYTES) throw new Error("The key set is too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The keys of one issuer: fetched in the background, one fetch at a time; a bad answer never replaces good keys. */
class IssuerKeys {
  #keys: PublishedKey[] | undefined;
  #text = "";
  #fetching: Promise<void> | undefined;
  #goodAtMs = 0;
  #changedAtMs = 0;
  #triedAtMs = 0;
  #budget = { left: UNKNOWN_KID_BURST, atMs: 0 };
  readonly #unknown = new Map<string, number>();
  /** Another number for another set of keys: what was verified before must be verified again. */
  generation = 0;

  constructor(
    private readonly name: string,
    private readonly url: string,
    private readonly times: KeyTimes,
    private readonly note: KeyNote,
  ) {}

  /** Since when the keys are what they are; nothing while there are none. */
  get ageMs(): number | undefined {
    return this.#keys && Date.now() - this.#goodAtMs;
  }

  get loaded(): boolean {
    return this.#keys !== undefined && Date.now() - this.#goodAtMs < this.times.maxStaleMs;
  }

  get settled(): boolean {
    return this.loaded && Date.now() - this.#changedAtMs >= (this.times.settledMs ?? SETTLED_MS);
  }

  refresh(): Promise<void> {
    this.#fetching ??= (async () => {
      this.#triedAtMs = Date.now();
      try {
        const text = await bounded(FETCH_TIMEOUT_MS, TOO_SLOW, (signal) => readKeySet(this.url, signal));
        this.#take(text);
        this.#goodAtMs = Date.now();
        this.#save(text);
        this.note(this.name, "ok");
      } catch (error) {
        this.note(this.name, "failed");
        throw error;
      } finally {
        this.#fetching = undefined;
      }
    })();
    return this.#fetching;
  }

  find(kid: string | undefined, alg: string): KeyObject | undefined | Promise<KeyObject | undefined> {
    if (!this.loaded) return this.#findFirst(kid, alg);
    return this.#lookUp(kid, alg) ?? this.#findNew(kid, alg);
  }

  async #findFirst(kid: string | undefined, alg: string): Promise<KeyObject | undefined> {
    this.restore();
    if (!this.loaded && (this.#fetching || Date.now() - this.#triedAtMs >= FIRST_PAUSE_MS)) await this.#refreshSoon();
    if (!this.loaded) throw new Error(`The keys of ${this.name} cannot be had.`);
    return this.#lookUp(kid, alg);
  }

  async #findNew(kid: string | undefined, alg: string): Promise<KeyObject | undefined> {
    const name = `${alg} ${kid ?? ""}`;
    const now = Date.now();
    if ((this.#unknown.get(name) ?? 0) > now || !this.#mayAsk(now)) return undefined;
    await this.#refreshSoon().catch(() => undefined);
    const found = this.#lookUp(kid, alg);
    if (!found) this.#unknown.set(name, now + UNKNOWN_KID_PAUSE_MS);
    const oldest = this.#unknown.keys();
    while (this.#unknown.size > MAX_UNKNOWN_KIDS) this.#unknown.delete(oldest.next().value as string);
    return found;
  }

  /** The fetch goes on when its time for this request is over. */
  #refreshSoon(): Promise<void> {
    return within(REQUEST_PATIENCE_MS, this.refresh(), () => new Error(TOO_SLOW));
  }

  #mayAsk(now: number): boolean {
    // Whoever waits for the same fetch costs nothing.
    if (this.#fetching) return true;
    const gained = Math.floor((now - this.#budget.atMs) / UNKNOWN_KID_PAUSE_MS);
    if (gained > 0) this.#budget = { left: Math.min(UNKNOWN_KID_BURST, this.#budget.left + gained), atMs: now };
    if (this.#budget.left === 0) return false;
    this.#budget.left -= 1;
    return true;
  }

  #take(text: string): void {
    if (text === this.#text && this.#keys) return;
    this.#keys = parseKeySet(text);
    this.#text = text;
    this.#changedAtMs = Date.now();
    this.#unknown.clear();
    this.generation += 1;
  }

  #lookUp(kid: string | undefined, alg: string): KeyObject | undefined {
    const fits = (this.#keys ?? []).filter(
      (k) =>
        (kid === undefined || k.kid === kid) &&
        (k.alg === undefined || k.alg === alg) &&
        keyFits(alg as Algorithm, k.key),
    );
    return kid !== undefined || fits.length === 1 ? fits[0]?.key : undefined;
  }

  get #file(): string | undefined {
    return this.times.directory && path.join(this.times.directory, `${encodeURIComponent(this.name)}.jwks.json`);
  }

  #save(text: string): void {
    if (this.#file === undefined) return;
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true });
      writeFileSync(`${this.#file}.new`, JSON.stringify({ atMs: Date.now(), url: this.url, text }), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
    } catch {
      // Without a copy only a start with the key server away is harder.
    }
  }

  restore(): void {
    if (this.#keys || this.#file === undefined) return;
    try {
      const copy = JSON.parse(readFileSync(this.#file, "utf8")) as { atMs: number; url: string; text: string };
      if (copy.url !== this.url || typeof copy.atMs !== "number") return;
      this.#take(copy.text);
      this.#goodAtMs = copy.atMs;
    } catch {
      // No copy, or a broken one: the key server is asked.
    }
  }
}

/** Keys of all issuers: published ones, fetched at start and in the background, and secrets that sign. */
export class RemoteKeys implements KeySource {
  readonly #issuers = new Map<string, IssuerKeys>();
  readonly #secretNames = new Map<string, string>();
  readonly #loop = new RefreshLoop();
  readonly #secretKeys = new WeakMap<readonly string[], readonly KeyObject[]>();

  constructor(
    issuers: FilterPlan["issuers"],
    private readonly secretSource: SecretSource,
    private readonly times: KeyTimes = KEY_TIMES,
    note: KeyNote = () => undefined,
  ) {
    for (const [name, { jwksUrl, secret }] of Object.entries(issuers)) {
      if (jwksUrl !== undefined) this.#issuers.set(name, new IssuerKeys(name, jwksUrl, times, note));
      if (secret !== undefined) this.#secretNames.set(name, secret);
    }
  }

  /** True while every issuer's keys are there and young enough. */
  get ready(): boolean {
    return [...this.#issuers.values()].every((i) => i.loaded);
  }

  /** Age of each issuer's keys, in milliseconds. */
  ages(): { issuer: string; ageMs: number }[] {
    return [...this.#issuers.entries()].flatMap(([issuer, keys]) =>
      keys.ageMs === undefined ? [] : [{ issuer, ageMs: keys.ageMs }],
    );
  }

  start(onError: (issuer: string, error: unknown) => void): void {
    for (const [name, issuer] of this.#issuers) {
      // The copy on disk holds until the key server has spoken.
      issuer.restore();
      this.#loop.begin(this.times.refreshMs, async () => {
        await issuer.refresh().catch((error: unknown) => {
          onError(name, error);
        });
        return issuer.loaded;
      });
    }
  }

  stop(): void {
    this.#loop.stop();
  }

  find(issuer: string, kid: string | undefined, alg: string): KeyObject | undefined | Promise<KeyObject | undefined> {
    return this.#issuers.get(issuer)?.find(kid, alg);
  }

  settled(issuer: string): boolean {
    return this.#issuers.get(issuer)?.settled ?? false;
  }

  /** Keys that are too old, or another secret, are another generation as well. */
  generation(issuer: string): number {
    const published = this.#issuers.get(issuer);
    if (published && !published.loaded) return -1;
    const secret = this.#secretNames.get(issuer);
    return (published?.generation ?? 0) + (secret === undefined ? 0 : 1e6 * this.secretSource.generation(secret));
  }

  secrets(issuer: string): readonly KeyObject[] {
    const versions = this.secretSource.versions(this.#secretNames.get(issuer) ?? "");
    if (!versions) throw new Error(`The secret of ${issuer} cannot be had.`);
    let keys = this.#secretKeys.get(versions);
    if (!keys) {
      keys = versions.map((text) => createSecretKey(Buffer.from(text, "utf8")));
      this.#secretKeys.set(versions, keys);
    }
    return keys;
  }
}
