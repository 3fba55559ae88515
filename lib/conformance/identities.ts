import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  type KeyObject,
} from "node:crypto";
import { algorithmSpec, type Algorithm } from "../identity/token";
import type { SystemIdentities } from "./identity-file";

/** Tokens and keys that cases name, made anew in every run. */

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

interface KeyPair {
  kid: string;
  alg: Algorithm;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

function newPair(alg: Algorithm): KeyPair {
  const kid = `${alg.toLowerCase()}-${randomBytes(4).toString("hex")}`;
  const { type, curve } = algorithmSpec(alg);
  const pair =
    type === "ec"
      ? generateKeyPairSync("ec", { namedCurve: curve ?? "" })
      : type === "rsa"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ed25519");
  return { kid, alg, ...pair };
}

/** The issuer of one system, with keys of its own. */
export class Identities {
  readonly #system: SystemIdentities;
  readonly #pairs = new Map<Algorithm, KeyPair>();
  readonly #others = new Map<Algorithm, KeyPair>();
  readonly #retired: KeyPair[] = [];
  readonly #made = new Map<string, string>();

  constructor(
    readonly system: string,
    found: SystemIdentities,
  ) {
    this.#system = found;
    for (const alg of new Set([found.issuer.alg, found.issuer.also ?? found.issuer.alg])) {
      if (alg === "HS256") continue;
      this.#pairs.set(alg, newPair(alg));
      this.#others.set(alg, newPair(alg));
    }
  }

  /** A new key for new tokens; the ones before stay published, until they are retired. */
  rotate(): void {
    this.#retired.push(...this.#pairs.values());
    for (const alg of this.#pairs.keys()) this.#pairs.set(alg, newPair(alg));
  }

  retire(): void {
    this.#retired.length = 0;
  }

  /** A good token of somebody who is in no file. */
  sign(own: Readonly<Record<string, unknown>>, key: "published" | "other" = "published"): string {
    const { issuer } = this.#system;
    const pair = (key === "published" ? this.#pairs : this.#others).get(issuer.alg);
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      ...(issuer.iss && { iss: issuer.iss }),
      ...(issuer.aud && { aud: issuer.aud }),
      ...(issuer.type && { [issuer.type.claim]: issuer.type.access }),
      ...{ iat: now, exp: now + issuer.lives, jti: randomUUID() },
      ...own,
    };
    const input = `${base64url({ alg: issuer.alg, typ: "JWT", kid: this.#pairs.get(issuer.alg)?.kid })}.${base64url(claims)}`;
    return `${input}.${this.#sign(input, issuer.alg, { pair })}`;
  }

  /** The key set that the issuer publishes. */
  keySet(): string {
    const keys = [...this.#pairs.values(), ...this.#retired].map(({ kid, alg, publicKey }) => ({
      ...publicKey.export({ format: "jwk" }),
      kid,
      alg,
      use: "sig",
    }));
    return JSON.stringify({ keys });
  }

  publicKeys(): { kid: string; alg: string; key: KeyObject }[] {
    return [...this.#pairs.values()].map(({ kid, alg, publicKey }) => ({
      kid,
      alg,
      key: createPublicKey(publicKey.export({ format: "pem", type: "spki" })),
    }));
  }

  key(name: string): SystemIdentities["keys"][string] {
    const key = this.#system.keys[name];
    if (!key) throw new Error(`${this.system} has no key "${name}".`);
    return key;
  }

  /** What the model's secrets hold: keys by id, or the one value that has none. */
  secrets(): Record<string, string> {
    const rings: Record<string, Record<string, string>> = {};
    const values: Record<string, string> = {};
    for (const { secret, id, value } of Object.values(this.#system.keys)) {
      if (secret === undefined) continue;
      if (id === undefined) values[secret] = value;
      else rings[secret] = { ...rings[secret], [id]: value };
    }
    for (const [name, ring] of Object.entries(rings)) values[name] = JSON.stringify(ring);
    return values;
  }

  /** Tokens of one case: the same name is the same token until `forget`. */
  forget(): void {
    this.#made.clear();
  }

  token(name: string): string {
    const known = this.#made.get(name) ?? this.#make(name);
    this.#made.set(name, known);
    return known;
  }

  #make(name: string): string {
    const [, identityName, , defect] = /^([^#!]+)(#\d+)?(?:!(.+))?$/.exec(name) ?? [];
    const identity = this.#system.identities[identityName ?? ""];
    if (!identity) throw new Error(`${this.system} has no identity "${name}".`);
    const { issuer } = this.#system;
    const alg = identity.alg ?? issuer.alg;
    const now = Math.floor(Date.now() / 1000);
    const claims: Record<string, unknown> = {
      ...(issuer.iss && { iss: issuer.iss }),
      ...(issuer.aud && { aud: issuer.aud }),
      ...(issuer.type && { [issuer.type.claim]: issuer.type.access }),
      iat: now,
      exp: now + issuer.lives,
      jti: randomUUID(),
      ...identity.claims,
    };
    const pair = this.#pairs.get(alg);
    const header: Record<string, unknown> = { alg, typ: "JWT", ...(pair && { kid: pair.kid }) };
    let signWith: { pair?: KeyPair | undefined; secret?: string } = pair
      ? { pair }
      : { secret: this.key(issuer.secret ?? "").value };
    let after = (token: string): string => token;
    switch (defect) {
      case undefined:
      case "revoked":
        break;
      case "expired":
        Object.assign(claims, { iat: now - 3600 - issuer.lives, exp: now - 3600 });
        break;
      case "nbf":
        claims["nbf"] = now + 3600;
        break;
      case "no-exp":
        delete claims["exp"];
        break;
      case "other-key":
        signWith = pair
          ? { pair: this.#others.get(alg) }
          : { secret: "another-secret-that-nobody-has-published-anywhere" };
        break;
      case "alg-none":
        header["alg"] = "none";
        after = (token) => token.replace(/[^.]*$/, "");
        break;
      case "hs256-public-key":
        header["alg"] = "HS256";
        signWith = { secret: pair?.publicKey.export({ type: "spki", format: "pem" }) as string };
        break;
      case "other-issuer":
        claims["iss"] = "https://other.example";
        break;
      case "other-audience":
        claims["aud"] = "another-api";
        break;
      case "refresh-type":
        if (issuer.type) claims[issuer.type.claim] = issuer.type.refresh;
        break;
      case "id-type":
        if (issuer.type) claims[issuer.type.claim] = issuer.type.id;
        break;
      case "tampered":
        after = (token) => {
          const [h, , s] = token.split(".");
          return [h, base64url({ ...claims, added: true }), s].join(".");
        };
        break;
      default:
        throw new Error(`No such defect of a token: ${name}`);
    }
    const input = `${base64url(header)}.${base64url(claims)}`;
    return after(`${input}.${this.#sign(input, header["alg"] as string, signWith)}`);
  }

  #sign(input: string, alg: string, { pair, secret }: { pair?: KeyPair | undefined; secret?: string }): string {
    if (secret !== undefined) return createHmac("sha256", secret).update(input).digest("base64url");
    if (alg === "none" || !pair) return "";
    const { hash, pss } = algorithmSpec(pair.alg);
    const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
    const key = { key: pair.privateKey, dsaEncoding: "ieee-p1363" as const, ...(pss && padding) };
    return sign(hash, Buffer.from(input), key).toString("base64url");
  }
}
