import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import type { KeySource } from "../policy";
import type { FilterPlan } from "../policy/filter-plan";
import { keyFits, type Algorithm } from "../policy/token";

const REFRESH_MS = 5 * 60_000;
const FETCH_TIMEOUT_MS = 3_000;
const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_KEYS = 100;
/** An unknown `kid` may be a new key: ask again, but seldom, since anybody can send one. */
const UNKNOWN_KID_PAUSE_MS = 10_000;

interface PublishedKey {
  kid?: string;
  key: KeyObject;
  alg?: string;
}

/** Keys for signatures in a JWK Set (RFC 7517 section 5); what cannot be used is passed over, none at all is an error. */
export function parseKeySet(text: string): PublishedKey[] {
  const { keys } = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error("The key set has no list of keys, or too many.");
  const usable = (keys as (JsonWebKey & Record<string, unknown>)[]).flatMap((jwk): PublishedKey[] => {
    if (typeof jwk !== "object" || (jwk as unknown) === null || jwk.kty === "oct") return [];
    if (jwk["use"] !== undefined && jwk["use"] !== "sig") return [];
    try {
      const key = createPublicKey({ key: jwk, format: "jwk" });
      const { kid, alg } = jwk as { kid?: unknown; alg?: unknown };
      return [{ key, ...(typeof kid === "string" && { kid }), ...(typeof alg === "string" && { alg }) }];
    } catch {
      return [];
    }
  });
  if (usable.length === 0) throw new Error("The key set has no key for signatures.");
  const kids = usable.flatMap((k) => k.kid ?? []);
  if (new Set(kids).size !== kids.length) throw new Error("The key set has one kid twice.");
  return usable;
}

async function fetchKeySet(url: string): Promise<PublishedKey[]> {
  const answer = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!answer.ok || !answer.body) throw new Error(`The key server answered ${String(answer.status)}.`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > MAX_DOCUMENT_BYTES) throw new Error("The key set is too large.");
    chunks.push(chunk);
  }
  return parseKeySet(Buffer.concat(chunks).toString("utf8"));
}

class IssuerKeys {
  #keys: PublishedKey[] | undefined;
  #fetching: Promise<void> | undefined;
  #lastAsked = 0;

  constructor(private readonly url: string) {}

  get loaded(): boolean {
    return this.#keys !== undefined;
  }

  /** One fetch at a time; a bad answer never replaces good keys. */
  refresh(): Promise<void> {
    this.#fetching ??= (async () => {
      this.#lastAsked = Date.now();
      try {
        this.#keys = await fetchKeySet(this.url);
      } finally {
        this.#fetching = undefined;
      }
    })();
    return this.#fetching;
  }

  async find(kid: string | undefined, alg: string): Promise<KeyObject | undefined> {
    if (!this.#keys) await this.refresh();
    const known = this.#lookUp(kid, alg);
    if (known || Date.now() - this.#lastAsked < UNKNOWN_KID_PAUSE_MS) return known;
    await this.refresh().catch(() => undefined);
    return this.#lookUp(kid, alg);
  }

  #lookUp(kid: string | undefined, alg: string): KeyObject | undefined {
    const fits = (this.#keys ?? []).filter(
      (k) => (k.alg === undefined || k.alg === alg) && keyFits(alg as Algorithm, k.key),
    );
    if (kid !== undefined) return fits.find((k) => k.kid === kid)?.key;
    return fits.length === 1 ? fits[0]?.key : undefined;
  }
}

/** Keys of all issuers, fetched at start and refreshed in the background. */
export class RemoteKeys implements KeySource {
  readonly #issuers: Map<string, IssuerKeys>;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(issuers: FilterPlan["issuers"]) {
    this.#issuers = new Map(Object.entries(issuers).map(([name, { jwksUrl }]) => [name, new IssuerKeys(jwksUrl)]));
  }

  /** True once every issuer's keys have been had. */
  get ready(): boolean {
    return [...this.#issuers.values()].every((i) => i.loaded);
  }

  start(onError: (issuer: string, error: unknown) => void): void {
    for (const [name, issuer] of this.#issuers) {
      const round = (): void => {
        issuer
          .refresh()
          .catch((error: unknown) => {
            onError(name, error);
          })
          .finally(() => {
            const pause = issuer.loaded ? REFRESH_MS * (0.5 + Math.random() * 0.4) : 1_000;
            const timer = setTimeout(() => {
              this.#timers.delete(timer);
              round();
            }, pause);
            timer.unref();
            this.#timers.add(timer);
          });
      };
      round();
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  find(issuer: string, kid: string | undefined, alg: string): Promise<KeyObject | undefined> {
    return this.#issuers.get(issuer)?.find(kid, alg) ?? Promise.resolve(undefined);
  }
}
