import { monitoring, slo } from "./slo";
import { z } from "zod";
import { issuerSchema } from "../policy/kinds/jwt";
import type { HostTenant } from "../decision/gateway";
import { tenantName } from "../policy/kinds/tenant";
import { infrastructure } from "./infrastructure";
import { hostPolicies, routePolicies } from "./policy-shapes";
import { rollout } from "./rollout-schema";
import { route } from "./route-schema";
import { address, environments, otherPlaces, service } from "./service-schema";
import { STORE_ADDRESS, unique, cidr, timer, hostPattern, label, name, path, size } from "../policy/values";

/** The routing model as people write it. Every default is stated here; docs/model.md says what inherits from what. */

const port = z.int().min(1).max(65_535);

const tenantId = z
  .union([z.int().min(1), z.string()])
  .transform((id) => String(id))
  .refine(
    (id) => tenantName(id) !== undefined,
    "write a whole number above 0, or a name of visible ASCII without commas",
  );

/** Who a host is of: the tenant's id, as tokens name it. */
const hostTenant = z.union([
  tenantId.transform((id): HostTenant => ({ id })),
  z
    .strictObject({ id: tenantId, disabled: z.boolean().default(false) })
    .transform(({ id, disabled }): HostTenant => ({ id, ...(disabled && { disabled }) })),
]);

const host = z.strictObject({
  environments,
  /** Of a host with a star: who each name in its place is of. Other names are no hosts. */
  tenants: z.record(label, hostTenant).optional(),
  /** Kubernetes secret with a certificate of its own, in place of the one of all hosts. */
  certificate: z.strictObject({ secret: name }).optional(),
  /** Prefix under which this host offers the routes; it is stripped before the upstream. */
  basePath: path.optional(),
  policies: hostPolicies.prefault({}),
});

/** What stands before the gateway: who is trusted for the client's address, and where TLS ends. */
const front = z.strictObject({
  kind: z.enum(["none", "alb", "nlb", "cloudfront-alb", "cloudflare"]).default("none"),
  /** Hops that append to X-Forwarded-For: the client is the N-th address from the right. Default by kind. */
  trustedHops: z.int().min(0).max(5).optional(),
  /** `gateway`: the balancer speaks TLS to the gateway; `front`: it ends there and the gateway gets plain http. */
  tls: z.enum(["gateway", "front"]).default("gateway"),
  /** Networks of the balancer; health checks are answered to these only. */
  networks: z.array(cidr).default([]),
  healthPath: path.default("/healthz"),
});

/** Where a secret is found at run time; its value is never in the model, nor in what is generated. */
const secret = z
  .strictObject({
    /** Environment variable of the filter. */
    env: z
      .string()
      .regex(/^[A-Z][A-Z0-9_]*$/)
      .optional(),
    /** File in the filter's container; a file `<name>.previous` beside it holds the one before. */
    file: path.optional(),
    /** Id or ARN in AWS Secrets Manager: present, previous and pending version are in use. */
    awsSecretsManager: z.string().min(1).max(2048).optional(),
  })
  .refine(
    (s) => Object.values(s).filter((v) => v !== undefined).length === 1,
    "name exactly one of env, file and awsSecretsManager",
  );

const listener = z.strictObject({ port, containerPort: port });

const image = z
  .string()
  .regex(/^[\w./:@-]+$/)
  .max(255);

const filter = z
  .strictObject({
    address: address.default("gateway-filter.gateway.svc.cluster.local:9000"),
    /** Where whole routes go through it; the same host as `address`. */
    throughPort: port.default(9001),
    /** Where proxies tell how exchanges have ended, by UDP and TCP; the same host as `address`. */
    reportPort: port.default(8999),
    /** Health and metrics. */
    adminPort: port.default(9002),
    /** Container image of the filter. */
    image: image.default("gatewright-filter:0.1.0"),
    /** How long a proxy waits for the filter's word. */
    timeout: timer.prefault("500ms"),
    redis: z
      .string()
      .regex(STORE_ADDRESS, "write redis://host:port, rediss://host:port or redis+cluster://host:port,host:port")
      .default("redis://redis.gateway.svc.cluster.local:6379"),
  })
  .refine(({ address: door, throughPort, reportPort, adminPort }) => {
    const ports = [Number(door.slice(door.lastIndexOf(":") + 1)), throughPort, reportPort, adminPort];
    return new Set(ports).size === ports.length;
  }, "give address, throughPort, reportPort and adminPort ports of their own");

/** Where things live in a cluster. */
const kubernetes = z.strictObject({
  /** Namespace of the filter, and of whatever has no other. */
  namespace: name.default("gateway"),
  /** Namespace of whoever collects metrics. */
  monitoringNamespace: name.default("monitoring"),
  /** Trust domain of the mesh. */
  trustDomain: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "write a trust domain such as cluster.local")
    .max(253)
    .default("cluster.local"),
  /**
   * What Istio's mutual TLS takes in the services' namespaces (PeerAuthentication): `strict`, nothing else; `permissive`, plain text as
   * well; `none`, what the mesh says.
   */
  mtls: z.enum(["strict", "permissive", "none"]).default("strict"),
  /** The class of the Gateway API's Gateway, whose implementation carries requests, and where the pods are that do. */
  gatewayApi: z
    .strictObject({
      className: name.optional(),
      /** Whose own policies say what the Gateway API has no word for, beside it. */
      implementation: z.enum(["envoy-gateway"]).optional(),
      /** Namespace of the pods; by default that of the filter, as Istio has it, or Envoy Gateway's. */
      namespace: name.optional(),
      /** Labels of the pods; by default the one of GEP-1762, which names the Gateway, or Envoy Gateway's. */
      labels: z.record(z.string(), z.string()).optional(),
    })
    .prefault({}),
  /** Namespace, labels and service account of Istio's ingress gateway. */
  istioGateway: z
    .strictObject({
      namespace: name.default("istio-system"),
      labels: z.record(z.string(), z.string()).default({ istio: "ingressgateway" }),
      /** Who it is in the mesh. */
      serviceAccount: name.default("istio-ingressgateway-service-account"),
    })
    .prefault({}),
});

/** What an environment has otherwise. Each part replaces the same part of the model whole, policies kind by kind. */
const overlay = z.strictObject({
  front: front.optional(),
  policies: hostPolicies.prefault({}),
  hosts: z.record(hostPattern, z.strictObject({ policies: hostPolicies })).default({}),
  services: z.record(name, otherPlaces).default({}),
  issuers: z.record(name, issuerSchema).default({}),
  routes: z.record(name, z.strictObject({ policies: routePolicies })).default({}),
});

export const gatewaySchema = z.strictObject({
  /** Where an editor finds the schema of this file; nobody else reads it. */
  $schema: z.string().optional(),
  name,
  environments: z
    .array(name.refine((text) => text !== "constructor", "every object of JavaScript has a member of that name"))
    .min(1)
    .refine(unique, "name each once")
    .default(["production", "development"]),
  targets: z.array(name).min(1).refine(unique, "name each once").default(["nginx", "istio"]),
  front: front.prefault({}),
  listeners: z
    .strictObject({
      /** Address to listen on; all by default. */
      bind: z.ipv4().optional(),
      http: listener.prefault({ port: 80, containerPort: 8080 }),
      https: listener.prefault({ port: 443, containerPort: 8443 }),
    })
    .refine(
      ({ http, https }) => ![http.port, http.containerPort].some((p) => [https.port, https.containerPort].includes(p)),
      "give http and https ports of their own",
    )
    .prefault({}),
  /** Kubernetes secret of the certificate, and where nginx finds its files. */
  certificate: z
    .strictObject({ secret: name.default("gateway-tls"), directory: path.default("/etc/nginx/tls") })
    .prefault({}),
  kong: z
    .strictObject({
      /** Container image of Kong Gateway: 3.9, the last of which the open source edition has images. */
      image: image.default("kong:3.9.1"),
    })
    .prefault({}),
  nginx: z
    .strictObject({
      /** The oldest nginx that the output is for: from 1.23.0; before 1.25.1 HTTP/2 has another spelling, that later ones warn of. */
      version: z
        .string()
        .regex(/^1\.(2[3-9]|[3-9]\d)\.\d+$/, "write a version from 1.23.0 on, such as 1.25.1")
        .default("1.25.1"),
      /** Modules that it has beside its stock ones. */
      modules: z
        .array(z.enum(["brotli"]))
        .refine(unique, "name each once")
        .default([]),
    })
    .prefault({}),
  hosts: z
    .record(hostPattern, host)
    .refine((h) => Object.keys(h).length > 0, "name at least one host")
    .refine(
      (h) => Object.entries(h).every(([name, { tenants }]) => name.startsWith("*.") === (tenants !== undefined)),
      "give a host with a star the table of its tenants, and no other host one",
    )
    .refine(
      (h) =>
        Object.entries(h).every(([star, { certificate: ofStar }]) =>
          Object.entries(h).every(
            ([name, { certificate }]) =>
              !star.startsWith("*.") || !name.endsWith(star.slice(1)) || certificate?.secret === ofStar?.secret,
          ),
        ),
      "give hosts that a star covers the star's certificate, and none where it has none",
    ),
  issuers: z.record(name, issuerSchema).default({}),
  services: z.record(name, service).default({}),
  upstream: z
    .strictObject({
      /** The largest head of a service's answer, status line included; a larger one is 502. From 4KiB to 96KiB. */
      headBytes: size
        .refine((bytes) => bytes >= 4096 && bytes <= 96 * 1024 && bytes % 1024 === 0, "write 4KiB to 96KiB")
        .prefault("32KiB"),
    })
    .prefault({}),
  secrets: z.record(name, secret).default({}),
  filter: filter.prefault({}),
  kubernetes: kubernetes.prefault({}),
  policies: hostPolicies.prefault({}),
  routes: z.array(route).min(1),
  /** What is promised of all routes' answers, but those that say otherwise; `null`: nothing. */
  slo: slo.nullable().prefault({}),
  monitoring: monitoring.prefault({}),
  /** What single environments have otherwise. */
  overlays: z.record(name, overlay).default({}),
  /** What each environment needs of AWS; an environment that is not named here is not deployed there. */
  infrastructure: z.record(name, infrastructure).default({}),
  /** Services that take others' places step by step, by name. */
  rollouts: z.record(name, rollout).default({}),
  /** Differences of a native form that this system takes, by name, each with the reason. */
  accept: z.array(z.strictObject({ difference: name, reason: z.string().min(10).max(500) })).default([]),
});

export type GatewayInput = z.input<typeof gatewaySchema>;
export type GatewayModel = z.output<typeof gatewaySchema>;
export type RouteModel = GatewayModel["routes"][number];

/** Types a model for the editor; it is checked when it is loaded. */
export function defineGateway(input: GatewayInput): GatewayInput {
  return input;
}
