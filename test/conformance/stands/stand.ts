import type { Case } from "../case";
import type { Identities } from "../identities";
import type { Services } from "../upstreams";
import type { OpenAnswer, WireAnswer, WireRequest } from "../wire";

/** One target, running, with everything around it. */
export interface Stand {
  readonly target: string;
  readonly services: Services;
  readonly identities: Identities;
  /** Fresh state: nothing counted, nothing seen. Parts that the case takes away are gone when it returns. */
  begin(testCase: Case): Promise<void>;
  /** Sends a request to the n-th instance. */
  send(request: WireRequest, instance: number): Promise<OpenAnswer | { answer: WireAnswer }>;
  /** All that the gateway's parts have logged since `begin`. */
  logs(): string;
  /** The reason that the gateway gave for its answer to a request with this id. */
  reason?(requestId: string): string | undefined;
  end(testCase: Case): Promise<void>;
  stop(): Promise<void>;
}

export interface StandOptions {
  system: string;
  environment: string;
  replicas: number;
}

/** Starts a stand, or tells why it cannot be had here. */
export type StandFactory = (options: StandOptions) => Promise<Stand | { unavailable: string }>;
