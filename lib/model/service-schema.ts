import { z } from "zod";
import { unique, hostname, name } from "../policy/values";
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

export const service = z
  .strictObject({
    address,
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
  .refine(
    ({ address, tls }) => !tls || tls.serverName !== undefined || !/^[\d.]+:\d+$/.test(address),
    "name tls.serverName: an address of numbers is no name that a certificate has",
  );
