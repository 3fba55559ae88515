import type { System } from "../system";
import type { Case } from "../case";
import type { Identities } from "../identities";
import type { Services } from "../upstreams";
import type { WireAnswer, WireRequest } from "../wire";
import type { Around } from "./around";

/** A connection that the runner may keep open. */
export interface Held {
  destroy(): void;
}

/** One target, running, with everything around it. */
export interface Stand {
  readonly target: string;
  readonly system: System;
  readonly services: Services;
  readonly identities: Identities;
  /** The real parts around a real gateway. */
  readonly around?: Around;
  /** Fresh state: nothing counted, nothing seen. Parts that the case takes away are gone when it returns. */
  begin(testCase: Case): Promise<void>;
  /** Sends a request to the n-th instance, on a connection that an answer of it has left open, if one is given. */
  send(
    request: WireRequest,
    instance: number,
    kept?: Held,
  ): Promise<{ answer: WireAnswer; socket: Held; keeps?: boolean }>;
  /** A connection for requests as this one, so that it need not be made while time counts. */
  open?(request: WireRequest, instance: number): Promise<Held | undefined>;
  /** Puts a key into the shared store, as whoever revokes a token does. */
  revoke(key: string): Promise<void>;
  /** All that the gateway's parts have logged since `begin`. */
  logs(): string;
  /** The reason that the gateway gave for its answer to a request with this id. */
  reason?(requestId: string): string | undefined;
  end(testCase: Case): Promise<void>;
  stop(): Promise<void>;
}

export interface StandOptions {
  system: System;
  environment: string;
  replicas: number;
}

/** Starts a stand, or tells why it cannot be had here. */
export type StandFactory = (options: StandOptions) => Promise<Stand | { unavailable: string }>;
