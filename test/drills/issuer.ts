import { generateKeyPairSync, randomBytes, randomUUID, sign, type KeyObject } from "node:crypto";

export interface SigningKey {
  kid: string;
  alg: "RS256" | "ES256";
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export function newKey(alg: SigningKey["alg"] = "RS256"): SigningKey {
  const pair =
    alg === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid: `${alg.toLowerCase()}-${randomBytes(4).toString("hex")}`, alg, ...pair };
}

/** The issuer of the drills' model: what it publishes and what it signs with are changed apart. */
export class Issuer {
  constructor(public published: readonly SigningKey[] = [newKey()]) {}

  readonly keySet = (): string =>
    JSON.stringify({
      keys: this.published.map(({ kid, alg, publicKey }) => ({
        ...publicKey.export({ format: "jwk" }),
        kid,
        alg,
        use: "sig",
      })),
    });

  /** A good token, by the first published key if no other is named. */
  token(key = this.published[0], claims: Record<string, unknown> = {}): string {
    if (!key) throw new Error("The issuer has no key.");
    const now = Math.floor(Date.now() / 1000);
    const all = {
      ...{ iss: "https://issuer.drill.test", aud: "drill-api", sub: "user-1", tenant: "red" },
      ...{ iat: now, exp: now + 3600, jti: randomUUID() },
      ...claims,
    };
    const input = `${encode({ alg: key.alg, typ: "JWT", kid: key.kid })}.${encode(all)}`;
    const signature = sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
    return `${input}.${signature.toString("base64url")}`;
  }

  /** A token of a key that nobody has published, made without any signing: there is no key to check it with. */
  unknownToken(): string {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: "https://issuer.drill.test", aud: "drill-api", sub: "nobody", iat: now, exp: now + 3600 };
    const header = { alg: "RS256", typ: "JWT", kid: `unknown-${randomBytes(8).toString("hex")}` };
    return `${encode(header)}.${encode(claims)}.${randomBytes(256).toString("base64url")}`;
  }
}
