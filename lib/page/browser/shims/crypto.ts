import { hmac } from "@noble/hashes/hmac.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { Buffer } from "./buffer";

/**
 * As much of node:crypto as a decision asks for in a page. Hashes are the real ones; what signs and verifies are keys that the
 * page has made itself (`Proofs`), of which one is as good as the other: nothing that they prove holds anywhere else.
 */

const HASHES = { sha256, sha384, sha512 };

type Bytes = string | Uint8Array;

const bytesOf = (data: Bytes): Uint8Array => (typeof data === "string" ? Buffer.from(data, "utf8") : data);

class Digest {
  readonly #parts: Uint8Array[] = [];

  constructor(private readonly of: (bytes: Uint8Array) => Uint8Array) {}

  update(data: Bytes): this {
    this.#parts.push(bytesOf(data));
    return this;
  }

  digest(encoding?: BufferEncoding): Buffer | string {
    const found = Buffer.from(this.of(Buffer.concat(this.#parts)));
    return encoding === undefined ? found : found.toString(encoding);
  }
}

class Key {
  constructor(
    readonly type: "public" | "private" | "secret",
    readonly bytes: Uint8Array,
    readonly signatureBytes: number,
    readonly asymmetricKeyType?: string,
    readonly asymmetricKeyDetails?: { modulusLength?: number; namedCurve?: string },
  ) {}

  get symmetricKeySize(): number | undefined {
    return this.type === "secret" ? this.bytes.length : undefined;
  }
}

const hashNamed = (name: string): typeof sha256 => HASHES[name as keyof typeof HASHES] as typeof sha256;

export const createHash = (name: string): Digest => new Digest((bytes) => hashNamed(name)(bytes));

export function createHmac(name: string, key: Bytes | Key): Digest {
  const secret = key instanceof Key ? key.bytes : bytesOf(key);
  return new Digest((bytes) => hmac(hashNamed(name), secret, bytes));
}

export const randomBytes = (length: number): Buffer => Buffer.from(crypto.getRandomValues(new Uint8Array(length)));

export const randomUUID = (): string => crypto.randomUUID();

export const timingSafeEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export const createSecretKey = (bytes: Uint8Array): Key => new Key("secret", bytes, 0);

/** OpenSSL's names of the curves. */
const CURVES: Readonly<Record<string, readonly [name: string, bytes: number]>> = {
  "P-256": ["prime256v1", 64],
  "P-384": ["secp384r1", 96],
  "P-521": ["secp521r1", 132],
};

export function generateKeyPairSync(
  type: string,
  { namedCurve = "", modulusLength = 0 }: { namedCurve?: string; modulusLength?: number } = {},
): { publicKey: Key; privateKey: Key } {
  const [curve, ofCurve = 64] = CURVES[namedCurve] ?? [];
  const details = type === "rsa" ? { modulusLength } : curve === undefined ? {} : { namedCurve: curve };
  const secret = randomBytes(32);
  const key = (kind: "public" | "private"): Key =>
    new Key(kind, secret, type === "rsa" ? modulusLength / 8 : ofCurve, type, details);
  return { publicKey: key("public"), privateKey: key("private") };
}

const keyIn = (of: Key | { key: Key }): Key => (of instanceof Key ? of : of.key);

export function sign(_hash: string | null, data: Uint8Array, of: Key | { key: Key }): Buffer {
  const { bytes, signatureBytes } = keyIn(of);
  const mac = hmac(sha512, bytes, data);
  return Buffer.concat(Array.from({ length: Math.ceil(signatureBytes / mac.length) }, () => mac)).subarray(
    0,
    signatureBytes,
  );
}

export const verify = (hash: string | null, data: Uint8Array, of: Key | { key: Key }, signature: Uint8Array): boolean =>
  Buffer.compare(sign(hash, data, of), signature) === 0;

export function createPublicKey(): never {
  throw new Error("A page reads no keys.");
}

export const constants = { RSA_PKCS1_PSS_PADDING: 6, RSA_PSS_SALTLEN_DIGEST: -1 };
