import { TokenCache } from "../identity/token-cache";
import type { State } from "../policy";
import { CircuitBreakers } from "../state/breakers";
import { MemoryCounters } from "../state/counters";
import { Flights } from "../state/flights";
import { MemoryStore } from "../state/memory-store";
import { PendingDrops } from "../state/pending-drops";

/** The state of one process that shares nothing with others. */
export function aloneState(own: Pick<State, "keys"> & Partial<State>): State {
  const nowMs = own.nowMs ?? Date.now;
  return {
    nowMs,
    shared: new MemoryStore(undefined, nowMs),
    alone: new MemoryStore(undefined, nowMs),
    local: new MemoryCounters(),
    secrets: { versions: () => undefined, generation: () => 0 },
    tokens: new TokenCache(),
    breakers: new CircuitBreakers(),
    flights: new Flights(),
    drops: new PendingDrops(),
    count: () => undefined,
    ...own,
  };
}
