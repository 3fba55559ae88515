import type { HostHeaders } from "./answer";
import type { Host, Route } from "./gateway";
import type { BackendTls } from "../policy/kinds/route-shape";
import type { ErrorBodyConfig } from "../policy/kinds/response";

export const FORMAT_VERSION = 7;

/** What one filter is to do: the policies of one gateway that its proxy leaves to it. `synth` writes it by `plan-text.ts`. */
export interface FilterPlan {
  formatVersion: typeof FORMAT_VERSION;
  system: string;
  environment: string;
  /** The proxy that it stands behind, which says how answers must look; `node-gateway` where it is the gateway itself. */
  proxy: string;
  issuers: Readonly<
    Record<
      string,
      {
        jwksUrl?: string;
        secret?: string;
        algorithms: readonly string[];
        /** The proxy verifies its tokens a second time. */
        again?: true;
      }
    >
  >;
  secrets: Readonly<Record<string, SecretPlace>>;
  redis: string;
  /** The proxy tells how exchanges have ended that it carries. */
  reports?: true;
  front: {
    kind: string;
    hops: number;
    networks: readonly string[];
    healthPath: string;
    tls: "gateway" | "front";
    /** How long a client's connection may say nothing. */
    idleMs: number;
  };
  /** Times, in seconds, of which objectives ask how many exchanges took longer. */
  latencyBounds?: readonly number[];
  /** The largest head of a service's answer; 32 KiB where a plan of an older build has none. */
  upstream?: { headBytes: number };
  /** Addresses of the services, `host:port`; of several the first. */
  services: Readonly<Record<string, string>>;
  /** Those that are at several. */
  servicesSeveral?: Readonly<Record<string, SeveralAddresses>>;
  /** Those that are called by TLS. */
  servicesTls?: Readonly<Record<string, BackendTls>>;
  /** Hosts with their routes; `policies` holds only what the filter decides. */
  hosts: readonly PlannedHost[];
  otherHosts?: PlannedHost;
}

/** Where a service is, and after how many failures in a row one address is left alone, for how long in milliseconds. */
export interface SeveralAddresses {
  addresses: readonly string[];
  failures: number;
  ejectionMs: number;
}

/** A time's bound as a label of a histogram: as Prometheus 3 keeps whole numbers, whoever collects. */
export const boundLabel = (seconds: number): string =>
  Number.isInteger(seconds) ? `${String(seconds)}.0` : String(seconds);

/** Where the filter finds a secret: exactly one of these. */
export interface SecretPlace {
  env?: string | undefined;
  file?: string | undefined;
  awsSecretsManager?: string | undefined;
}

export interface PlannedHost extends Host, HostHeaders {
  errorBody?: ErrorBodyConfig;
  routes: readonly PlannedRoute[];
}

interface PlannedRoute extends Route {
  /** The whole exchange goes through the filter. */
  through?: boolean;
}
