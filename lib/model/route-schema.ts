import { slo } from "./slo";
import { z } from "zod";
import {
  unique,
  contentType,
  exactPath,
  matchHeaderName,
  hostname,
  hostPattern,
  method,
  name,
  ownBody,
  path,
  pathTemplate,
} from "../policy/values";
import { environments } from "./service-schema";
import { routePolicies } from "./policy-shapes";

/** Routes as people write them. */

const matchValue = z.string().regex(/^[\x21-\x7e]{1,256}$/, "write visible ASCII without spaces");

/** A text is `Exact`. */
const headerMatch = z.union([
  matchValue,
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("Exact"), value: matchValue }).transform(({ value }) => value),
    z.strictObject({ type: z.literal("In"), values: z.array(matchValue).min(1).refine(unique, "name each once") }),
    z.strictObject({ type: z.literal("Present") }),
    z.strictObject({ type: z.literal("Absent") }),
  ]),
]);

/** As a client writes it: nothing is decoded. */
const queryName = z
  .string()
  .regex(/^[\w.~-]{1,64}$/, "write letters, digits and . _ ~ -")
  .refine((text) => text !== "constructor", "every object of JavaScript has a member of that name");
const queryValue = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, "write visible ASCII without spaces")
  .regex(/^[^&#]*$/, "write it as clients send it: & and # end a parameter");

/** A text is `Exact`. */
const queryMatch = z.union([
  queryValue,
  z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("Exact"), value: queryValue }).transform(({ value }) => value),
    z.strictObject({ type: z.literal("In"), values: z.array(queryValue).min(1).refine(unique, "name each once") }),
    z.strictObject({ type: z.literal("Present") }),
  ]),
]);

const match = z
  .strictObject({
    exact: z.array(exactPath).default([]),
    /** Paths with variable segments, `/groups/{id}/draw`; they come before prefixes, and behind exact paths. */
    template: z.array(pathTemplate).default([]),
    prefix: z.array(path).default([]),
    methods: z.array(method).min(1).optional(),
    /** By header: a value, `{ type: In, values }`, `{ type: Present }` or `{ type: Absent }`. An empty header is absent. */
    headers: z.record(matchHeaderName, headerMatch).optional(),
    /**
     * By parameter of the query: a value, `{ type: In, values }` or `{ type: Present }`. The first of its name counts, byte for
     * byte; an empty one is absent.
     */
    query: z
      .record(queryName, queryMatch)
      .refine((all) => Object.keys(all).length > 0, "name at least one parameter, or leave it out")
      .optional(),
    /** Handshakes alone: the route takes WebSockets, and nothing else. */
    upgrade: z.literal("websocket").optional(),
  })
  .refine(
    (m) => m.exact.length + m.template.length + m.prefix.length > 0,
    "name at least one path under exact, template or prefix",
  )
  .refine((m) => m.upgrade === undefined || m.methods === undefined, "leave methods out: a handshake is a GET");

const respond = z
  .strictObject({
    status: z
      .int()
      .refine(
        (status) => (status >= 200 && status < 300) || (status >= 400 && status < 600 && status !== 444),
        "write 2xx, 4xx or 5xx, not 444",
      ),
    contentType: contentType.default("application/json"),
    body: ownBody.default(""),
  })
  .refine(({ status, body }) => status !== 204 || body === "", "an answer without content has no body");

/** Gateway API's RequestRedirect: what is not named stays, and the query does always. */
const redirect = z
  .strictObject({
    status: z.union([z.literal(301), z.literal(302), z.literal(303), z.literal(307), z.literal(308)]).default(302),
    scheme: z.enum(["http", "https"]).default("https"),
    host: hostname.optional(),
    /** In place of the whole path. */
    path: path.optional(),
  })
  .refine((r) => r.host !== undefined || r.path !== undefined || r.scheme === "http", "name a host or a path");

export const route = z.strictObject({
  name,
  /** The hosts that have it; all by default. */
  hosts: z.array(hostPattern).min(1).optional(),
  environments,
  match,
  /** Exactly one of these four. */
  service: name.optional(),
  backends: z
    .array(z.strictObject({ service: name, weight: z.int().min(0).max(100) }))
    .min(1)
    .refine((backends) => backends.some((b) => b.weight > 0), "give at least one backend a weight above 0")
    .optional(),
  respond: respond.optional(),
  redirect: redirect.optional(),
  /** In place of the model's; `null`: nothing is promised. */
  slo: slo.nullable().optional(),
  /** What its requests are called in the log. */
  labels: z
    .record(
      z.string().regex(/^[a-z][a-zA-Z0-9]{0,31}$/, "write a letter, then letters and digits"),
      z.string().regex(/^[\w .:/-]{1,64}$/, "write letters, digits, spaces and . : / - _"),
    )
    .default({}),
  policies: routePolicies.prefault({}),
});
