import { setTimeout as sleep } from "node:timers/promises";
import { CLIENT, type Case, type Expectation } from "./case";
import { Identities } from "./identities";
import type { Held, Stand } from "./stands/stand";
import type { System } from "./system";
import { Services } from "./upstreams";
import { send, type Endpoint, type OpenAnswer, type WireAnswer, type WireRequest } from "./wire";

/** Gateways that somebody runs, whose services and state are none of ours: cases as far as they can be seen from outside. */

/** `customer#2!expired` → `TOKEN_CUSTOMER_2_EXPIRED`. */
export const tokenVariable = (name: string): string => `TOKEN_${name.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;
export const keyVariable = (name: string): string => `KEY_${name.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;

/** Tokens and keys of the environment; what can be spoiled in a good token is. */
class LiveIdentities extends Identities {
  override token(name: string): string {
    const own = process.env[tokenVariable(name)];
    if (own !== undefined) return own;
    const [good = "", defect] = name.split("!");
    const token = process.env[tokenVariable(good)];
    const [head = "", payload = "", signature = ""] = token?.split(".") ?? [];
    if (defect === "tampered") {
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
      return [head, Buffer.from(JSON.stringify({ ...claims, added: true })).toString("base64url"), signature].join(".");
    }
    if (defect === "alg-none")
      return [Buffer.from('{"alg":"none","typ":"JWT"}').toString("base64url"), payload, ""].join(".");
    throw new Error(`There is no ${tokenVariable(name)} in the environment.`);
  }

  override key(name: string): ReturnType<Identities["key"]> {
    return { value: process.env[keyVariable(name)] ?? "" };
  }
}

export interface LiveOptions {
  endpoint: Endpoint;
  /** Another gateway, whose answers should be the same. */
  against?: Endpoint;
  /** Names of answers' headers that may differ. */
  mayDiffer: ReadonlySet<string>;
  /** Requests a second, at most. */
  rate: number;
}

function difference(one: WireAnswer, other: WireAnswer, mayDiffer: ReadonlySet<string>): string[] {
  const headersOf = ({ headers }: WireAnswer): Map<string, string> => {
    const found = new Map<string, string>();
    for (const [name, value] of headers) {
      const key = name.toLowerCase();
      if (!mayDiffer.has(key)) found.set(key, found.has(key) ? `${found.get(key) ?? ""}, ${value}` : value);
    }
    return found;
  };
  const [a, b] = [headersOf(one), headersOf(other)];
  const names = [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name));
  return [
    ...(one.status === other.status ? [] : [`status ${String(one.status)}, against ${String(other.status)}`]),
    ...names.map((name) => `${name}: ${a.get(name) ?? "absent"}, against ${b.get(name) ?? "absent"}`),
    ...(one.body.equals(other.body)
      ? []
      : [`body of ${String(one.body.length)} bytes, against ${String(other.body.length)}`]),
  ];
}

/** One or two live gateways as a stand. */
export class LiveStand implements Stand {
  readonly target = "live";
  readonly services = new Services();
  readonly identities: Identities;
  /** Of the case that ran last. */
  differences: string[] = [];
  #freeAt = 0;

  constructor(
    readonly system: System,
    private readonly options: LiveOptions,
  ) {
    this.identities = new LiveIdentities(system.name, system.identities);
  }

  begin(): Promise<void> {
    this.differences = [];
    return Promise.resolve();
  }

  async send(request: WireRequest): Promise<OpenAnswer<Held>> {
    const { endpoint, against, mayDiffer, rate } = this.options;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + 1000 / rate;
    await sleep(this.#freeAt - now - 1000 / rate);
    const opened = await send(endpoint, request);
    if (!against) return opened;
    const other = await send(against, request);
    other.socket.destroy();
    this.differences.push(...difference(opened.answer, other.answer, mayDiffer));
    return opened;
  }

  revoke(): Promise<void> {
    return Promise.reject(new Error("Nobody revokes tokens here."));
  }

  logs(): string {
    return "";
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);
/** A case that asks more often is one of limits, and spends what others need. */
const MANY = 10;

/** Of an expectation what an answer shows. */
const seen = ({ status, headers, body, statuses }: Expectation): Expectation => ({
  headers,
  ...(status !== undefined && { status }),
  ...(body && { body }),
  ...(statuses && { statuses }),
});

/** A case as it can be asked of a live gateway, or why it cannot; `all`: unsafe methods and many requests too. */
export function liveCase(
  testCase: Case,
  { scheme, all, compared }: { scheme: string; all: boolean; compared: boolean },
): Case | string {
  const { upstreams, away, replicas, steps } = testCase;
  if (Object.keys(upstreams).length > 0) return "its services behave as they like";
  if (away.length > 0 || replicas > 1) return "its parts are not ours to stop";
  const kept: Case["steps"] = [];
  for (const step of steps) {
    if ("revoke" in step) return "its tokens are not ours to revoke";
    if (!("request" in step)) {
      kept.push(step);
      continue;
    }
    const { request, expect, times, hold } = step;
    if (request.scheme !== scheme) return `it asks by ${request.scheme}`;
    if (request.client !== CLIENT) return "it calls from another address";
    if (!all && !SAFE.has(request.method)) return `${request.method} is not safe (--all)`;
    if (!all && Math.max(times, hold ?? 1) > MANY) return `it asks ${String(Math.max(times, hold ?? 1))} times (--all)`;
    const text = JSON.stringify(request);
    const tokens = [request.token, ...[...text.matchAll(/\$\{token:([^}]+)\}/g)].map(([, name]) => name)];
    const missing = tokens.find(
      (name) =>
        name !== undefined &&
        process.env[tokenVariable(name)] === undefined &&
        !(/!(tampered|alg-none)$/.test(name) && process.env[tokenVariable(name.replace(/!.*$/, ""))] !== undefined),
    );
    if (missing !== undefined) return `there is no ${tokenVariable(missing)} in the environment`;
    const keys = [
      request.apiKey,
      request.sign?.key,
      ...[...text.matchAll(/\$\{key:([^}]+)\}/g)].map(([, name]) => name),
    ];
    const key = keys.find((name) => name !== undefined && process.env[keyVariable(name)] === undefined);
    if (key !== undefined) return `there is no ${keyVariable(key)} in the environment`;
    const { last, ...every } = expect;
    const visible = compared ? { headers: {} } : { ...seen({ ...every }), ...(last && { last: seen(last) }) };
    if (!compared && Object.keys(visible).length === 1 && Object.keys(visible.headers).length === 0)
      return "it expects nothing that an answer shows";
    kept.push({ ...step, expect: visible });
  }
  return { ...testCase, steps: kept };
}
