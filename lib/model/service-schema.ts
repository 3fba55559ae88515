import { z } from "zod";
import { unique, hostname, name, timer } from "../policy/values";
import { routePolicies } from "./policy-shapes";

/** Services as people write them. */

/** The environments that have a part of the model; all by default. */
export const environments = z.array(name).min(1).optional();

/** Where a service listens: `host:port`. */
export const address = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*:[1-9]\d{0,4}$/,
    "write host:port, such as iam.default.svc.cluster.local:3000",
  )
  .refine((text) => !/:\d+$/.test(text) || Number(text.split(":").at(-1)) <= 65_535, "write a port up to 65535");

const labelName = z
  .string()
  .regex(/^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/, "write a name of a label");
const labelValue = z.string().regex(/^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/, "write a value of a label");
const serviceAccount = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
    "write namespace/name of a service account",
  );

/** How a service is called by TLS (Gateway API: BackendTLSPolicy). */
const serviceTls = z.strictObject({
  /** Name that it is asked for by (SNI), and that its certificate must have; that of the address by default. */
  serverName: hostname.optional(),
  /** Kubernetes secret with the authorities, as `ca.crt`, that its certificate may come from; those of the system by default. */
  ca: name.optional(),
  /** Kubernetes secret with the certificate that the gateway shows: `tls.crt` and `tls.key`. */
  clientCertificate: name.optional(),
});

/** More than one, each of which serves the same. */
const addresses = z.array(address).min(2).max(64).refine(unique, "name each once");

/** Where a service is, once it is read: `address` is the first of several. */
interface Places {
  address: string;
  addresses?: readonly string[];
}

const isOne = (s: { address?: unknown; addresses?: unknown }): boolean =>
  (s.address === undefined) !== (s.addresses === undefined);

/** What an overlay says in place of where a service is: whole, as everywhere. */
export const otherPlaces = z
  .strictObject({ address: address.optional(), addresses: addresses.optional(), policies: routePolicies.prefault({}) })
  .refine((s) => isOne(s) || s.address === undefined, "write either address or addresses")
  .transform(({ address: one, addresses: several, ...others }) => ({
    ...others,
    ...(one !== undefined && { address: one, addresses: undefined }),
    ...(several && { address: several[0] as string, addresses: several }),
  }));

/** Everywhere that a service is. */
export const addressesOf = ({ address: one, addresses: several }: Places): readonly string[] => several ?? [one];

/** When one of several addresses is left alone (Envoy: outlier detection; nginx: `max_fails`). */
export const health = z.strictObject({
  /** Tries in a row that have failed: connections that failed or broke, tries that ran out, and 502, 503 and 504. */
  failures: z.int().min(1).max(100).default(3),
  /** For how long it is asked only where no other is left. */
  ejectionTime: timer.prefault("10s"),
});

export const service = z
  .strictObject({
    /** Exactly one of these two. */
    address: address.optional(),
    /** Several, each of which serves the same: they take turns, and a try that one has not answered goes to another. */
    addresses: addresses.optional(),
    health: health.optional(),
    /**
     * What it speaks: `http`, HTTP/1.1; `grpc`, HTTP/2 with trailers, by prior knowledge or, with `tls`, as agreed in the handshake
     * (Kubernetes: `appProtocol`).
     */
    protocol: z.enum(["http", "grpc"]).default("http"),
    tls: serviceTls.optional(),
    /** The environments that have it; all by default. Routes to it exist only there. */
    environments,
    policies: routePolicies.prefault({}),
    /** Labels of its pods, so that the mesh can say who calls them. */
    workload: z
      .record(labelName, labelValue)
      .refine((labels) => Object.keys(labels).length > 0, "name at least one label")
      .optional(),
    /** Service accounts that call it beside the gateway, as `namespace/name`; with `workload` nobody else does. */
    callers: z.array(serviceAccount).refine(unique, "name each once").default([]),
  })
  .refine(isOne, "write either address, or several addresses")
  .refine(
    ({ addresses: several, health: own }) => several !== undefined || own === undefined,
    "health chooses among several addresses: leave it out where there is one",
  )
  .transform(({ address: one, addresses: several, health: own, ...others }) => ({
    ...others,
    address: one ?? several?.[0] ?? "",
    ...(several && { addresses: several }),
    ...(own && { health: own }),
  }));
