import { randomUUID } from "node:crypto";
import { z } from "zod";
import { addressGroup } from "../client-address";
import type { Feature } from "../feature";
import { policyKind, userKey, type Decision, type Exchange, type SharedStore, type State } from "../kind";
import { asksForWebSocket } from "./web-socket";

/** A connection whose gateway has died is forgotten after this long; a living one is renewed before. */
const LEASE_MS = 30_000;

const keys = z
  .array(z.enum(["user", "clientAddress"]))
  .min(1)
  .default(["user", "clientAddress"]);

/** The first of the kinds that the request has; nothing where it has none, and is not counted. */
function counterOf(
  kinds: z.output<typeof keys>,
  { system, environment, identity, request }: Exchange,
): string | undefined {
  const kind = kinds.find((k) => k === "clientAddress" || identity !== undefined);
  if (kind === undefined) return undefined;
  const owner = kind === "user" && identity ? userKey(identity) : `address:${addressGroup(request.client)}`;
  return `connections:{${system}:${environment}:${owner}}`;
}

/** Holds a place until the exchange ends. */
function hold(store: SharedStore, key: string, id: string, exchange: Exchange): void {
  const renewal = setInterval(() => {
    store.lease(key, id, Infinity, LEASE_MS).catch(() => undefined);
  }, LEASE_MS / 3);
  renewal.unref();
  exchange.atEnd.push(() => {
    clearInterval(renewal);
    store.release(key, id).catch(() => undefined);
  });
}

async function leased(
  store: SharedStore,
  key: string,
  id: string,
  max: number,
  state: State,
): Promise<SharedStore | undefined> {
  try {
    return (await store.lease(key, id, max, LEASE_MS)) ? store : undefined;
  } catch {
    return (await state.alone.lease(key, id, max, LEASE_MS)) ? state.alone : undefined;
  }
}

/** Takes a place, or refuses. */
async function placeOf(key: string, max: number, exchange: Exchange, state: State): Promise<Decision> {
  const id = randomUUID();
  const store = await leased(state.shared, key, id, max, state);
  if (!store) {
    const headers = { "retry-after": "1" };
    return { status: 429, reason: "too-many-connections", message: "Too many connections are open.", headers };
  }
  hold(store, key, id, exchange);
  return undefined;
}

/** WebSocket connections that are open at once, over all replicas; each replica counts for itself while the store is away. */
export const connections = policyKind({
  kind: "connections",
  schema: z.strictObject({ max: z.int().min(1).max(100_000), key: keys }),
  phase: "limits",
  sees: "close",
  perHost: false,
  requires: ({ key }): Feature[] =>
    key.includes("user") ? ["ConnectionLimit", "ConnectionLimitByUser"] : ["ConnectionLimit"],
  async decide(config, exchange, state) {
    if (!asksForWebSocket(exchange.request)) return undefined;
    const key = counterOf(config.key, exchange);
    return key === undefined ? undefined : await placeOf(key, config.max, exchange, state);
  },
});
