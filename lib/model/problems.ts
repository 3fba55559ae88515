import { name } from "../policy/values";
import { diagnostic, type Diagnostic } from "../diagnostics";
import type { RawModel } from "./read";

/**
 * Faults of meaning that can be told from a model that is wrong elsewhere: names that lead nowhere, names used twice. It
 * reads whatever is there and takes no shape for granted, so that one run finds everything.
 */

type Loose = Readonly<Record<string, unknown>>;

const record = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** The known word that was probably meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const ranked = known.map((k) => ({ k, d: distance(word.toLowerCase(), k.toLowerCase()) })).sort((a, b) => a.d - b.d);
  const [best] = ranked;
  return best && best.d <= Math.max(2, Math.floor(word.length / 3)) ? best.k : undefined;
}

class Finder {
  readonly found: Diagnostic[] = [];
  readonly #model: Loose;
  readonly #name: string;

  constructor(private readonly raw: RawModel) {
    this.#model = record(raw.value);
    this.#name = text(this.#model["name"]) || "model";
  }

  run(): Diagnostic[] {
    const model = this.#model;
    this.#issuersExist(["policies"], record(model["policies"]));
    this.#secretsOf(["policies"], "", record(model["policies"]));
    for (const group of ["hosts", "services"]) {
      for (const [name, item] of Object.entries(record(model[group]))) {
        this.#issuersExist([group, name, "policies"], record(record(item)["policies"]));
        this.#secretsOf([group, name, "policies"], `${name}/policies`, record(record(item)["policies"]));
        this.#environmentsExist([group, name], record(item));
      }
    }
    const seen = new Set<string>();
    list(model["routes"]).forEach((item, i) => {
      const route = record(item);
      const name = text(route["name"]) ?? String(i);
      if (seen.has(name)) {
        this.#add(
          "model/duplicate-name",
          ["routes", i],
          name,
          `Another route is named "${name}".`,
          "Give each route its own name.",
        );
      }
      seen.add(name);
      this.#route(i, name, route);
    });
    this.#issuers();
    this.#overlays();
    return this.found;
  }

  /** An overlay of what is not there would say nothing. */
  #overlays(): void {
    const model = this.#model;
    const names = list(model["routes"]).map((route) => text(record(route)["name"]) ?? "");
    for (const [environment, item] of Object.entries(record(model["overlays"]))) {
      const path = ["overlays", environment];
      this.#environmentsExist(path, { environments: [environment] });
      const overlay = record(item);
      const known = {
        hosts: Object.keys(record(model["hosts"])),
        services: Object.keys(record(model["services"])),
        routes: names,
      };
      for (const [group, all] of Object.entries(known)) {
        for (const [name, own] of Object.entries(record(overlay[group]))) {
          const at = [...path, group, name];
          this.#secretsOf([...at, "policies"], `${at.join("/")}/policies`, record(record(own)["policies"]));
          this.#issuersExist([...at, "policies"], record(record(own)["policies"]));
          if (all.includes(name)) continue;
          const why = `The model has no such ${group.slice(0, -1)}.`;
          this.#add("model/unknown-key", at, at.join("/"), why, `Use one of: ${all.join(", ")}.`);
        }
      }
      this.#secretsOf([...path, "policies"], `${path.join("/")}/policies`, record(overlay["policies"]));
      this.#issuersExist([...path, "policies"], record(overlay["policies"]));
    }
  }

  #route(i: number, name: string, route: Loose): void {
    this.#issuersExist(["routes", i, "policies"], record(route["policies"]), name);
    this.#secretsOf(["routes", i, "policies"], `${name}/policies`, record(route["policies"]));
    this.#environmentsExist(["routes", i], route, name);
    const ways = ["service", "backends", "respond", "redirect"].filter(
      (way) => route[way] !== undefined && route[way] !== null,
    );
    if (ways.length !== 1) {
      const why = ways.length === 0 ? "It leads nowhere." : `It has ${ways.join(" and ")} at once.`;
      this.#add(
        "model/invalid-value",
        ["routes", i],
        name,
        why,
        "Write exactly one of service, backends, respond and redirect.",
      );
    }
    const asked = [
      "apiKey",
      "signature",
      "jwt",
      "csrf",
      "tenant",
      "authorization",
      "rateLimit",
      "connections",
      "lockout",
      "bodySchema",
      "graphql",
      "cache",
      "fallback",
    ].filter((kind) => record(route["policies"])[kind]);
    if ((route["respond"] !== undefined || route["redirect"] !== undefined) && asked.length > 0) {
      const why = `It answers by itself, so nobody is asked for ${asked.join(", ")}.`;
      this.#add(
        "model/invalid-value",
        ["routes", i, "policies"],
        `${name}/policies`,
        why,
        "Take these policies away, or name a service.",
      );
    }
    const services = record(this.#model["services"]);
    const named = [route["service"], ...list(route["backends"]).map((b) => record(b)["service"])].map(text);
    for (const service of named) {
      if (service !== undefined && !Object.hasOwn(services, service)) {
        this.#unknown(
          "model/unknown-service",
          ["routes", i, "service"],
          `${name}/service`,
          "service",
          service,
          Object.keys(services),
        );
      }
    }
    const hosts = Object.keys(record(this.#model["hosts"]));
    for (const host of list(route["hosts"]).map(text)) {
      if (host !== undefined && !hosts.includes(host)) {
        this.#unknown("model/unknown-host", ["routes", i, "hosts"], `${name}/hosts`, "host", host, hosts);
      }
    }
  }

  #issuersExist(path: readonly (string | number)[], policies: Loose, route?: string): void {
    const known = Object.keys(record(this.#model["issuers"]));
    for (const issuer of list(record(policies["jwt"])["issuers"]).map(text)) {
      if (issuer === undefined || known.includes(issuer)) continue;
      const where = [...(route === undefined ? path.slice(1) : [route, "policies"]), "jwt"].join("/");
      this.#unknown("model/unknown-issuer", [...path, "jwt", "issuers"], where, "issuer", issuer, known);
    }
  }

  #environmentsExist(path: readonly (string | number)[], item: Loose, route?: string): void {
    const known =
      this.#model["environments"] === undefined ? ["production", "development"] : list(this.#model["environments"]);
    for (const environment of list(item["environments"]).map(text)) {
      if (environment === undefined || known.includes(environment)) continue;
      const where = `${route ?? path.slice(1).join("/")}/environments`;
      this.#unknown(
        "model/unknown-environment",
        [...path, "environments"],
        where,
        "environment",
        environment,
        known.map(String),
      );
    }
  }

  #secretsOf(path: readonly (string | number)[], where: string, policies: Loose): void {
    for (const kind of ["apiKey", "signature"]) {
      const at = where === "" ? kind : `${where}/${kind}`;
      this.#secretsExist(path, at, [record(policies[kind])["secret"]]);
    }
    const set = Object.values(record(record(policies["requestHeaders"])["set"]));
    const at = `${where === "" ? "" : `${where}/`}requestHeaders`;
    this.#secretsExist(
      path,
      at,
      set.map((value) => record(value)["secret"]),
    );
  }

  /** Every secret that something names must be one that the filter can find. */
  #secretsExist(path: readonly (string | number)[], where: string, names: readonly unknown[]): void {
    const known = Object.keys(record(this.#model["secrets"]));
    for (const secret of names.map(text)) {
      // What is no name at all may be the secret itself: the schema tells of it, and nobody repeats it.
      if (secret === undefined || known.includes(secret) || !name.safeParse(secret).success) continue;
      this.#unknown("model/unknown-secret", path, where, "secret", secret, known);
    }
  }

  #issuers(): void {
    for (const [name, item] of Object.entries(record(this.#model["issuers"]))) {
      this.#keys(name, record(item));
      const jwks = record(record(item)["jwks"]);
      if (!text(jwks["url"])?.startsWith("http://") || jwks["allowHttp"] === true) continue;
      const why = "Keys that come by plain http could be replaced on the way.";
      const fix = "Use https, or set jwks.allowHttp to true where the way is inside a cluster.";
      this.#add("model/key-server-not-https", ["issuers", name, "jwks"], `${name}/jwks/url`, why, fix);
    }
  }

  /** HS256 needs a secret, everything else published keys; a secret that signs nothing is a mistake. */
  #keys(name: string, issuer: Loose): void {
    this.#secretsExist(["issuers", name, "secret"], `${name}/secret`, [issuer["secret"]]);
    const algorithms = issuer["algorithms"] === undefined ? ["RS256"] : list(issuer["algorithms"]);
    const wrong = [
      [algorithms.includes("HS256"), issuer["secret"] !== undefined, "HS256", "a secret", "secret"],
      [algorithms.some((a) => a !== "HS256"), issuer["jwks"] !== undefined, "published keys", "jwks", "jwks"],
    ] as const;
    for (const [asks, has, what, needs, field] of wrong) {
      if (asks === has) continue;
      const why = asks
        ? `Its algorithms need ${needs}, and there is none.`
        : `It has ${field}, and no algorithm that uses it.`;
      const fix = asks
        ? `Name ${needs} of the issuer, or take ${what} out of algorithms.`
        : `Take ${field} away, or name the algorithm.`;
      this.#add("model/issuer-without-keys", ["issuers", name], name, why, fix);
    }
  }

  #unknown(
    code:
      | "model/unknown-secret"
      | "model/unknown-service"
      | "model/unknown-host"
      | "model/unknown-issuer"
      | "model/unknown-environment",
    path: readonly (string | number)[],
    where: string,
    what: string,
    value: string,
    known: readonly string[],
  ): void {
    const meant = nearest(value, known);
    const choice = meant
      ? `Write "${meant}"`
      : known.length > 0
        ? `Use one of ${known.join(", ")}`
        : `Name a ${what} first`;
    this.#add(code, path, where, `There is no ${what} "${value}".`, `${choice}, or add the ${what} "${value}".`);
  }

  #add(code: Diagnostic["code"], path: readonly (string | number)[], where: string, why: string, fix: string): void {
    this.found.push(diagnostic(code, `${this.#name}/${String(path[0])}/${where}`, why, fix, this.raw.locate(path)));
  }
}

export function findProblems(raw: RawModel): Diagnostic[] {
  return new Finder(raw).run();
}
