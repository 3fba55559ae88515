import { isIP } from "node:net";
import { z } from "zod";

/** Value types that several kinds share. Each takes the text a person writes and gives the number a program wants. */

const DURATION_UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** istiod refused 999999999d, and nobody means longer ones. */
const LONGEST_MS = 3_650 * DURATION_UNITS.d;

/** `500ms`, `10s`, `5m`, `1h`, `1d`: whole numbers above 0, ten years at most, in milliseconds. */
export const duration = z
  .string()
  .regex(/^[1-9]\d{0,8}(ms|s|m|h|d)$/, "write a whole number above 0 with ms, s, m, h or d, such as 10s")
  .transform((text): number => {
    const [, digits, unit] = /^(\d+)([a-z]+)$/.exec(text) as unknown as [string, string, keyof typeof DURATION_UNITS];
    return Number(digits) * DURATION_UNITS[unit];
  })
  .refine((ms) => ms <= LONGEST_MS, { error: "write at most 3650d", abort: true });

/** What a timer counts: one of Node that is set above 2^31 - 1 ms ends after 1 ms (its documentation of setTimeout). */
export const timer = duration.refine((ms) => ms <= 24 * DURATION_UNITS.d, "write at most 24d");

/** How far two clocks may be apart (RFC 7519 section 4.1.4: a few minutes): more would take the end of a token's time away. */
export const clockSkew = duration.refine((ms) => ms <= 10 * DURATION_UNITS.m, "write at most 10m");

/** A duration of whole seconds, where a header counts in seconds. */
export const wholeSeconds = duration.refine((ms) => ms % 1000 === 0, "write whole seconds");

/** `512B`, `64KiB`, `10MiB`, `1GiB`, in bytes. */
export const size = z
  .string()
  .regex(/^[1-9]\d{0,8}(B|KiB|MiB|GiB)$/, "write a whole number above 0 with B, KiB, MiB or GiB, such as 10MiB")
  .transform((text): number => {
    const [, digits, unit] = /^(\d+)([A-Za-z]+)$/.exec(text) as unknown as [string, string, keyof typeof SIZE_UNITS];
    return Number(digits) * SIZE_UNITS[unit];
  });

/**
 * The largest body that is judged, whatever `bodySize` lets pass: it is held in memory, and read while others wait. 1 MiB by
 * default, 16 MiB at most.
 */
export const judgedBody = size.refine((bytes) => bytes <= 16 * 1024 ** 2, "write at most 16MiB").prefault("1MiB");

/** Header field name (RFC 9110 section 5.1) of letters, digits and hyphens, which every proxy passes on; lower case. */
export const headerName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/, "write a header name of letters, digits and hyphens")
  .transform((name) => name.toLowerCase());

/** A header that routes may be chosen by: none of the connection's own, which proxies take before they choose. */
export const matchHeaderName = headerName
  .refine((text) => text !== "constructor", "every object of JavaScript has a member of that name")
  .refine(
    (name) =>
      !/^(connection|keep-alive|te|trailer|transfer-encoding|upgrade|host|content-length|expect|proxy-.*|x-gateway-.*|x-envoy-.*)$/.test(
        name,
      ),
    "write a header that belongs to no connection and no proxy: not connection, te, upgrade, host, content-length or the like",
  );

/** What frames a message, belongs to one connection, or is a word between proxies: nobody's to set. */
const NOT_OURS =
  /^(host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|proxy-.*|x-gateway-.*|x-envoy-.*)$/;

/** A header that a model may set. */
export const ownHeaderName = headerName.refine((name) => !NOT_OURS.test(name), {
  error: "write a header that frames no message and belongs to no proxy",
});

/** What the gateway says itself on answers of its own, or works out for each answer: a model's word would lose or break it. */
const GATEWAYS_ANSWER =
  /^(age|allow|cache-status|content-encoding|content-type|date|location|ratelimit-(?:limit|remaining|reset)|retry-after|server|set-cookie|strict-transport-security|vary|www-authenticate|x-request-id|access-control-.*)$/;

/** A header that a model may set on answers. */
export const answerHeaderName = ownHeaderName.refine((name) => !GATEWAYS_ANSWER.test(name), {
  error:
    "write a header that the gateway does not make itself, as it does content-type, retry-after, vary or access-control-*",
});

/** A header that a model may take from a service's answers. */
export const removedHeaderName = ownHeaderName.refine(
  (name) => /^(location|server|set-cookie|strict-transport-security)$/.test(name) || !GATEWAYS_ANSWER.test(name),
  {
    error:
      "write a header that the gateway does not make itself, as it does content-type, retry-after, vary or access-control-*",
  },
);

/** Proxies read a configured text of 4 KiB at most, in which some characters take several bytes. */
const LONGEST = 3_500;
const writtenLength = (text: string): number =>
  text.length + (text.match(/["\\]/g)?.length ?? 0) + 16 * (text.match(/\$/g)?.length ?? 0);

/** Whether proxies can be told to deliver these texts as one. */
export const isDeliverable = (...texts: readonly string[]): boolean =>
  texts.reduce((sum, text) => sum + writtenLength(text), 0) <= LONGEST;

export const TOO_LONG = `keep it below ${String(LONGEST)} characters, a dollar sign counting 17 and a quote or backslash 2`;

/** Header field value: visible ASCII and inner spaces, so that every proxy delivers the same bytes. */
export const headerValue = z
  .string()
  .regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, "write visible ASCII without line breaks")
  .refine((text) => isDeliverable(text), TOO_LONG);

/** Media type of a text that the gateway says itself (RFC 9110 section 8.3.1). */
export const contentType = z
  .string()
  .regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w-]+=[\w-]+)*$/)
  .max(255);

/** A body that the gateway says itself. */
export const ownBody = z
  .string()
  .regex(/^[\x20-\x7e]*$/, "write visible ASCII on one line")
  .refine((text) => isDeliverable(text), TOO_LONG);

/** Host name (RFC 1123), lower case, no port. */
export const hostname = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
    "write a host name in lower case without port, such as api.example.com",
  )
  .refine((text) => !/(^|\.)\d+$/.test(text), "write a host name whose last label is no number");

/** One label of a host name. */
export const label = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "write a label of a host name, such as acme");

/** A host name, or `*.` and one: a host for each of its tenants. */
export const hostPattern = z
  .string()
  .refine(
    (text) => hostname.safeParse(text.replace(/^\*\./, "")).success,
    "write a host name such as api.example.com, or *.example.com",
  );

/** Path of a match or a prefix: absolute, clean, of unreserved characters (RFC 3986). */
export const path = z
  .string()
  .max(1024)
  .refine((text) => !/^\/\.gateway(\/|$)/.test(text), "choose another path: /.gateway is the gateway's own")
  .regex(
    /^(\/|(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~:@!$&'()*+,=-]+)+)$/,
    "write an absolute path such as /users, without query, braces, trailing slash, empty or dot segments",
  );

/** Path of an exact match: it may end with a slash, which many back ends take for the same. */
export const exactPath = z.union(
  [
    path,
    z
      .string()
      .regex(/.\/$/)
      .refine((text) => path.safeParse(text.slice(0, -1)).success),
  ],
  "write an absolute path such as /users or /users/, without query, braces, empty or dot segments; a segment that stands for any is written under template, as {id}",
);

/** A path in which whole segments in braces stand for any one segment: `/groups/{id}/draw` (OpenAPI 3.1, "path templating"). */
export const pathTemplate = z.string().refine((text) => {
  const names = text.match(/(?<=\/)\{[A-Za-z][A-Za-z0-9_]{0,31}\}(?=\/|$)/g) ?? [];
  const plain = text.replace(/(?<=\/)\{[A-Za-z][A-Za-z0-9_]{0,31}\}(?=\/|$)/g, "x");
  return names.length > 0 && new Set(names).size === names.length && exactPath.safeParse(plain).success;
}, "write a path with whole segments in braces, each name once, such as /groups/{id}/draw");

/** A role, scope or audience: it is compared whole, and proxies would take a star in it for a pattern. */
export const wholeName = z
  .string()
  .min(1)
  .max(1024)
  .refine((text) => !text.includes("*"), "write the whole name: a star is no pattern here");

/** A name of something in the model; it becomes part of file, upstream and route names. */
export const name = z
  .string()
  .max(63)
  .regex(/^[a-z]([a-z0-9-]*[a-z0-9])?$/, "write lower-case letters, digits and hyphens, starting with a letter");

/** Whether nothing stands twice. */
export const unique = (list: readonly string[]): boolean => new Set(list).size === list.length;

/** The bits of an address as text: two networks can be compared, and what stands below a mask be seen. */
function bitsOf(address: string): string {
  const binary = (value: number, width: number): string => value.toString(2).padStart(width, "0");
  if (isIP(address) === 4)
    return address
      .split(".")
      .map((part) => binary(Number(part), 8))
      .join("");
  const [head = "", tail] = address.split("::");
  const words = (text: string): string[] =>
    text.split(":").flatMap((part) => {
      if (part === "") return [];
      const v4 = isIP(part) === 4 ? bitsOf(part) : undefined;
      return v4 === undefined ? [binary(parseInt(part, 16), 16)] : [v4.slice(0, 16), v4.slice(16)];
    });
  const [left, right] = [words(head), words(tail ?? "")];
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => binary(0, 16)), ...right].join("");
}

/** IPv4 or IPv6 address, or network in CIDR form (RFC 4632) with nothing below its mask. */
export const cidr = z
  .string()
  .refine((text) => {
    const [address = "", bits, ...rest] = text.split("/");
    const version = isIP(address);
    if (version === 0 || rest.length > 0 || address.includes("%")) return false;
    return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  }, "write an address or a network such as 203.0.113.0/24; /0 would be everybody")
  .refine((text) => {
    const [address = "", bits] = text.split("/");
    return bits === undefined || isIP(address) === 0 || !bitsOf(address).slice(Number(bits)).includes("1");
  }, "write the network itself: bits are set below its mask");

/** `scheme://host[:port]`, exactly as a browser sends it in `Origin` (RFC 6454). */
export const origin = z
  .string()
  .max(300)
  .refine((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 0) <= 65_535, "write a port up to 65535")
  .regex(
    /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/,
    "write scheme://host[:port] without a path",
  );

/** The same, or with a star for one or more names below a domain: `https://*.example.com`. */
export const originPattern = z.union(
  [
    origin,
    z
      .string()
      // Below a whole top-level domain are strangers.
      .regex(/^[a-z][a-z0-9+.-]*:\/\/\*\.(localhost(:\d+)?|[^*.]+(\.[^*.]+)+)$/)
      .refine((text) => origin.safeParse(text.replace("*.", "")).success),
  ],
  "write scheme://host[:port] without a path, or scheme://*.host[:port] for what is below it",
);

/** What hosts take where nothing is said. */
export const USUAL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
/** WebDAV (RFC 4918), its reports (RFC 3253) and its search (RFC 5323). */
const WEBDAV_METHODS = [
  "COPY",
  "LOCK",
  "MKCOL",
  "MOVE",
  "PROPFIND",
  "PROPPATCH",
  "UNLOCK",
  "REPORT",
  "SEARCH",
] as const;
export const METHODS: readonly string[] = [...USUAL_METHODS, ...WEBDAV_METHODS];

/** Methods that change nothing (RFC 9110 section 9.2.1, RFC 4918, RFC 3253, RFC 5323). */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "SEARCH"];

export const method = z.enum([...USUAL_METHODS, ...WEBDAV_METHODS]);

/** Path of a member, names joined by dots: `user.name`. */
export const memberPath = z
  .string()
  .regex(/^[A-Za-z_][\w:/-]*(\.[A-Za-z_][\w:/-]*)*$/, "write a claim name, or a path with dots");

/**
 * Path into a token's claims: members joined by dots (`realm_access.roles`), or a list of members where one has a dot itself
 * (`["resource_access", "field.api", "roles"]`). A text with `://` in it is one member.
 */
export const claimPath = z.union([memberPath, z.array(z.string().min(1).max(256)).min(1).max(16)]);

/** Some nodes of a cluster of stores, with user and password escaped; then the address of any store. */
export const CLUSTER_ADDRESS =
  /^redis(s?)\+cluster:\/\/(?:([^\s:@/,]*):((?:[^\s@/%]|%[\da-fA-F]{2})*)@)?([\w.-]+:\d{1,5}(?:,[\w.-]+:\d{1,5})*)\/?$/;
export const STORE_ADDRESS = new RegExp(`^rediss?:\\/\\/\\S+$|${CLUSTER_ADDRESS.source}`);

/** Whether a URL has user or password in it (RFC 3986 section 3.2.1). */
export const hasUserinfo = (url: string): boolean => /^[^/]*\/\/[^/?#]*@/.test(url);
