import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { ALGORITHM_NAMES, keyFits, type Algorithm } from "./token";

/** A key that an issuer has published for signatures. */
export interface PublishedKey {
  kid?: string;
  key: KeyObject;
  alg?: string;
}

const P25519 = 2n ** 255n - 19n;

/** The y of Ed25519 points of small order, with which one signature holds for many messages (RFC 8032 section 5.1). */
const SMALL_ORDER = new Set([
  0n,
  1n,
  P25519 - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

function isSafeEd25519(x: string): boolean {
  const bytes = Buffer.from(x, "base64url");
  if (bytes.length !== 32) return false;
  const y = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`) & (2n ** 255n - 1n);
  return y < P25519 && !SMALL_ORDER.has(y);
}

const SMALL_PRIMES = Array.from({ length: 165 }, (_, i) => i + 3).filter((n) => {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
});

/** Powers of 65537 by each small prime: a modulus of a weak generator (CVE-2017-15361, ROCA) is one of them by all. */
const ROCA = SMALL_PRIMES.map((prime) => {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power);
  return { prime: BigInt(prime), powers };
});

const isRoca = (modulus: bigint): boolean => ROCA.every(({ prime, powers }) => powers.has(Number(modulus % prime)));

/** A modulus of 2048 bits or more and an exponent that are odd, as they are when somebody has made the key. */
function isSafeRsa(jwk: JsonWebKey, key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  const modulus = BigInt(`0x${Buffer.from(jwk.n ?? "", "base64url").toString("hex") || "0"}`);
  const odd = publicExponent >= 3n && publicExponent % 2n === 1n && modulus % 2n === 1n;
  return modulusLength >= 2048 && odd && !isRoca(modulus);
}

function isSafe(jwk: JsonWebKey, key: KeyObject): boolean {
  if (key.asymmetricKeyType === "rsa") return isSafeRsa(jwk, key);
  if (key.asymmetricKeyType === "ed25519") return isSafeEd25519(jwk.x ?? "");
  return key.asymmetricKeyType === "ec" && ["P-256", "P-384", "P-521"].includes(jwk.crv ?? "");
}

/** What the key is said to be for (RFC 7517 sections 4.2 and 4.3): to verify signatures, or nothing said. */
function isForSignatures({ use, key_ops: operations }: Record<string, unknown>): boolean {
  if (use !== undefined && use !== "sig") return false;
  if (operations === undefined) return true;
  return (
    Array.isArray(operations) &&
    operations.includes("verify") &&
    operations.every((o) => o === "verify" || o === "sign") &&
    new Set(operations).size === operations.length
  );
}

/** A JWK (RFC 7517 section 4) as a key that verifies; nothing where it is for something else, or cannot be trusted. */
export function publishedKey(value: unknown): PublishedKey | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const jwk = value as JsonWebKey & Record<string, unknown>;
  const { kid, alg } = jwk;
  if (!["RSA", "EC", "OKP"].includes(jwk.kty ?? "") || !isForSignatures(jwk)) return undefined;
  if (kid !== undefined && typeof kid !== "string") return undefined;
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    return undefined;
  }
  if (!isSafe(jwk, key)) return undefined;
  if (alg === undefined) return { key, ...(kid !== undefined && { kid }) };
  const known = (ALGORITHM_NAMES as readonly unknown[]).includes(alg) && keyFits(alg as Algorithm, key);
  return known ? { key, alg: alg as string, ...(kid !== undefined && { kid }) } : undefined;
}
