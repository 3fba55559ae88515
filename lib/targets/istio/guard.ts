import { readFileSync } from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import { isIPv6 } from "node:net";
import { STEERING_FAMILIES, STEERING_HEADERS } from "../../policy/kinds/header-hygiene";
import { trustedHops } from "../front";
import { identityHeaders } from "../identity-headers";
import { groupsOf } from "../../policy/client-address";
import { isOriginPattern, originExpression } from "../../policy/origins";
import type { HostDraft, IstioDraft, RouteDraft } from "./draft";
import { luaTable } from "./lua";
import { CODING, COUNTED, REFUSED_HEAD } from "./names";

/** Of what the guard refuses by itself, as nginx names them. */
const NATIVE_REASONS = {
  "301": "https-redirect",
  "308": "https-redirect",
  "400": "unclean-path",
  "403": "upgrade-not-allowed",
  "404": "unknown-path",
  "405": "method-not-allowed",
  "413": "body-too-large",
  "414": "uri-too-long",
  "431": "head-too-large",
  "500": "internal",
  "503": "route-mismatch",
} as const;

const TEMPLATE = path.join(__dirname, "../../../templates/istio/guard.lua.hbs");

/** The script of one gateway. */
export function guardScript(draft: IstioDraft): string {
  const hosts = Object.fromEntries([...draft.hosts.values()].map((h) => [h.host.name, hostRules(h)]));
  const template = Handlebars.compile(readFileSync(TEMPLATE, "utf8"), { noEscape: true, strict: true });
  const { front, listeners } = draft.input.model;
  const listed = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, true]));
  return template({
    hosts: luaTable(hosts),
    steering: luaTable(listed(STEERING_HEADERS)),
    families: luaTable(STEERING_FAMILIES),
    plainPort: luaTable(String(listeners.http.containerPort)),
    hops: String(trustedHops(front)),
    networks: luaTable(front.networks.map(networkRule)),
    reasons: luaTable(NATIVE_REASONS),
    refusedHead: REFUSED_HEAD,
    coding: CODING,
    counted: COUNTED,
  });
}

/** A network as numbers: bytes of IPv4, groups of IPv6. */
function networkRule(network: string): object {
  const [address = "", bits] = network.split("/");
  const v6 = isIPv6(address);
  const parts = v6 ? groupsOf(address) : address.split(".").map(Number);
  return { parts, width: v6 ? 16 : 8, bits: Number(bits ?? (v6 ? 128 : 32)) };
}

/** A text as a part of a Lua pattern, in which the ranges of a regular expression read the same. */
const luaText = (text: string): string => text.replace(/[^\w\s]/g, "%$&");

function hostRules(host: HostDraft): object {
  const patterns = (host.cors?.origins ?? []).filter(isOriginPattern);
  return {
    tenants: host.tenants && Object.fromEntries(host.tenants.map((label) => [label, true])),
    moved: host.tenants && host.redirect,
    methods: host.methods && Object.fromEntries(host.methods.map((m) => [m, true])),
    allow: host.methods?.join(", "),
    max_uri: host.maxUri,
    max_head: host.maxHead,
    origins: host.cors && Object.fromEntries(host.cors.origins.filter((o) => !isOriginPattern(o)).map((origin) => [origin, true])),
    origin_patterns: patterns.length > 0 ? patterns.map((origin) => `^${originExpression(origin, luaText)}$`) : undefined,
    expose: host.cors?.exposeHeaders.join(","),
    credentials: host.cors?.credentials || undefined,
    clean_paths: host.cleanPaths || undefined,
    exempt: host.exempt.length > 0 ? host.exempt : undefined,
    drop_malformed: host.dropMalformed || undefined,
    drop: host.drop.length > 0 ? host.drop : undefined,
    pass: host.pass.length > 0 ? Object.fromEntries(host.pass.map((name) => [name, true])) : undefined,
    single: host.single.length > 0 ? Object.fromEntries(host.single.map((name) => [name, true])) : undefined,
    log_agent: host.logFields.includes("userAgent") || undefined,
    log_referer: host.logFields.includes("referer") || undefined,
    rules: sharedRules(host),
  };
}

/** What is asked of routes, once for all that it is asked of. */
function sharedRules(host: HostDraft): object[] {
  const found = new Map<string, { routes: string[] }>();
  for (const route of host.routes.values()) {
    const rules = routeRules(host, route);
    const key = JSON.stringify(rules);
    const known = found.get(key);
    if (known) known.routes.push(route.route.name);
    else found.set(key, { routes: [route.route.name], ...rules });
  }
  return [...found.values()];
}

/** Headers of a route's answers, by whether they stand on refusals, too. */
function answerRules({ responseHeaders }: RouteDraft): object {
  if (!responseHeaders || Object.keys(responseHeaders.set).length === 0) return {};
  return { [responseHeaders.on === "always" ? "on_all" : "on_success"]: responseHeaders.set };
}

function routeRules(host: HostDraft, route: RouteDraft): object {
  const identity = identityHeaders(host.host);
  return {
    max_body: route.maxBodyBytes,
    labels: route.labels,
    counted: route.countedBytes,
    compresses: route.compression !== undefined || undefined,
    grpc: route.grpc,
    takes_upgrade: route.webSocketIdleMs !== undefined || undefined,
    // Whoever is asked compares them with the token first.
    drop: route.door || route.through || identity.length === 0 ? undefined : identity,
    ...answerRules(route),
    answers: (route.respond !== undefined && host.cors !== undefined) || undefined,
  };
}
