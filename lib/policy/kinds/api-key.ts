import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { headerValues, policyKind, type Decision } from "../kind";
import { withSecret } from "../secrets-away";
import { headerName, name } from "../values";

/** Keyed anew in every process, so that nobody can search for keys with like hashes. */
const PEPPER = randomBytes(32);

const hashOf = (key: string): Buffer => createHmac("sha256", PEPPER).update(key).digest();

interface Known {
  id: string;
  hash: Buffer;
}

interface Index {
  all: readonly Known[];
  /** By their hash: finding one takes as long as not finding it. */
  byHash: ReadonlyMap<string, Known>;
}

const indexes = new WeakMap<readonly string[], Index>();

function indexOf(versions: readonly string[]): Index {
  let index = indexes.get(versions);
  if (!index) {
    const all = versions.flatMap((text) =>
      Object.entries(JSON.parse(text) as Record<string, string>).map(([id, key]) => ({ id, hash: hashOf(key) })),
    );
    index = { all, byHash: new Map(all.map((known) => [known.hash.toString("base64url"), known])) };
    indexes.set(versions, index);
  }
  return index;
}

/** The id of a key that is configured. */
function findKey(versions: readonly string[], key: string): string | undefined {
  const hash = hashOf(key);
  const found = indexOf(versions).byHash.get(hash.toString("base64url"));
  return found && timingSafeEqual(found.hash, hash) ? found.id : undefined;
}

/** The id, where the key is one of its own: all are looked at, whoever is asked for. */
function findKeyOf(versions: readonly string[], id: string, key: string): string | undefined {
  const hash = hashOf(key);
  const own = indexOf(versions).all.filter((known) => timingSafeEqual(known.hash, hash) && known.id === id);
  return own.length > 0 ? id : undefined;
}

const OWN_HEADER = "x-api-key";

const BASIC = /^basic ([A-Za-z0-9+/]+={0,2})$/i;

/** Id and key as user and password (RFC 7617 section 2). */
export function basicOf(line: string): { id: string; key: string } | undefined {
  const [, encoded = ""] = BASIC.exec(line) ?? [];
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 1 ? undefined : { id: text.slice(0, colon), key: text.slice(colon + 1) };
}

/** The header that a key is in. */
export const keyHeader = ({ basic, header }: { basic: boolean; header: string }): string =>
  basic ? "authorization" : header;

/** What a key that has been leaked or guessed gets is what an absent one gets. */
const refuse = (reason: string, challenge: string): Decision => ({
  status: 401,
  reason,
  message: "A known API key is needed.",
  headers: { "www-authenticate": challenge },
});

/**
 * An opaque key in a header, or with its id as password and user (`basic`). The secret is a JSON object of keys by id, in one
 * version or several; logs and counters have the id.
 */
export const apiKey = policyKind({
  kind: "apiKey",
  schema: z
    .strictObject({
      header: headerName.default(OWN_HEADER),
      /** The key as a password and its id as the user, in `Authorization: Basic …` (RFC 7617), in place of a header of its own. */
      basic: z.boolean().default(false),
      secret: name,
    })
    .refine(({ header, basic }) => header === OWN_HEADER || !basic, "leave header out: basic is in Authorization"),
  phase: "credentials",
  sees: "head",
  perHost: false,
  requires: ({ basic }) => (basic ? ["ApiKey", "ApiKeyAsPassword"] : ["ApiKey"]),
  decide(config, exchange, state) {
    const { basic, secret } = config;
    const header = keyHeader(config);
    const challenge = basic ? `Basic realm="${exchange.system}", charset="UTF-8"` : `ApiKey header="${header}"`;
    const [line, ...others] = headerValues(exchange.request, header);
    if (line === undefined || others.length > 0) return refuse("api-key-missing", challenge);
    const given = basic ? basicOf(line) : { key: line };
    if (!given) return refuse("api-key-missing", challenge);
    return withSecret(state, secret, (versions) => {
      const id = "id" in given ? findKeyOf(versions, given.id, given.key) : findKey(versions, given.key);
      if (id === undefined) return refuse("api-key-unknown", challenge);
      exchange.apiKey = id;
      return undefined;
    });
  },
});
