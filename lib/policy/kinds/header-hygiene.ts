import { z } from "zod";
import type { Feature } from "../feature";
import { headerValues, policyKind } from "../kind";
import { headerName } from "../values";

/** Words between the gateway's own parts. */
export const OWN_HEADERS = [
  ...["client", "host", "message", "method", "network", "reason", "route"],
  ...["status", "target", "tenant", "ticket", "token", "upgrade", "user", "verified"],
].map((word) => `x-gateway-${word}`);

/** What services may rely on: the gateway says it, whatever a client has said (RFC 7239 has another form for the same). */
export const FORWARDED_HEADERS = [
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-forwarded-port",
] as const;

/**
 * Headers by which something in front of a service steers it or says who calls; from a client none of it is true. Those of
 * proxies (Envoy, nginx, Traefik, oauth2-proxy, HAProxy, CDNs), of frameworks that take another method or path from them, and
 * `Proxy`, which CGI programs read as a variable.
 */
export const STEERING_HEADERS = [
  // No trailers of a request are passed on.
  "trailer",
  "forwarded",
  "x-forwarded",
  ...[
    "by",
    "client-cert",
    "email",
    "groups",
    "method",
    "path",
    "prefix",
    "preferred-username",
    "scheme",
    "server",
    "ssl",
  ].map((word) => `x-forwarded-${word}`),
  ...["uri", "url", "user"].map((word) => `x-forwarded-${word}`),
  ...["for", "host", "method", "uri", "url", "forwarded-for"].map((word) => `x-original-${word}`),
  ...["x-rewrite-url", "x-http-method", "x-http-method-override", "x-method-override"],
  ...["x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "cf-connecting-ip", "fastly-client-ip"],
  ...["remote-user", "x-remote-user", "x-auth-request-user", "x-auth-request-email", "x-auth-request-redirect"],
  // The last is for the next proxy, which is this one (RFC 9110 section 11.7.2).
  // Of one connection (RFC 7540 section 3.2.1), whether Connection names it or not.
  "http2-settings",
  ...["x-scheme", "x-url-scheme", "front-end-https", "x-host", "proxy", "proxy-authorization"],
  ...["redirect", "expires", "limit-rate", "buffering", "charset", "mapping"].map((word) => `x-accel-${word}`),
  ...[
    "attempt-count",
    "decorator-operation",
    "expected-rq-timeout-ms",
    "external-address",
    "force-trace",
    "internal",
  ].map((word) => `x-envoy-${word}`),
  ...["ip-tags", "max-retries", "original-dst-host", "original-host", "original-method", "original-path"].map(
    (word) => `x-envoy-${word}`,
  ),
  ...["retriable-header-names", "retriable-status-codes", "retry-grpc-on", "retry-on", "upstream-alt-stat-name"].map(
    (word) => `x-envoy-${word}`,
  ),
  ...["upstream-rq-per-try-timeout-ms", "upstream-rq-timeout-alt-response", "upstream-rq-timeout-ms"].map(
    (word) => `x-envoy-${word}`,
  ),
  ...["downstream-service-cluster", "downstream-service-node", "peer-metadata", "peer-metadata-id"].map(
    (word) => `x-envoy-${word}`,
  ),
];

const STEERING: ReadonlySet<string> = new Set([...STEERING_HEADERS, ...OWN_HEADERS]);
/** Which a proxy may say itself whatever it is told. */
export const OF_PROXIES: ReadonlySet<string> = new Set<string>([
  ...FORWARDED_HEADERS,
  ...["path", "prefix", "scheme", "server", "client-cert"].map((word) => `x-forwarded-${word}`),
  ...["x-real-ip", "x-scheme", "x-original-forwarded-for"],
]);
/** Whole families, where whoever passes a request on can see them: nginx drops the names above. */
export const STEERING_FAMILIES = ["x-gateway-", "x-envoy-", "x-accel-"];

/** Whether a client's header of that name, in lower case, is dropped. */
export function isSteering(name: string): boolean {
  return STEERING.has(name) || STEERING_FAMILIES.some((family) => name.startsWith(family));
}

/**
 * Header names with anything but letters, digits and hyphens are dropped, since back ends read them as others (`x_user_id` as
 * `x-user-id`). `drop`
 * lists more names that clients may not send; the model adds every header that it sets from an identity. What steers a service
 * is dropped, and `X-Forwarded-For`, `-Proto`, `-Host` and `-Port` are the gateway's own word.
 */
export const headerHygiene = policyKind({
  kind: "headerHygiene",
  schema: z.strictObject({
    drop: z.array(headerName).default([]),
    /** Headers that may come once and with one value; the model adds those that routes are chosen by. */
    single: z.array(headerName).default([]),
    /**
     * Names that steer a service and are dropped otherwise (`X-Forwarded-*`, `Forwarded`, `X-Real-IP`, `X-Original-URL`,
     * `X-HTTP-Method-Override`, `X-Forwarded-User` and their kin) which a client, or what stands in front, may send here.
     */
    pass: z
      .array(
        headerName.refine((name) => !name.startsWith("x-gateway-"), "write a header that is not the gateway's own"),
      )
      .default([]),
  }),
  phase: "headers",
  sees: "head",
  perHost: true,
  requires(config) {
    const features: Feature[] = ["HeaderMalformedNames"];
    if (config.drop.length > 0) features.push("HeaderNamedRemoval");
    if (config.pass.some((name) => OF_PROXIES.has(name))) features.push("HeaderForwardedPass");
    if (config.single.length > 0) features.push("HeaderSingleValue");
    return features;
  },
  decide(config, { request, upstream }) {
    for (const [name] of request.headers) {
      if (/[^A-Za-z0-9-]/.test(name)) upstream.remove.add(name.toLowerCase());
    }
    for (const name of config.drop) upstream.remove.add(name);
    if (headerValues(request, "authorization").filter((value) => value !== "").length > 1) {
      return { status: 400, reason: "repeated-header", message: "authorization may come once only." };
    }
    // Some proxies look at every line, some at all of them joined: they would choose different routes.
    const listed = config.single.find((name) => headerValues(request, name).join(",").includes(","));
    if (listed === undefined) return undefined;
    return { status: 400, reason: "repeated-header", message: `${listed} may have one value only.` };
  },
});
