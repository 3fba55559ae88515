import type { Readable } from "node:stream";
import type { z } from "zod";
import type { CircuitBreakers } from "../state/breakers";
import type { Feature } from "./feature";
import type { Flights } from "../state/flights";
import type { PendingDrops } from "../state/pending-drops";
import type { Phase } from "./phase";
import type { TokenCache } from "../identity/token-cache";
import type { CounterStore, SharedStore } from "../state/store";
import type { Identity, KeySource } from "../identity/token";

export type { AttemptOutcome, Counter, CounterStore, SharedStore, Taken } from "../state/store";
export type { Identity, KeySource } from "../identity/token";

/** What whoever keeps a promise must see of an exchange. */
type Sees = "head" | "body" | "response" | "close";

/** One header line as it came. */
export type HeaderLine = readonly [name: string, value: string];

/** The body of a request, for those who must see it; reading it twice gives the same bytes. */
export interface RequestBody {
  /** States the largest size, in bytes, counted as they come. True when the body is known to be larger. */
  limit(maxBytes: number): boolean;
  /** The whole body; nothing when it is larger than the limit, or than `maxBytes`. Rejects when the client breaks off, with `BodyRefused` when it stalls. */
  read(maxBytes: number): Promise<Buffer | undefined>;
}

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
  /** Absent where only the head is seen. */
  body?: RequestBody;
}

/** What a request has gathered on its way; kinds read and extend it. */
export interface Exchange {
  readonly system: string;
  readonly environment: string;
  readonly request: GatewayRequest;
  readonly requestId: string;
  identity?: Identity;
  /** The token that was looked at, wherever it was. */
  token?: string;
  /** Where the verified token was. */
  tokenFrom?: "header" | "cookie" | "protocol";
  /** When the token's word ends, with the clock skew, in milliseconds. */
  validUntilMs?: number;
  /** Whether the token is still good, where it can be revoked; rejects while nobody knows. */
  stillGood?: () => Promise<boolean>;
  /** What was let pass since whoever would have to be asked was away. */
  unchecked?: string;
  /** Reasons for which policies in shadow would have refused it. */
  wouldRefuse?: readonly string[];
  /** The host of the model that was asked for, and whose it is, where it is a tenant's. */
  hostName?: string;
  hostTenant?: { id: string; disabled?: true };
  /** Id of the API key. */
  apiKey?: string;
  /** The tenant, as the values of its claims. */
  tenant?: readonly string[];
  /** Sub-protocol that a WebSocket handshake is answered with, where it carried a token. */
  subprotocol?: string;
  /** Towards the upstream: headers to set, headers to drop, target to send. */
  upstream: {
    set: Map<string, string>;
    remove: Set<string>;
    target: string;
    /** The only headers of the client that pass, where not all do. */
    only?: ReadonlySet<string>;
    /** Host, where it is not the client's. */
    host?: string;
  };
  /** Towards the client, on whatever answer it gets; `setOnSuccess` where its status is 2xx or 3xx. */
  response: { set: Map<string, string>; setOnSuccess: Map<string, string>; remove: Set<string> };
  /** How the upstream is called. */
  call: { tries: number; perTryMs: number; retryOn: ReadonlySet<string>; totalMs?: number | undefined; idleMs: number };
  /** The service that is called. */
  service?: string;
  /** Done when the exchange, or the connection that it has opened, ends. */
  readonly atEnd: (() => void)[];
}

/** A kind's word on a request: nothing (it may go on), or the answer it gets instead. */
export type Decision = Refusal | undefined;

/** An answer that the gateway gives itself. */
export interface Refusal {
  status: number;
  reason: string;
  message: string;
  headers?: Readonly<Record<string, string>>;
  /** What is wrong with a body, member by member (JSON Pointer, RFC 6901). */
  details?: readonly { path: string; message: string }[];
  /** A body of its own, in place of the system's form of errors. */
  content?: { type: string; text: string };
  /** It answers what was asked, and refuses nothing. */
  answer?: true;
}

/** Who calls, in keys of a store: two issuers may each have a user of that name. */
export const userKey = ({ issuer, user }: Identity): string =>
  `user:${encodeURIComponent(issuer)}:${encodeURIComponent(user)}`;

/** Something that a decision needs is away: whoever asks again soon may be served. */
export function notNow(reason: string, message: string): Refusal {
  return { status: 503, reason, message, headers: { "retry-after": "1" } };
}

/** What every reader of a body says of one that is larger than it may be. */
export const TOO_LARGE: Refusal = { status: 413, reason: "body-too-large", message: "The body is too large." };

/** A client that stops in the middle of its body. */
export const STALLED: Refusal = {
  status: 408,
  reason: "body-stalled",
  message: "The request was not sent in time.",
  headers: { connection: "close" },
};

/** The body of the request cannot be had, which the client is answered with. */
export class BodyRefused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

/** Why there is no answer of a service. */
export type FailureCause = "breaker-open" | "no-answer" | "timeout";

/** An answer on its way to the client: a service's, or one that the gateway makes in its place. */
export type Answer = ServiceAnswer | { by: "gateway"; refusal: Refusal; cause?: FailureCause };

export interface ServiceAnswer {
  by: "service";
  status: number;
  headers: readonly HeaderLine[];
  body: Buffer | Readable;
  /** Of a body that has ended. */
  trailers?: () => readonly HeaderLine[];
}

/** How an exchange has ended, by the word of the proxy that has carried it. */
export interface Report {
  /** `nobody`: no connection, a reset, a time-out; `proxy`: it has not asked the service, or the client has left. */
  answeredBy: "service" | "nobody" | "proxy";
  status: number;
}

/** The service was never called: somebody else has refused what was admitted. */
export const NOT_CALLED: Report = { answeredBy: "proxy", status: 0 };

export interface SecretSource {
  /** All versions of a secret that are in use, the present one first; nothing when none was ever had. */
  versions(name: string): readonly string[] | undefined;
  /** Another number whenever they have changed. */
  generation(name: string): number;
}

/** What deciding needs from outside a request. */
export interface State {
  nowMs(): number;
  keys: KeySource;
  /** Shared by all replicas. */
  shared: SharedStore;
  /** In the shared store's place while that is away, where a policy says so. */
  alone: SharedStore;
  /** Of this replica alone. */
  local: CounterStore;
  secrets: SecretSource;
  tokens: TokenCache;
  breakers: CircuitBreakers;
  flights: Flights;
  drops: PendingDrops;
  /** Told of what is worth counting beside decisions. */
  count(event: "cache-hit" | "cache-miss"): void;
  /** Told of each try at a service: the status of its answer, nothing where it gave none, and how long that took. */
  called?(service: string, status: number | undefined, ms: number): void;
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
  /** Loads what it decides by, so that no request waits for it. */
  warm?(): void;
  /** Stands around the call of the service: may answer in its place, and sees what it answers. */
  around?(config: z.output<S>, exchange: Exchange, state: State, call: () => Promise<Answer>): Promise<Answer>;
  /** The same where a proxy calls the service: a word before the call, and what its end is told with. */
  reported?: {
    /** The word depends on the body. */
    seesBody?: true;
    /** A ticket comes back with the report; it names what the report is about. */
    admit(config: z.output<S>, exchange: Exchange, state: State): Admission | Promise<Admission>;
    ended(config: z.output<S>, service: string, ticket: string, report: Report, state: State): void;
  };
}

/** A word before a call whose end is reported. */
export type Admission = { refusal: Refusal } | { ticket: string };

/** Gives the literal name to the type, so that a registry can be typed by it. */
export function policyKind<K extends string, S extends z.ZodType>(
  kind: PolicyKind<S> & { readonly kind: K },
): PolicyKind<S> & { readonly kind: K } {
  return kind;
}

/** Values of the lines of that name, in order. */
export function headerValues(request: GatewayRequest, name: string): string[] {
  const values: string[] = [];
  for (const [n, value] of request.headers) {
    if (n.length === name.length && (n === name || n.toLowerCase() === name)) values.push(value);
  }
  return values;
}

export function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

/** Names that `Connection` says belong to one connection (RFC 9110 section 7.6.1). */
export const namedByConnection = (request: GatewayRequest): string[] =>
  headerValues(request, "connection").flatMap((value) => value.split(",").map((name) => name.trim().toLowerCase()));
