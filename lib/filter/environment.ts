import { STORE_ADDRESS } from "../policy/values";
import { isIP } from "node:net";
import type { FilterPlan } from "../decision/filter-plan";
import type { FilterOptions } from "./server";
import { KEY_TIMES } from "./keys";
import { SECRET_TIMES } from "./secrets";

/** A variable that says something else than it may: the message names each, what it is and what is wanted. */
export class BadEnvironment extends Error {}

interface Variable<T> {
  read: (text: string) => T | undefined;
  wanted: string;
  /** Its value may be nobody's business. */
  secret?: true;
}

/** Beyond this a timer does not wait at all. */
const LONGEST_MS = 2_147_483_647;

const whole = (wanted: string, min: number, max: number): Variable<number> => ({
  wanted,
  read: (text) => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= min && value <= max ? value : undefined;
  },
});

const port = whole("a port from 0 to 65535", 0, 65_535);
const milliseconds = (min: number, max = LONGEST_MS): Variable<number> =>
  whole(`whole milliseconds from ${String(min)} to ${String(max)}`, min, max);

const text = (wanted: string, isGood = (value: string): boolean => value !== ""): Variable<string> => ({
  wanted,
  read: (value) => (isGood(value) ? value : undefined),
});

/** True for what a process can listen on. */
export function isListenAddress(host: string): boolean {
  return isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host);
}

/** True for the address of a shared store. */
export function isStoreAddress(url: string): boolean {
  return STORE_ADDRESS.test(url);
}

/** Everything that a filter reads from its environment; docs/filter.md says what it is for. */
export const VARIABLES = {
  LISTEN_HOST: text("an address, such as 127.0.0.1", isListenAddress),
  LISTEN_PORT: port,
  THROUGH_PORT: port,
  REPORT_PORT: port,
  ADMIN_PORT: port,
  HTTP_PORT: port,
  HTTPS_PORT: port,
  TLS_CERTIFICATE: text("a PEM file"),
  TLS_KEY: text("a PEM file"),
  CERTIFICATES_DIR: text("a folder"),
  REDIS_URL: {
    ...text("redis://host:port, rediss://host:port or redis+cluster://host:port,host:port", isStoreAddress),
    secret: true as const,
  },
  STORE_TIMEOUT_MS: milliseconds(1),
  DRAIN_MS: milliseconds(0),
  KEYS_CACHE_DIR: text("a folder"),
  KEYS_REFRESH_MS: milliseconds(1),
  // No timer waits for these.
  KEYS_SETTLED_MS: milliseconds(0, Number.MAX_SAFE_INTEGER),
  KEYS_MAX_STALE_MS: milliseconds(1, Number.MAX_SAFE_INTEGER),
  SECRETS_REFRESH_MS: milliseconds(1),
  TOKEN_CACHE_BYTES: whole("bytes, 0 or more", 0, Number.MAX_SAFE_INTEGER),
  FILTER_PLAN: text("a file"),
  FILTER_WORKERS: whole("a number of processes from 1 to 1024", 1, 1_024),
  FILTER_WORKER: whole("a number", 0, 1_023),
};

type Name = keyof typeof VARIABLES;
export type Environment = { [N in Name]?: (typeof VARIABLES)[N] extends Variable<infer T> ? T : never };

/** Reads the environment; a variable that is there must say something, and every fault is told at once. */
export function filterEnvironment(env: NodeJS.ProcessEnv): Environment {
  const faults: string[] = [];
  const entries = Object.entries(VARIABLES).flatMap(([name, { read, wanted, ...variable }]) => {
    const said = env[name];
    if (said === undefined) return [];
    const value = read(said);
    if (value === undefined) {
      faults.push(`${name} is ${"secret" in variable ? "not good" : JSON.stringify(said)}: write ${wanted}.`);
    }
    return [[name, value]];
  });
  // A listener would be plain where TLS was meant.
  if ((env["TLS_CERTIFICATE"] === undefined) !== (env["TLS_KEY"] === undefined)) {
    faults.push("TLS_CERTIFICATE and TLS_KEY belong together.");
  }
  if (faults.length > 0) throw new BadEnvironment(faults.join("\n"));
  return Object.fromEntries(entries) as Environment;
}

/** Variables of secrets that are not there: in production nobody would be let in, for as long as nobody looks. */
export function unsetSecrets({ secrets, environment }: FilterPlan, env: NodeJS.ProcessEnv): string[] {
  if (environment !== "production") return [];
  return Object.values(secrets).flatMap(({ env: name }) => (name !== undefined && !env[name] ? [name] : []));
}

/** What holds wherever a filter listens. */
export function coreOptions(
  env: Environment,
): Pick<FilterOptions, "drainMs" | "keyTimes" | "secretTimes" | "tokenCacheBytes" | "certificates" | "storeTimeoutMs"> {
  return {
    drainMs: env.DRAIN_MS ?? 0,
    keyTimes: {
      refreshMs: env.KEYS_REFRESH_MS ?? KEY_TIMES.refreshMs,
      maxStaleMs: env.KEYS_MAX_STALE_MS ?? KEY_TIMES.maxStaleMs,
      settledMs: env.KEYS_SETTLED_MS,
      directory: env.KEYS_CACHE_DIR,
    },
    secretTimes: { refreshMs: env.SECRETS_REFRESH_MS ?? SECRET_TIMES.refreshMs },
    tokenCacheBytes: env.TOKEN_CACHE_BYTES,
    certificates: env.CERTIFICATES_DIR,
    storeTimeoutMs: env.STORE_TIMEOUT_MS,
  };
}
