import { METHODS } from "../policy/values";
import type { Annotated } from "./annotated";

/** Policies of our kinds, from annotations of ingress-nginx. */

export type Policies = Record<string, unknown>;

const READ = 60;

/** `10.1.2.3/8` is the network 10.0.0.0/8. */
export function network(text: string): string | undefined {
  const [, address = "", bits] = /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?$/.exec(text) ?? [];
  if (address === "") return text.includes(":") ? text : undefined;
  const octets = address.split(".").map(Number);
  const length = bits === undefined ? 32 : Number(bits);
  if (octets.some((o) => o > 255) || length > 32) return undefined;
  const whole = octets.reduce((sum, o) => sum * 256 + o, 0);
  const masked = length === 0 ? 0 : whole - (whole % 2 ** (32 - length));
  const back = [24, 16, 8, 0].map((shift) => String(Math.floor(masked / 2 ** shift) % 256)).join(".");
  return bits === undefined ? back : `${back}/${String(length)}`;
}

const ADDRESS_LISTS = [
  ["allow", "allowlist-source-range"],
  ["allow", "whitelist-source-range"],
  ["deny", "denylist-source-range"],
] as const;

/** Who may call by address; `isLost`: a list cannot be said, and without it somebody would get in. */
export function addressesOf(a: Annotated): { policies: Policies; isLost: boolean } {
  const found: Policies = {};
  let isLost = false;
  for (const [side, name] of ADDRESS_LISTS) {
    const texts = a.list(name);
    // The newer name wins.
    if (!texts || side in found) continue;
    const networks = texts.map(network);
    const everybody = networks.some((n) => /\/0$/.test(n ?? ""));
    if (networks.includes(undefined) || (everybody && side === "deny")) {
      isLost = true;
      const what = everybody ? "nobody may call" : "is no list of networks: the controller answers 503";
      a.note("lost", name, `${texts.join(", ")}: ${what}; its routes answer 503 until you write who may`);
    } else if (everybody) a.note("changed", name, "a network of everybody says nothing; it is left out");
    else found[side] = networks;
  }
  return { policies: Object.keys(found).length > 0 ? { addresses: found } : {}, isLost };
}

function bodySize(a: Annotated): Policies {
  const value = a.text("proxy-body-size");
  if (value === undefined) return {};
  const [, digits, unit = ""] = /^(\d+)([kmg]?)$/i.exec(value) ?? [];
  if (digits === undefined) {
    a.note("idle", "proxy-body-size", `"${value}" is no size of nginx: the controller takes 1m`);
    return {};
  }
  if (Number(digits) === 0) return { bodySize: null };
  const units: Record<string, string> = { "": "B", k: "KiB", m: "MiB", g: "GiB" };
  return { bodySize: { max: `${digits}${units[unit.toLowerCase()] ?? ""}` } };
}

function times(a: Annotated): Policies {
  const read = a.number("proxy-read-timeout");
  const found: Policies =
    read === undefined || read === READ || read === 0 ? {} : { timeouts: { firstByte: `${String(read)}s` } };
  if (read !== undefined && read > READ) {
    a.note("changed", "proxy-read-timeout", "so long a time is for WebSockets mostly: they are allowed on its routes");
    found["webSocket"] = { allowed: true, idle: `${String(read)}s`, closeAtExpiry: false };
  }
  if (a.text("proxy-buffering") === "on") found["streaming"] = false;
  return found;
}

function retries(a: Annotated): Policies {
  const words = a.text("proxy-next-upstream")?.split(/\s+/) ?? [];
  const tries = a.number("proxy-next-upstream-tries");
  if (words.length === 0 && tries === undefined) return {};
  if (words.includes("off")) return { retries: { tries: 1 } };
  const statuses = words.flatMap((word) => /^http_(502|503|504)$/.exec(word)?.[1] ?? []);
  const others = words.filter((word) => !/^(error|timeout|http_50[234])$/.test(word));
  if (others.length > 0)
    a.note(
      "lost",
      "proxy-next-upstream",
      `${others.join(", ")}: tried again is what failed to connect, ran out or was 502 to 504, and never a POST`,
    );
  if (tries === 0 || (tries ?? 3) > 10) a.note("changed", "proxy-next-upstream-tries", "tries are ten at most");
  const count = tries === 0 ? 10 : Math.min(10, tries ?? 3);
  return { retries: { tries: count, perTry: `${String(a.number("proxy-read-timeout") ?? READ)}s`, statuses } };
}

/** What a limit of the controller means, whoever keeps it. */
export function limitsOf(a: Annotated): { requests: number; per: "1s" | "1m"; burst: number }[] {
  const multiplier = a.number("limit-burst-multiplier") ?? 5;
  return (["1s", "1m"] as const).flatMap((per) => {
    const requests = a.number(per === "1s" ? "limit-rps" : "limit-rpm") ?? 0;
    return requests > 0 ? [{ requests, per, burst: requests * multiplier }] : [];
  });
}

/** Counted by the filter, for one Ingress among several of a host. */
export function rateLimit(a: Annotated): Policies {
  const limits = limitsOf(a).map(({ requests, per, burst }) => ({
    name: `${a.object.namespace}-${a.object.name}${per === "1s" ? "" : "-minute"}`.slice(0, 63),
    ...{ requests, per, burst, key: [{ clientAddress: { ipv6Prefix: 128 } }], scope: "replica" },
  }));
  return limits.length > 0 ? { rateLimit: { limits } } : {};
}

const CORS_HEADERS =
  "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";

/** Nothing where the controller answers no preflight, or where its answer cannot be said. */
export function cors(a: Annotated): Policies | undefined {
  if (!a.flag("enable-cors", false)) return undefined;
  const origins = a.list("cors-allow-origin") ?? ["*"];
  if (origins.some((origin) => origin === "*" || origin === "null")) {
    a.note("lost", "cors-allow-origin", "any origin may read answers: name those that should (policies.cors.origins)");
    return undefined;
  }
  if (origins.some((origin) => origin.includes("*.")))
    a.note("changed", "cors-allow-origin", "the star of an origin took one name, and takes any number here");
  const methods = (a.list("cors-allow-methods") ?? ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"]).map((m) =>
    m.toUpperCase(),
  );
  const strange = methods.filter((m) => !METHODS.includes(m));
  if (strange.length > 0) a.note("lost", "cors-allow-methods", `${strange.join(", ")} is 405 here`);
  const lower = (names: readonly string[]): string[] => names.map((n) => n.toLowerCase()).filter((n) => n !== "*");
  const age = a.number("cors-max-age");
  return {
    origins: origins.map((origin) => origin.toLowerCase()),
    methods: methods.filter((m) => METHODS.includes(m)),
    requestHeaders: lower(a.list("cors-allow-headers") ?? CORS_HEADERS.split(",")),
    exposeHeaders: lower(a.list("cors-expose-headers") ?? []),
    credentials: a.flag("cors-allow-credentials", true),
    maxAge: `${String(age === undefined || age === 0 ? 1_728_000 : age)}s`,
  };
}

/** What holds on each route of an Ingress, but for its limits. */
export const routePolicies = (a: Annotated): Policies => ({
  ...addressesOf(a).policies,
  ...bodySize(a),
  ...times(a),
  ...retries(a),
});
