import type { KeyObject } from "node:crypto";
import type { z } from "zod";
import type { Feature } from "./feature";
import type { Phase } from "./phase";

/** What whoever keeps a promise must see of an exchange. */
export type Sees = "head" | "body" | "response" | "close";

/** One header line as it came. */
export type HeaderLine = readonly [name: string, value: string];

/** A request as the gateway has received it. */
export interface GatewayRequest {
  scheme: "http" | "https";
  method: string;
  /** Host without port, lower case. */
  host: string;
  /** Request target as sent: path and query, nothing decoded. */
  target: string;
  headers: readonly HeaderLine[];
  /** Address of the client, behind the trusted hops. */
  client: string;
  /** Bytes of request line and header lines, with their line ends. */
  headBytes: number;
}

/** Who calls, as a verified token tells. */
export interface Identity {
  issuer: string;
  user: string;
  claims: Readonly<Record<string, unknown>>;
  roles: readonly string[];
  scopes: readonly string[];
}

/** What a request has gathered on its way; kinds read and extend it. */
export interface Exchange {
  readonly system: string;
  readonly environment: string;
  readonly request: GatewayRequest;
  readonly requestId: string;
  identity?: Identity;
  /** Towards the upstream: headers to set, headers to drop, target to send. */
  upstream: { set: Map<string, string>; remove: Set<string>; target: string };
  /** Towards the client, on whatever answer it gets. */
  response: { set: Map<string, string>; remove: Set<string> };
  /** How the upstream is called. */
  call: { tries: number; perTryMs: number; retryOn: ReadonlySet<string> };
}

/** A kind's word on a request: nothing (it may go on), or the answer it gets instead. */
export type Decision =
  | undefined
  | { status: number; reason: string; message: string; headers?: Readonly<Record<string, string>>; answer?: true };

/** One counter of a request: GCRA with `requests` per `perMs`, at most `burst + 1` at once. */
export interface Counter {
  key: string;
  requests: number;
  perMs: number;
  burst: number;
}

/** Milliseconds until the request would be admitted; 0 when it was, and was counted. */
export interface CounterStore {
  /** All counters in one step: either all admit and count, or none counts. Rejects when the store is away. */
  take(counters: readonly Counter[], nowMs: number): number | Promise<number>;
}

export interface KeySource {
  /** The key that `kid` names for that algorithm, or nothing. Rejects when keys were never had. */
  find(issuer: string, kid: string | undefined, alg: string): KeyObject | undefined | Promise<KeyObject | undefined>;
}

/** What deciding needs from outside a request. */
export interface State {
  nowMs(): number;
  keys: KeySource;
  /** Shared by all replicas. */
  shared: CounterStore;
  /** Of this replica alone. */
  local: CounterStore;
}

export interface PolicyKind<S extends z.ZodType = z.ZodType> {
  readonly kind: string;
  readonly schema: S;
  readonly phase: Phase;
  readonly sees: Sees;
  /** True where the promise stands for a host, before a route is known. */
  readonly perHost: boolean;
  /** The features that this configuration needs; an empty list means that it promises nothing. */
  requires(config: z.output<S>): Feature[];
  /** The one meaning: the filter runs it, `explain` prints it, conformance takes it as oracle. */
  decide?(config: z.output<S>, exchange: Exchange, state: State): Decision | Promise<Decision>;
}

/** Gives the literal name to the type, so that a registry can be typed by it. */
export function policyKind<K extends string, S extends z.ZodType>(
  kind: PolicyKind<S> & { readonly kind: K },
): PolicyKind<S> & { readonly kind: K } {
  return kind;
}

/** Values of the lines of that name, in order. */
export function headerValues(request: GatewayRequest, name: string): string[] {
  return request.headers.filter(([n]) => n.toLowerCase() === name).map(([, value]) => value);
}

export function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
