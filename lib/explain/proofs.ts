import {
  constants,
  createHash,
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from "node:crypto";
import { headerValues, type GatewayRequest, type HeaderLine, type KeySource, type SecretSource } from "../policy";
import { configOf, type ConfiguredPolicy } from "../decision/gateway";
import { ALGORITHM_NAMES, type Algorithm } from "../identity/token";
import { basicOf, keyHeader } from "../policy/kinds/api-key";

/** Keys and secrets made here, in place of those that a question has none of: nothing of them holds anywhere else. */

interface Pair {
  publicKey: KeyObject;
  privateKey: KeyObject;
}

const CURVES: Readonly<Record<string, string>> = { ES256: "P-256", ES384: "P-384", ES512: "P-521" };

/** Made once by a process: an RSA pair takes a while. */
const PAIRS = new Map<string, Pair>();

function pairFor(algorithm: Algorithm): Pair {
  const namedCurve = CURVES[algorithm];
  if (namedCurve !== undefined) return generateKeyPairSync("ec", { namedCurve });
  return algorithm === "EdDSA" ? generateKeyPairSync("ed25519") : generateKeyPairSync("rsa", { modulusLength: 2048 });
}

const NOTES = {
  token: "The signature of a token that is given is not judged here: it counts as good, all else in it is judged.",
  apiKey: "Whether an API key is known is not judged here: the one that is given counts as good.",
  signature: "What a request's signature is made of is not judged here: the one that is given counts as good.",
} as const;

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export class Proofs {
  readonly #secret = createSecretKey(randomBytes(32));
  readonly #rings = new Map<string, readonly string[]>();
  /** What is taken on trust. */
  readonly notes: string[] = [];
  readonly keys: KeySource = {
    find: (_issuer, _kid, algorithm) => this.#pair(algorithm as Algorithm).publicKey,
    secrets: () => [this.#secret],
  };
  readonly secrets: SecretSource = { versions: (name) => this.#rings.get(name), generation: () => 0 };

  /** A signed token. */
  token(algorithm: Algorithm, claims: object): string {
    return this.#signed(algorithm, `${base64url({ alg: algorithm, kid: "explain" })}.${base64url(claims)}`);
  }

  /** The request with what it brings as proof made good, for the policies that will look at it. */
  accept(request: GatewayRequest, policies: readonly ConfiguredPolicy[]): GatewayRequest {
    const jwt = configOf(policies, "jwt") as { mode: string; header?: string } | undefined;
    const apiKey = configOf(policies, "apiKey") as { basic: boolean; header: string; secret: string } | undefined;
    const signature = configOf(policies, "signature") as { secret: string } | undefined;
    let { headers } = request;
    if (jwt && jwt.mode !== "open") headers = headers.map((line) => this.#tokenIn(line, jwt.header));
    if (apiKey) {
      const [line = ""] = headerValues(request, keyHeader(apiKey));
      const given = apiKey.basic ? basicOf(line) : { id: "explain", key: line };
      if (given?.key) this.notes.push(NOTES.apiKey);
      this.#know(apiKey.secret, { [given?.id ?? "explain"]: given?.key || randomBytes(32).toString("base64url") });
    }
    const secretHeaders = configOf(policies, "secretHeaders") as { set: Record<string, string> } | undefined;
    for (const secret of Object.values(secretHeaders?.set ?? {})) this.#rings.set(secret, [`<secret:${secret}>`]);
    const accepted = { ...request, headers };
    return signature ? this.#signedRequest(accepted, signature.secret) : accepted;
  }

  #know(secret: string, ring: Record<string, string>): void {
    this.#rings.set(secret, [...(this.#rings.get(secret) ?? []), JSON.stringify(ring)]);
  }

  #pair(algorithm: Algorithm): Pair {
    const pair = PAIRS.get(algorithm) ?? pairFor(algorithm);
    PAIRS.set(algorithm, pair);
    return pair;
  }

  #signed(algorithm: Algorithm, input: string): string {
    return `${input}.${this.#signature(algorithm, Buffer.from(input)).toString("base64url")}`;
  }

  #signature(algorithm: Algorithm, data: Buffer): Buffer {
    const hash = `sha${algorithm.slice(2)}`;
    if (algorithm === "HS256") return createHmac(hash, this.#secret).update(data).digest();
    const key = this.#pair(algorithm).privateKey;
    if (algorithm === "EdDSA") return sign(null, data, key);
    if (algorithm.startsWith("ES")) return sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
    if (!algorithm.startsWith("PS")) return sign(hash, data, key);
    const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants;
    return sign(hash, data, { key, padding, saltLength });
  }

  /** A token wherever one may be, signed anew as it says that it is; what is none stays as it is. */
  #tokenIn([name, value]: HeaderLine, named = "authorization"): HeaderLine {
    if (![named, "cookie", "sec-websocket-protocol"].includes(name.toLowerCase())) return [name, value];
    const anew = value.replaceAll(/([\w-]+)(\.[\w-]+)\.[\w-]+/g, (token, head: string, claims: string) => {
      const algorithm = algorithmOf(head);
      if (algorithm === undefined) return token;
      if (!this.notes.includes(NOTES.token)) this.notes.push(NOTES.token);
      return this.#signed(algorithm, head + claims);
    });
    return [name, anew];
  }

  #signedRequest(request: GatewayRequest, secret: string): GatewayRequest {
    const [given, ...parts] = ["", "-key-id", "-timestamp", "-nonce"].map(
      (part) => headerValues(request, `x-signature${part}`)[0] ?? "",
    );
    const [keyId = "", timestamp = "", nonce = ""] = parts;
    const key = randomBytes(32).toString("base64url");
    this.#know(secret, { [keyId]: key });
    if (given === "") return request;
    this.notes.push(NOTES.signature);
    const body = createHash("sha256").update("").digest("hex");
    const input = [request.method, request.target, timestamp, nonce, body].join("\n");
    const good = createHmac("sha256", key).update(input).digest("base64url");
    const headers = request.headers.map(([name, value]): HeaderLine => [
      name,
      name.toLowerCase() === "x-signature" ? good : value,
    ]);
    return { ...request, headers };
  }
}

function algorithmOf(head: string): Algorithm | undefined {
  try {
    const { alg } = JSON.parse(Buffer.from(head, "base64url").toString("utf8")) as { alg?: unknown };
    return ALGORITHM_NAMES.find((name) => name === alg);
  } catch {
    return undefined;
  }
}
