import { z } from "zod";
import type { Feature } from "../feature";
import { policyKind } from "../kind";

/**
 * What a route's own shape asks of a target. The model makes these from `match`, `backends` and `respond`, so that a
 * target which cannot route in that way refuses, instead of losing a part of it.
 */

/** Routes that are told apart by more than an exact path or a prefix: where they lead to different places, or by what only they have. */
export const matching = policyKind({
  kind: "matching",
  schema: z.strictObject({
    byMethod: z.boolean(),
    byHeader: z.boolean(),
    /** By whether a header is there, or is one of several. */
    byHeaderSet: z.boolean().default(false),
    byTemplate: z.boolean().default(false),
    byQuery: z.boolean().optional(),
    byUpgrade: z.boolean().default(false),
  }),
  phase: "route",
  sees: "head",
  perHost: false,
  requires(config) {
    const features: Feature[] = [];
    if (config.byMethod) features.push("RouteByMethod");
    if (config.byHeader) features.push("RouteByHeader");
    if (config.byHeaderSet) features.push("RouteByHeaderSet");
    if (config.byTemplate) features.push("RouteByTemplate");
    if (config.byQuery) features.push("RouteByQuery");
    if (config.byUpgrade) features.push("RouteByUpgrade");
    return features;
  },
});

/** Hosts of tenants: a name in the place of a star. */
export const hostTenants = policyKind({
  kind: "hostTenants",
  schema: z.strictObject({}),
  phase: "requestLine",
  sees: "head",
  perHost: true,
  requires: () => ["HostTenants"],
});

/** Routes that answer by themselves. */
export const respond = policyKind({
  kind: "respond",
  schema: z.strictObject({
    status: z.int(),
    contentType: z.string(),
    body: z.string(),
    redirect: z
      .strictObject({ scheme: z.enum(["http", "https"]), host: z.string().optional(), path: z.string().optional() })
      .optional(),
  }),
  phase: "route",
  sees: "head",
  perHost: false,
  requires: ({ redirect }) => [redirect ? "RouteRedirect" : "RouteRespond"],
});

/** Share of requests by backend, in parts of the sum of the weights. */
export const weights = policyKind({
  kind: "weights",
  schema: z.strictObject({
    backends: z.array(z.strictObject({ service: z.string(), weight: z.int() })),
    /** A request that one backend has not answered is asked of the others. */
    triesOthers: z.boolean(),
    /** They are called by TLS. */
    byTls: z.boolean(),
    /** One takes the other's place step by step: who has been on the new side stays there. */
    rollout: z.strictObject({ to: z.string(), sticky: z.enum(["none", "user", "tenant"]) }).optional(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: (config): Feature[] => [
    config.rollout ? "BackendRollout" : "BackendWeights",
    ...(config.backends.length > 2 ? (["BackendWeightsSeveral"] as const) : []),
    ...(config.triesOthers ? (["RetryOtherBackend"] as const) : []),
    ...(config.triesOthers && config.byTls ? (["RetryOtherBackendByTls"] as const) : []),
  ],
});

/** Backends that are at several addresses: these take turns, and a try that one has not answered goes to another. */
export const backendAddresses = policyKind({
  kind: "backendAddresses",
  schema: z.strictObject({
    /** Some are called by TLS. */
    byTls: z.boolean(),
    /** A try that one backend has not answered goes to another backend, and not to another address. */
    triesOthers: z.boolean(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: ({ byTls, triesOthers }): Feature[] => [
    "BackendAddresses",
    ...(byTls ? (["BackendAddressesByTls"] as const) : []),
    ...(triesOthers ? (["BackendAddressesOfSeveral"] as const) : []),
  ],
});

const backend = z.strictObject({
  serverName: z.string(),
  ca: z.string().optional(),
  clientCertificate: z.string().optional(),
});
/** How a service is called by TLS: the name that its certificate must have, and Kubernetes secrets. */
export type BackendTls = z.output<typeof backend>;

/** Backends that are called by TLS, each by its service's name (Gateway API: BackendTLSPolicy). */
export const backendTls = policyKind({
  kind: "backendTls",
  schema: z.strictObject({
    backends: z.record(z.string(), backend),
    /** All backends of the route are called in the same way. */
    alike: z.boolean(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: ({ alike, backends }): Feature[] => [
    "BackendTls",
    ...(alike ? [] : (["BackendTlsSeveral"] as const)),
    ...(Object.values(backends).some((b) => b.clientCertificate !== undefined && b.clientCertificate !== b.ca)
      ? (["BackendTlsOwnAuthority"] as const)
      : []),
  ],
});

/** Backends that speak gRPC: HTTP/2 in both directions, trailers included (Gateway API: GRPCRoute). */
export const backendGrpc = policyKind({
  kind: "backendGrpc",
  schema: z.strictObject({
    services: z.array(z.string()).min(1),
    /** All backends of the route speak it. */
    alike: z.boolean(),
    /** It takes methods that are tried again; calls of gRPC are POSTs. */
    tries: z.boolean(),
    /** Names of headers above 46 characters. */
    longNames: z.boolean(),
  }),
  phase: "upstream",
  sees: "head",
  perHost: false,
  requires: ({ alike, tries, longNames }): Feature[] => [
    "BackendGrpc",
    ...(tries ? (["BackendGrpcTries"] as const) : []),
    ...(longNames ? (["BackendGrpcLongNames"] as const) : []),
    ...(alike ? [] : (["BackendGrpcSeveral"] as const)),
  ],
  decide(_config, { upstream }) {
    // Servers of gRPC refuse calls of those who would not hear how they end.
    upstream.set.set("te", "trailers");
    return undefined;
  },
});

export type BackendAddressesConfig = z.output<(typeof backendAddresses)["schema"]>;
export type BackendGrpcConfig = z.output<(typeof backendGrpc)["schema"]>;
export type BackendTlsConfig = z.output<(typeof backendTls)["schema"]>;
export type MatchingConfig = z.output<(typeof matching)["schema"]>;
export type RespondConfig = z.output<(typeof respond)["schema"]>;
export type WeightsConfig = z.output<(typeof weights)["schema"]>;

/** Kinds that nobody writes as a policy: the model makes them. */
export const SHAPE_KINDS: readonly string[] = [
  hostTenants.kind,
  matching.kind,
  respond.kind,
  weights.kind,
  backendAddresses.kind,
  backendTls.kind,
  backendGrpc.kind,
  "auditLabels",
  "bodyCount",
  "secretHeaders",
];
