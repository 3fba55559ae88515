import { z } from "zod";

/**
 * Kong's declarative file, as strict as Kong 3.9 and stricter where Kong says nothing (kong/db/schema/entities, typedefs.lua,
 * others/declarative_config.lua and plugins/prometheus/schema.lua of 3.9.3; facts, no text of theirs). Only what we write is known.
 */

const TIME = z
  .int()
  .min(1)
  .max(2 ** 31 - 2);
const tags = z.array(z.string().regex(/^[ -+.0-~-]+$/)).optional();
const name = z.string().regex(/^[\w.~-]+$/);
const vault = z.string().regex(/^\{vault:\/\/env\/[a-z0-9-]+\}$/);
const wildcardHost = z.string().regex(/^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$/);

const route = z
  .strictObject({
    name,
    protocols: z.array(z.enum(["http", "https"])).min(1),
    hosts: z.array(wildcardHost).min(1).optional(),
    paths: z.array(z.string()).min(1),
    path_handling: z.literal("v0", "v1 is deprecated, and means something in one router only"),
    strip_path: z.literal(false, "strip_path is true by default, and cuts the path"),
    preserve_host: z.literal(true, "preserve_host is false by default: the service's name would be the host"),
    request_buffering: z.literal(false),
    response_buffering: z.literal(false),
    tags,
  })
  .superRefine(({ paths, protocols }, context) => {
    for (const path of paths) {
      if (!path.startsWith("~") && /[()[\]\\^$*+?|]/.test(path))
        context.addIssue({
          code: "custom",
          path: ["paths"],
          message: "a pattern without ~ is a prefix that nothing has",
        });
      if (!/^~?\//.test(path) || path.includes("//"))
        context.addIssue({ code: "custom", path: ["paths"], message: "a path begins with / and has no empty segment" });
    }
    if (!protocols.includes("http") || !protocols.includes("https"))
      context.addIssue({ code: "custom", path: ["protocols"], message: "the other scheme is 426 or 404" });
  });

const service = z.strictObject({
  name,
  protocol: z.literal("http"),
  host: z.string().regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "a host has no port, and is no URL"),
  port: z.int().min(1).max(65_535),
  connect_timeout: TIME,
  read_timeout: TIME.min(1_000, "milliseconds: so few are no time"),
  write_timeout: TIME.min(1_000, "milliseconds: so few are no time"),
  retries: z.int().min(0).max(0, "five by default: a GET that hangs is sent six times"),
  tags,
  routes: z.array(route).min(1),
});

const certificate = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  cert: vault,
  key: vault,
  snis: z.array(z.strictObject({ name: wildcardHost })).min(1, "a certificate without a name is never shown"),
  tags,
});

const group = z.boolean().optional();
const prometheus = z.strictObject({
  name: z.literal("prometheus", "a plugin whose config nobody has checked"),
  config: z.strictObject({
    per_consumer: group,
    status_code_metrics: group,
    latency_metrics: group,
    bandwidth_metrics: group,
    upstream_health_metrics: group,
  }),
  tags,
});

export const kongFile = z.strictObject({
  _format_version: z.literal("3.0", "older forms are migrated in silence, and a number is no text"),
  services: z.array(service).length(1),
  certificates: z.array(certificate).optional(),
  plugins: z.array(prometheus),
});
