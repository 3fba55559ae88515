import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { headerValues, policyKind, type Decision } from "../kind";
import { withSecret } from "../secrets-away";
import { headerName, name } from "../values";

/** Keyed anew in every process, so that nobody can search for keys with like hashes. */
const PEPPER = randomBytes(32);

const hashOf = (key: string): Buffer => createHmac("sha256", PEPPER).update(key).digest();

type Index = ReadonlyMap<string, { id: string; hash: Buffer }>;

const indexes = new WeakMap<readonly string[], Index>();

/** Keys by their hash: finding one takes as long as not finding it. */
function indexOf(versions: readonly string[]): Index {
  let index = indexes.get(versions);
  if (!index) {
    const all = versions.flatMap((text) => Object.entries(JSON.parse(text) as Record<string, string>));
    index = new Map(
      all.map(([id, key]) => {
        const hash = hashOf(key);
        return [hash.toString("base64url"), { id, hash }];
      }),
    );
    indexes.set(versions, index);
  }
  return index;
}

/** The id of a key that is configured. */
function findKey(versions: readonly string[], key: string): string | undefined {
  const hash = hashOf(key);
  const found = indexOf(versions).get(hash.toString("base64url"));
  return found && timingSafeEqual(found.hash, hash) ? found.id : undefined;
}

/** What a key that has been leaked or guessed gets is what an absent one gets. */
const refuse = (reason: string, header: string): Decision => ({
  status: 401,
  reason,
  message: "A known API key is needed.",
  headers: { "www-authenticate": `ApiKey header="${header}"` },
});

/**
 * An opaque key in a header. The secret is a JSON object of keys by id, in one version or several; logs and counters
 * have the id.
 */
export const apiKey = policyKind({
  kind: "apiKey",
  schema: z.strictObject({ header: headerName.default("x-api-key"), secret: name }),
  phase: "credentials",
  sees: "head",
  perHost: false,
  requires: () => ["ApiKey"],
  decide(config, exchange, state) {
    const [key, ...others] = headerValues(exchange.request, config.header);
    if (key === undefined || others.length > 0) return refuse("api-key-missing", config.header);
    return withSecret(state, config.secret, (versions) => {
      const id = findKey(versions, key);
      if (id === undefined) return refuse("api-key-unknown", config.header);
      exchange.apiKey = id;
      return undefined;
    });
  },
});
