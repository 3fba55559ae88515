import {
  createHmac,
  createSecretKey,
  constants,
  generateKeyPairSync,
  sign,
  type JsonWebKey,
  type KeyObject,
} from "node:crypto";
import { parseKeySet } from "../../lib/filter/keys";
import type { KeySource } from "../../lib/policy";
import { issuerRules, issuerSchema } from "../../lib/policy/kinds/jwt";
import { verifyToken, type Algorithm, type IssuerRules, type Verified } from "../../lib/identity/token";

/** Tokens byte by byte: what hostile tests need is what a library for tokens would refuse to make. */

export const NOW = 1_800_000_000;
export const ISSUER = "https://issuer.test/realms/main";

export interface Pair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

export const rsaPair = (bits = 2048): Pair => generateKeyPairSync("rsa", { modulusLength: bits });
export const ecPair = (curve: string): Pair => generateKeyPairSync("ec", { namedCurve: curve });
export const edPair = (): Pair => generateKeyPairSync("ed25519");

/** One key for each kind; its `kid` is its name here. */
export const pairs = { rsa: rsaPair(), ec: ecPair("P-256"), ed: edPair() } as const;
export const secret = createSecretKey(Buffer.from("a secret of this test, longer than thirty-two bytes"));

const kindOf = (alg: string): "rsa" | "ec" | "ed" => (alg.startsWith("ES") ? "ec" : alg === "EdDSA" ? "ed" : "rsa");

export const base64url = (value: string | Buffer): string => Buffer.from(value as string).toString("base64url");
export const b64json = (value: unknown): string => base64url(JSON.stringify(value));

export function signature(alg: string, key: KeyObject, input: string): Buffer {
  const data = Buffer.from(input);
  const hash = `sha${alg.slice(2)}`;
  if (alg.startsWith("HS")) return createHmac(hash, key).update(data).digest();
  if (alg.startsWith("ES")) return sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
  if (alg.startsWith("PS")) {
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
    return sign(hash, data, { key, padding, saltLength });
  }
  return sign(alg === "EdDSA" ? null : hash, data, key);
}

export const good = {
  iss: ISSUER,
  aud: "api",
  typ: "Bearer",
  sub: "user-1",
  iat: NOW,
  exp: NOW + 300,
  realm: { roles: ["reader"] },
  scope: "read",
  tenant: "t1",
};

/** The same members as JSON text, with more text inside the braces: members that stand twice, escapes, numbers. */
export const withText = (more: string, members: object = good): string =>
  `{${JSON.stringify(members).slice(1, -1)},${more}}`;
export const without = (...names: (keyof typeof good)[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(good).filter(([name]) => !(names as string[]).includes(name)));

export interface Making {
  alg?: string;
  /** What signs, where it is not the key of the algorithm. */
  key?: KeyObject;
  /** What signs by, where it is not what the header says. */
  signAs?: string;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  /** In place of header and claims: their bytes. */
  headerText?: string | Buffer;
  text?: string | Buffer;
  /** Changes the encoded segments before they are signed. */
  encoded?: (head: string, payload: string) => [string, string];
  /** Changes the signature's bytes. */
  signed?: (bytes: Buffer) => Buffer;
  /** Changes the whole token. */
  after?: (head: string, payload: string, tail: string) => string;
}

export function make(making: Making = {}): string {
  const { alg = "RS256", signAs = alg, header = {}, claims = {} } = making;
  const key = making.key ?? (signAs.startsWith("HS") ? secret : pairs[kindOf(signAs)].privateKey);
  const kid = alg.startsWith("HS") ? "secret" : kindOf(alg);
  const plainHead = base64url(making.headerText ?? JSON.stringify({ alg, kid, typ: "JWT", ...header }));
  const plainPayload = base64url(making.text ?? JSON.stringify({ ...good, ...claims }));
  const [head, payload] = making.encoded?.(plainHead, plainPayload) ?? [plainHead, plainPayload];
  const bytes = signature(signAs, key, `${head}.${payload}`);
  const tail = base64url(making.signed?.(bytes) ?? bytes);
  return making.after?.(head, payload, tail) ?? `${head}.${payload}.${tail}`;
}

export const rules: IssuerRules = issuerRules(
  "main",
  issuerSchema.parse({
    issuer: ISSUER,
    jwks: { url: `${ISSUER}/keys` },
    audiences: ["api"],
    algorithms: ["RS256", "ES256", "EdDSA"],
    type: { claim: "typ", value: "Bearer" },
    roles: "realm.roles",
    scopes: "scope",
  }),
);

export const jwk = (key: KeyObject, more: Record<string, unknown> = {}): JsonWebKey & Record<string, unknown> => ({
  ...key.export({ format: "jwk" }),
  use: "sig",
  ...more,
});

export const keySet = (...keys: unknown[]): string => JSON.stringify({ keys });
export const goodKeys: readonly unknown[] = Object.entries(pairs).map(([kid, { publicKey }]) =>
  jwk(publicKey, { kid }),
);

/** The keys of each issuer as its document has them: by `kid`, or the only one. A document that is refused has none. */
export function published(documents: Readonly<Record<string, string>>): KeySource {
  const sets = new Map<string, ReturnType<typeof parseKeySet>>(
    Object.entries(documents).map(([issuer, text]) => {
      try {
        return [issuer, parseKeySet(text)];
      } catch {
        return [issuer, []];
      }
    }),
  );
  return {
    find(issuer, kid, alg) {
      const keys = (sets.get(issuer) ?? []).filter((k) => k.alg === undefined || k.alg === alg);
      if (kid !== undefined) return keys.find((k) => k.kid === kid)?.key;
      return keys.length === 1 ? keys[0]?.key : undefined;
    },
  };
}

/** Gives this key whatever is asked for: what binds a key to an algorithm must hold without the help of the set. */
export const always = (key: KeyObject): KeySource => ({ find: () => key, secrets: () => [key] });

export interface Asking {
  rules?: Partial<IssuerRules> | undefined;
  keys?: KeySource | undefined;
  now?: number | undefined;
}

const goodSource = published({ main: keySet(...goodKeys) });

export const verify = (
  token: string,
  { rules: change, keys = goodSource, now = NOW }: Asking = {},
): Promise<Verified> => Promise.resolve(verifyToken(token, [{ ...rules, ...change }], keys, now * 1000));

export const verdict = (verified: Verified): string => ("identity" in verified ? "accepted" : verified.reason);

export const only = (...algorithms: Algorithm[]): Partial<IssuerRules> => ({ algorithms });

/** One hostile input: the number of the list, what it is, the token, and what it is shown to. */
export type Row = [
  number: number,
  what: string,
  token: string | (() => string | Promise<string>),
  asking?: Asking | undefined,
];

/** Every row is a refusal with a reason: never an identity, never a throw. */
export function refused(rows: readonly Row[], check: (reason: string) => void = () => undefined): void {
  test.each(rows.map(([n, what, token, asking]) => ({ name: `${String(n)} ${what}`, token, asking })))(
    "$name",
    async ({ token, asking }) => {
      const text = typeof token === "string" ? token : await token();
      const verified = await verify(text, asking);
      expect(verified).not.toHaveProperty("identity");
      expect(verdict(verified)).toMatch(/^jwt-[a-z-]+$/);
      check(verdict(verified));
    },
  );
}

/** For tokens that the right key has signed: a wrong signature must not be why they are refused. */
export const notBySignature = (reason: string): void => {
  expect(["jwt-signature", "jwt-unknown-key"]).not.toContain(reason);
};
