import type { Note } from "./notes";
import { isObject, type Json } from "./openapi-schema";

/** What a description asks of who calls (https://spec.openapis.org/oas/v3.1.0#security-requirement-object). */

export type Where = readonly (string | number)[];
export type Say = (level: Note["level"], name: string, at: Where, what: string) => void;

/** What an operation asks of who calls it. */
export interface Access {
  policies: Record<string, unknown>;
  /** Something of it is not taken: whoever called would be let in. */
  isClosed: boolean;
}

/** What one alternative needs: all of it together. */
interface Needed {
  kinds: Set<"apiKey" | "jwt">;
  issuers: string[];
  headers: string[];
  scopes: string[];
}

class NotTaken extends Error {
  constructor(
    readonly scheme: string,
    what: string,
  ) {
    super(what);
  }
}

/** The secret that holds the keys, and the variable that it is read from. */
const KEYS = "api-keys";
const KEYS_VARIABLE = "API_KEYS";

const issuerName = (i: number): string => (i === 0 ? "login" : `login-${String(i + 1)}`);

export class SecurityImport {
  readonly #issuers: string[] = [];
  #hasKeys = false;

  constructor(
    /** A scheme by its name. */
    private readonly scheme: (name: string) => Json | undefined,
    /** Who signs the tokens where a scheme does not say. */
    private readonly issuer: string | undefined,
    private readonly say: Say,
  ) {}

  /** Security requirements: one of them is enough. */
  access(security: unknown, at: Where): Access {
    if (security === undefined || (Array.isArray(security) && security.length === 0))
      return { policies: {}, isClosed: false };
    try {
      const requirements = Array.isArray(security) ? (security as unknown[]).filter(isObject) : [];
      if (requirements.length === 0 || requirements.length !== (security as unknown[]).length)
        throw new NotTaken("security", "it is no list of requirements, each of them a mapping");
      const named = requirements.filter((one) => Object.keys(one).length > 0);
      const needed = named.map((one) => this.#needed(one));
      return { policies: this.#policies(needed, named.length < requirements.length, at), isClosed: false };
    } catch (error) {
      if (!(error instanceof NotTaken)) throw error;
      this.say("lost", error.scheme, at, error.message);
      return { policies: {}, isClosed: true };
    }
  }

  #needed(requirement: Json): Needed {
    const needed: Needed = { kinds: new Set(), issuers: [], headers: [], scopes: [] };
    for (const [name, scopes] of Object.entries(requirement)) {
      const scheme = this.scheme(name) ?? {};
      const { type, in: place, openIdConnectUrl } = scheme as Record<string, string | undefined>;
      const form = String(scheme["scheme"]).toLowerCase();
      if (type === "oauth2" || type === "openIdConnect" || (type === "http" && form === "bearer")) {
        const url = openIdConnectUrl?.replace(/\/\.well-known\/openid-configuration$/, "") ?? this.issuer;
        if (url === undefined)
          throw new NotTaken(name, `"${name}" does not say who signs its tokens: name the issuer by --issuer URL`);
        needed.kinds.add("jwt");
        needed.issuers.push(url);
        needed.scopes.push(...(Array.isArray(scopes) ? (scopes as string[]) : []));
      } else if (type === "apiKey" && place === "header") {
        if (Array.isArray(scopes) && scopes.length > 0)
          throw new NotTaken(name, `"${name}" is a key, whose roles nobody tells`);
        needed.kinds.add("apiKey");
        needed.headers.push(String(scheme["name"]).toLowerCase());
      } else {
        const how = type === "apiKey" ? ` in a ${place ?? ""}` : type === "http" ? ` by ${form}` : "";
        throw new NotTaken(name, `"${name}" is ${type ?? "not described"}${how}, which is not taken`);
      }
    }
    if (new Set(needed.issuers).size > 1) throw new NotTaken("security", "tokens of two issuers at once are not taken");
    return needed;
  }

  #policies(alternatives: readonly Needed[], optional: boolean, at: Where): Record<string, unknown> {
    const [first] = alternatives;
    if (!first) return {};
    const form = (one: Needed): string => [...one.kinds].sort().join("+");
    if (alternatives.some((one) => form(one) !== form(first)))
      throw new NotTaken("security", "keys or tokens, whichever there are: one of the two is to be asked for");
    const [header, ...others] = new Set(alternatives.flatMap(({ headers }) => headers));
    if (others.length > 0) throw new NotTaken("security", "keys in several headers are not taken");
    if (header !== undefined && optional) throw new NotTaken("security", "a key that need not be there is not taken");
    const ofOne = new Set(alternatives.flatMap((one) => one.issuers)).size <= 1;
    if (!ofOne && alternatives.some(({ scopes }) => scopes.length > 0))
      throw new NotTaken(
        "security",
        "scopes that differ by issuer are not taken: a route's hold for all of its issuers",
      );
    const scoped = alternatives.filter(({ scopes }) => scopes.length > 0);
    // An alternative without scopes makes the others needless.
    const asksScopes = scoped.length === alternatives.length && !optional;
    if (header !== undefined) this.#keys(at);
    const issuers = [...new Set(alternatives.flatMap((one) => one.issuers))].map((url) => this.#issuerOf(url, at));
    return {
      ...(issuers.length > 0 && { jwt: { ...(optional && { mode: "optional" }), issuers } }),
      ...(header !== undefined && { apiKey: { header, secret: KEYS } }),
      ...(asksScopes && { authorization: { anyOf: scoped.map(({ scopes }) => ({ scopes: [...new Set(scopes)] })) } }),
    };
  }

  #keys(at: Where): void {
    if (!this.#hasKeys)
      this.say(
        "changed",
        "apiKey",
        at,
        `the keys are read from the variable ${KEYS_VARIABLE}, a JSON object of ids and keys`,
      );
    this.#hasKeys = true;
  }

  #issuerOf(url: string, at: Where): string {
    if (!this.#issuers.includes(url)) {
      this.#issuers.push(url);
      const what = `the keys of ${url} are looked for at ${keysOf(url)}, and scopes in the claim scope`;
      this.say("changed", "issuer", at, `${what}: its openid-configuration says jwks_uri`);
    }
    return issuerName(this.#issuers.indexOf(url));
  }

  /** What the model needs besides its routes. */
  get parts(): { issuers?: Record<string, object>; secrets?: Record<string, object> } {
    const issuers = this.#issuers.map((url, i) => [
      issuerName(i),
      { issuer: url, jwks: { url: keysOf(url) }, scopes: "scope" },
    ]);
    return {
      ...(issuers.length > 0 && { issuers: Object.fromEntries(issuers) as Record<string, object> }),
      ...(this.#hasKeys && { secrets: { [KEYS]: { env: KEYS_VARIABLE } } }),
    };
  }
}

const keysOf = (url: string): string => `${url.replace(/\/$/, "")}/.well-known/jwks.json`;
