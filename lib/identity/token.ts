import { constants, createHmac, timingSafeEqual, verify, type KeyObject } from "node:crypto";
import { claimAt, namesAt, type ClaimPath } from "./claims";
import { parseStrictJson } from "../content/strict-json";

/** Who calls, as a verified token tells. */
export interface Identity {
  issuer: string;
  user: string;
  claims: Readonly<Record<string, unknown>>;
  roles: readonly string[];
  scopes: readonly string[];
}

/** Keys of issuers, however they are had. */
export interface KeySource {
  /** The key that `kid` names for that algorithm, or nothing. Rejects when keys were never had. */
  find(issuer: string, kid: string | undefined, alg: string): KeyObject | undefined | Promise<KeyObject | undefined>;
  /** Whether whoever else fetches the issuer's keys has them by now, as they are. */
  settled?(issuer: string): boolean;
  /** Another number whenever the issuer's keys have changed. */
  generation?(issuer: string): number;
  /** The secrets of an issuer that signs with one, the present one first. Throws when none was ever had. */
  secrets?(issuer: string): readonly KeyObject[];
}

/** Signature algorithms (RFC 7518 section 3, RFC 8037) and what each needs of its key. */
const ALGORITHMS = {
  RS256: { type: "rsa", hash: "sha256" },
  RS384: { type: "rsa", hash: "sha384" },
  RS512: { type: "rsa", hash: "sha512" },
  PS256: { type: "rsa", hash: "sha256", pss: true },
  PS384: { type: "rsa", hash: "sha384", pss: true },
  PS512: { type: "rsa", hash: "sha512", pss: true },
  ES256: { type: "ec", hash: "sha256", curve: "prime256v1", bytes: 64 },
  ES384: { type: "ec", hash: "sha384", curve: "secp384r1", bytes: 96 },
  ES512: { type: "ec", hash: "sha512", curve: "secp521r1", bytes: 132 },
  EdDSA: { type: "ed25519", hash: null },
  HS256: { type: "secret", hash: "sha256" },
} as const satisfies Record<string, AlgorithmSpec>;

interface AlgorithmSpec {
  type: string;
  hash: string | null;
  pss?: true;
  curve?: string;
  bytes?: number;
}

export const algorithmSpec = (alg: Algorithm): AlgorithmSpec => ALGORITHMS[alg];

export type Algorithm = keyof typeof ALGORITHMS;
export const ALGORITHM_NAMES = Object.keys(ALGORITHMS) as [Algorithm, ...Algorithm[]];

/** What tokens of an issuer must be like. */
export interface IssuerRules {
  name: string;
  /** Exact `iss`; absent where tokens carry none. */
  issuer?: string | undefined;
  audiences: readonly string[];
  algorithms: readonly Algorithm[];
  /** Claim that tells access tokens from others; `optional` lets tokens without it pass. */
  type?: { claim: ClaimPath; value: string; optional: boolean } | undefined;
  user: ClaimPath;
  /** The user claim is a whole number, which RFC 7519 does not have for `sub`. */
  numericUser: boolean;
  roles?: ClaimPath | undefined;
  /** Names of the codes in a packed text. */
  roleCodes?: Readonly<Record<string, string>> | undefined;
  scopes?: ClaimPath | undefined;
  clockSkewMs: number;
}

export type Verified = { identity: Identity } | { reason: string; message: string };

const MAX_TOKEN_BYTES = 8192;
/** Claims of other names are other claims (RFC 7519 section 4). */
const TOKEN_JSON = { maxDepth: 16, caseMatters: true };
/** Seconds up to the year 5138: more are milliseconds, or nonsense. */
const LATEST = 1e11;
const refuse = (reason: string, message: string): Verified => ({ reason: `jwt-${reason}`, message });

/** Canonical base64url only (RFC 7515 section 2): one text per byte string, so that a token cannot be re-spelt. */
function decodeBase64url(text: string): Buffer | undefined {
  const left = text.length % 4;
  // Node also takes the other alphabet of base64, of which the form without padding is the same otherwise.
  if (left === 1 || text.includes("+") || text.includes("/") || Buffer.byteLength(text) !== text.length)
    return undefined;
  // The last character stands for fewer bits than it has: those left over must be 0.
  if (left === 2 && !"AQgw".includes(text.at(-1) ?? "")) return undefined;
  if (left === 3 && !"AEIMQUYcgkosw048".includes(text.at(-1) ?? "")) return undefined;
  const bytes = Buffer.from(text, "base64url");
  // It passes over what is in neither alphabet, and ends at padding.
  return bytes.length === Math.floor((text.length * 3) / 4) ? bytes : undefined;
}

function decodeObject(segment: string): Record<string, unknown> | undefined {
  const bytes = decodeBase64url(segment);
  if (!bytes) return undefined;
  try {
    const value: unknown = parseStrictJson(bytes, TOKEN_JSON);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Headers that have been read: an issuer's tokens share a few of them. */
const headers = new Map<string, Record<string, unknown>>();
const MOST_HEADERS = 64;

function decodeHeader(segment: string): Record<string, unknown> | undefined {
  const known = headers.get(segment);
  if (known) return known;
  const header = decodeObject(segment);
  if (!header) return undefined;
  if (headers.size >= MOST_HEADERS) headers.clear();
  headers.set(segment, header);
  return header;
}

/** True when a key is of the kind that an algorithm needs, so that no other algorithm can be run with it. */
export function keyFits(alg: Algorithm, key: KeyObject): boolean {
  const needs = algorithmSpec(alg);
  if (needs.type === "secret") return key.type === "secret" && (key.symmetricKeySize ?? 0) >= 32;
  if (key.type !== "public" || key.asymmetricKeyType !== needs.type) return false;
  if (needs.type === "rsa") return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
  return needs.curve === undefined || key.asymmetricKeyDetails?.namedCurve === needs.curve;
}

function signatureHolds(alg: Algorithm, key: KeyObject, input: string, signature: Buffer): boolean {
  const spec = algorithmSpec(alg);
  const data = Buffer.from(input, "latin1");
  if (spec.type === "secret") {
    const expected = createHmac("sha256", key).update(data).digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  }
  // OpenSSL takes a PSS signature without its leading zeros (RFC 8017 section 8.1.2 step 1 does not).
  const bytes = spec.type === "rsa" ? Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8) : spec.bytes;
  if (bytes !== undefined && signature.length !== bytes) return false;
  if (spec.type === "ec") return verify(spec.hash, data, { key, dsaEncoding: "ieee-p1363" }, signature);
  if (spec.pss) {
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    return verify(spec.hash, data, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
  }
  return verify(spec.hash, data, key, signature);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value < LATEST;
}

/** Packed codes name roles of the table and nothing else: a part of a text is never a role. */
function rolesAt(claims: Record<string, unknown>, path: ClaimPath, codes: IssuerRules["roleCodes"]): string[] {
  const value = claimAt(claims, path);
  if (!codes || typeof value !== "string") return namesAt(claims, path);
  if (!/^(\[[^[\]]+\])*$/.test(value)) return [];
  const held = new Set(value.slice(1, -1).split("]["));
  return Object.entries(codes).flatMap(([code, role]) => (held.has(code) ? [role] : []));
}

function checkClaims(claims: Record<string, unknown>, rules: IssuerRules, nowMs: number): Verified {
  const now = nowMs / 1000;
  const skew = rules.clockSkewMs / 1000;
  const { exp, nbf, iat, aud } = claims;
  if (!isTime(exp)) return refuse("no-expiry", "The token has no expiry.");
  if (now >= exp + skew) return refuse("expired", "The token has expired.");
  if (nbf !== undefined && !(isTime(nbf) && now >= nbf - skew))
    return refuse("not-yet-valid", "The token is not valid yet.");
  if (iat !== undefined && !(isTime(iat) && now >= iat - skew))
    return refuse("issued-later", "The token is from the future.");
  const audiences = Array.isArray(aud) ? (aud as unknown[]) : [aud];
  if (rules.audiences.length > 0 && !audiences.some((a) => rules.audiences.includes(a as string))) {
    return refuse("audience", "The token is for another audience.");
  }
  if (rules.type) {
    const value = claimAt(claims, rules.type.claim);
    const absent = value === undefined && rules.type.optional;
    if (value !== rules.type.value && !absent) return refuse("type", "The token is not an access token.");
  }
  const user = claimAt(claims, rules.user);
  const named = rules.numericUser ? Number.isSafeInteger(user) : typeof user === "string" && user !== "";
  if (!named) {
    return refuse("no-user", "The token names no user.");
  }
  const scopes = rules.scopes === undefined ? [] : namesAt(claims, rules.scopes).flatMap((s) => s.split(" "));
  const roles = rules.roles === undefined ? [] : rolesAt(claims, rules.roles, rules.roleCodes);
  return { identity: { issuer: rules.name, user: String(user), claims, roles, scopes } };
}

/** A token that is well-formed and asks for what its issuer accepts; nothing of it is proven yet. */
interface Readable {
  claims: Record<string, unknown>;
  /** Those whose name it bears, who may be several: first who has its audience. */
  issuers: readonly IssuerRules[];
  alg: string;
  kid: string | undefined;
  /** What was signed. */
  input: string;
  signature: Buffer;
}

const MALFORMED = refuse("malformed", "The token is not a signed JWT.");

function read(token: string, issuers: readonly IssuerRules[]): Readable | Verified {
  if (token.length > MAX_TOKEN_BYTES) return MALFORMED;
  const first = token.indexOf(".");
  const second = token.indexOf(".", first + 1);
  // Neither dot missing, no third, and something between them.
  if (first < 1 || second < first + 2 || second === token.length - 1 || token.includes(".", second + 1))
    return MALFORMED;
  const header = decodeHeader(token.slice(0, first));
  const claims = decodeObject(token.slice(first + 1, second));
  const signature = decodeBase64url(token.slice(second + 1));
  if (!header || !claims || !signature) return MALFORMED;
  const { iss } = claims;
  // An issuer that puts no name into its tokens has not made one that bears a name.
  const named = issuers.filter((i) => i.issuer === iss);
  if (named.length === 0) return refuse("issuer", "The token is from another issuer.");
  const { alg, kid, crit, b64, zip, typ } = header;
  if (crit !== undefined || b64 !== undefined || zip !== undefined)
    return refuse("critical", "The token has extensions that are not known.");
  // A logout token, a proof of possession (RFC 8725 section 3.11): no access token, whoever has signed it.
  if (typeof typ === "string" && /\+jwt$/i.test(typ) && !/^(application\/)?at\+jwt$/i.test(typ))
    return refuse("other-use", "The token is for another use.");
  // Whoever sends it would have to prove that he has the key (RFC 7800), which a bearer does not.
  if (claims["cnf"] !== undefined) return refuse("bound", "The token is bound to a key.");
  if (kid !== undefined && typeof kid !== "string") return MALFORMED;
  const chosen = named.length === 1 ? named : byAudience(named, claims["aud"]);
  return {
    claims,
    issuers: chosen,
    alg: typeof alg === "string" ? alg : "",
    kid,
    input: token.slice(0, second),
    signature,
  };
}

function byAudience(issuers: readonly IssuerRules[], aud: unknown): readonly IssuerRules[] {
  const fits = ({ audiences }: IssuerRules): boolean => audiences.some((a) => [aud].flat().includes(a));
  return [...issuers.filter(fits), ...issuers.filter((i) => !fits(i))];
}

type Candidates = readonly (KeyObject | undefined)[] | undefined;

function prove(
  { claims, input, signature }: Readable,
  rules: IssuerRules,
  alg: Algorithm,
  candidates: Candidates,
  nowMs: number,
): Verified {
  const fitting = (candidates ?? []).filter((key) => key !== undefined).filter((key) => keyFits(alg, key));
  if (fitting.length === 0) return refuse("unknown-key", "The token's key is not known.");
  if (!fitting.some((key) => signatureHolds(alg, key, input, signature))) {
    return refuse("signature", "The token's signature is wrong.");
  }
  return checkClaims(claims, rules, nowMs);
}

/**
 * Verifies a compact JWS (RFC 7515, RFC 7519, RFC 8725): algorithm from the issuer's list and bound to the key, no
 * `crit`, canonical encoding, expiry demanded. At once where the keys are at hand; throws or rejects only when they
 * cannot be had.
 */
export function verifyToken(
  token: string,
  issuers: readonly IssuerRules[],
  keys: KeySource,
  nowMs: number,
): Verified | Promise<Verified> {
  const found = read(token, issuers);
  if (!("input" in found)) return found;
  const by = (at: number): Verified | Promise<Verified> => {
    const rules = found.issuers[at] as IssuerRules;
    const verified = verifiedBy(found, rules, keys, nowMs);
    if (found.issuers.length === at + 1) return verified;
    // What the first says of it is told, where none takes it.
    const next = (own: Verified): Verified | Promise<Verified> => {
      if ("identity" in own) return own;
      const other = by(at + 1);
      const better = (late: Verified): Verified => ("identity" in late ? late : own);
      return other instanceof Promise ? other.then(better) : better(other);
    };
    return verified instanceof Promise ? verified.then(next) : next(verified);
  };
  return by(0);
}

/** One issuer's word on a token. */
function verifiedBy(found: Readable, rules: IssuerRules, keys: KeySource, nowMs: number): Verified | Promise<Verified> {
  const { kid } = found;
  if (!(rules.algorithms as readonly string[]).includes(found.alg)) {
    return refuse("algorithm", "The token's algorithm is not accepted.");
  }
  const alg = found.alg as Algorithm;
  if (alg === "HS256") return prove(found, rules, alg, keys.secrets?.(rules.name), nowMs);
  const key = keys.find(rules.name, kid, alg);
  const proven = (known: KeyObject | undefined): Verified => prove(found, rules, alg, [known], nowMs);
  return key instanceof Promise ? key.then(proven) : proven(key);
}
