import { diagnostic, type Diagnostic, type SourcePosition } from "../diagnostics";
import { configOf, type Host, type Route } from "../decision/gateway";
import type { JwtConfig } from "../policy/kinds/jwt";
import { securityHeaderLines, type ResponseHeadersConfig, type SecurityHeadersConfig } from "../policy/kinds/response";
import { once } from "../once";
import type { GatewayModel } from "./schema";

/** What is allowed, and seldom what was meant: warnings, but for what no list of origins can make safe, and what two would set. */

interface Of {
  model: GatewayModel;
  host: Host;
  route: Route;
  source: SourcePosition;
}

const asks = (route: Route): JwtConfig | undefined => {
  const jwt = configOf(route.policies, "jwt") as JwtConfig | undefined;
  return jwt === undefined || jwt.mode === "open" ? undefined : jwt;
};

function webSocketByCookie({ host, route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const webSocket = configOf(route.policies, "webSocket") as { allowed: boolean } | undefined;
  if (!webSocket?.allowed || asks(route)?.cookie === undefined || configOf(host.policies, "cors")) return undefined;
  const why = `Browsers send the cookie with a handshake from any page, and ${host.name} has no list of origins.`;
  return ["model/web-socket-any-origin", "webSocket", why, "Name the pages' origins in cors of the host."];
}

function publicAnswer({ route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const set = (configOf(route.policies, "responseHeaders") as { set: Record<string, string> } | undefined)?.set;
  const keyed = configOf(route.policies, "apiKey") ?? configOf(route.policies, "signature");
  if (!/\b(public|s-maxage)\b/i.test(set?.["cache-control"] ?? "") || (!asks(route) && !keyed)) return undefined;
  const why = "Caches may give what is answered to one caller to others, since Cache-Control says public.";
  return ["model/public-answer", "responseHeaders", why, 'Write "private" or "no-store".'];
}

function lockoutAlone({ route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const lockout = configOf(route.policies, "lockout") as { by: string } | undefined;
  const limits = (configOf(route.policies, "rateLimit") as { limits: { key: unknown[] }[] } | undefined)?.limits ?? [];
  const byAddress = limits.some(({ key }) => key.some((k) => k === "clientAddress" || typeof k === "object"));
  if (lockout?.by !== "field") return undefined;
  if (byAddress) {
    const why = "Whoever knows a name can lock out who has it, by failing on purpose.";
    return [
      "model/lockout-of-others",
      "lockout",
      why,
      'Set by to "fieldAndClientAddress" where that is worse than guesses from many addresses.',
    ];
  }
  const why = "One address may try one password on every name, and lock out all of them.";
  return ["model/lockout-alone", "lockout", why, "Add a rateLimit with key: [clientAddress] to the route."];
}

function claimsBesideCache({ route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const cache = configOf(route.policies, "cache") as { by: string } | undefined;
  const sent = Object.keys(asks(route)?.claimHeaders ?? {});
  if (cache?.by !== "tenant" || sent.length === 0) return undefined;
  const why = `The service hears ${sent.join(", ")} of one user, and its answer goes to all of the tenant.`;
  return ["model/cache-by-tenant", "cache", why, 'Set by to "user" where the answer depends on the user.'];
}

function widerThanHost({ model, host, route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  type Lists = { allow: string[]; deny: string[] } | null | undefined;
  const outer = (model.hosts[host.name]?.policies.addresses ?? model.policies.addresses) as Lists;
  const own = configOf(route.policies, "addresses") as Lists;
  if (!outer) return undefined;
  const allows = outer.allow.length > 0 && (own?.allow ?? []).some((n) => !outer.allow.includes(n));
  const opens = outer.allow.length > 0 && (own?.allow ?? []).length === 0;
  const forgets = outer.deny.some((n) => !(own?.deny ?? []).includes(n));
  if (!allows && !opens && !forgets) return undefined;
  const why = `It replaces the address lists around it, and lets in whom ${host.name} keeps out.`;
  return [
    "model/wider-than-host",
    "addresses",
    why,
    "Repeat what holds around it, or take the route's own lists away.",
  ];
}

/** Kinds that say who may come. */
const GUARDS = ["jwt", "authorization", "apiKey", "signature", "tenant", "csrf", "addresses"] as const;

const routesByName = once((model: GatewayModel) => new Map(model.routes.map((route) => [route.name, route])));

/** A host's own guard, replaced on a route that does not name the host: who wrote the route may not have thought of it. */
function unnamedHost({ model, host, route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const written = routesByName(model).get(route.name);
  const guards = model.hosts[host.name]?.policies ?? {};
  if (!written || written.hosts !== undefined) return undefined;
  const own = { ...model.services[written.service ?? ""]?.policies, ...written.policies };
  const kind = GUARDS.find(
    (k) =>
      guards[k] &&
      ((own[k] !== undefined && (own[k] === null || (k === "jwt" && own.jwt?.mode !== "required"))) ||
        (own.shadow as readonly string[] | null | undefined)?.includes(k)),
  );
  if (kind === undefined) return undefined;
  const why = `It names no hosts, so it is on ${host.name} too, and opens what ${kind} of that host keeps.`;
  return ["model/wider-than-host", kind, why, "Name the route's hosts, or repeat what the host asks for."];
}

function headerSetTwice({ host, route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const security = configOf(host.policies, "securityHeaders") as SecurityHeadersConfig | undefined;
  const own = configOf(route.policies, "responseHeaders") as ResponseHeadersConfig | undefined;
  const hosts = Object.keys(security ? securityHeaderLines(security) : {});
  const both = Object.keys(own?.set ?? {}).filter((name) => hosts.includes(name));
  if (both.length === 0) return undefined;
  const why = `securityHeaders of ${host.name} sets ${both.join(", ")} on every answer.`;
  return [
    "model/header-set-twice",
    "responseHeaders",
    why,
    "Set it in one of them; in securityHeaders null leaves it out.",
  ];
}

function grpcHeld({ model, route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const grpc = configOf(route.policies, "backendGrpc");
  if (!grpc || !model.targets.includes("istio") || !configOf(route.policies, "bodyCount")) return undefined;
  const why = "Calls have no length: Istio holds each until it is whole to count it, and calls that stream never are.";
  const fix = 'Write "bodySize: null" where its calls stream; leave it where each call is one message.';
  return ["model/grpc-held", "bodySize", why, fix];
}

function grpcSockets({ route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const webSocket = configOf(route.policies, "webSocket") as { allowed: boolean } | undefined;
  if (!webSocket?.allowed || !configOf(route.policies, "backendGrpc")) return undefined;
  const why = "A WebSocket begins with an upgrade of HTTP/1.1, and its service speaks HTTP/2.";
  return ["model/grpc-web-socket", "webSocket", why, "Send WebSockets to a service whose protocol is http."];
}

function authorizationTwice({ route }: Of): readonly [Diagnostic["code"], string, string, string] | undefined {
  const key = configOf(route.policies, "apiKey") as { basic: boolean } | undefined;
  const { header, cookie } = asks(route) ?? {};
  if (!key?.basic || !asks(route) || header !== undefined || cookie !== undefined) return undefined;
  const why = "The password and the token are both asked for in Authorization, which has one of them.";
  return ["model/authorization-twice", "apiKey", why, "Name another header in jwt.header, or take one of them away."];
}

const CHECKS = [
  authorizationTwice,
  grpcHeld,
  grpcSockets,
  headerSetTwice,
  webSocketByCookie,
  publicAnswer,
  lockoutAlone,
  claimsBesideCache,
  widerThanHost,
  unnamedHost,
];

/** Each once for a host's routes that give the same reason: who has taken it for one has taken it for all. */
export function checkCautions(routes: readonly Of[]): Diagnostic[] {
  return CHECKS.flatMap((check) => {
    const groups = new Map<string, { said: NonNullable<ReturnType<typeof check>>; of: Of; others: Set<string> }>();
    for (const of of routes) {
      const said = of.route.respond && check !== headerSetTwice ? undefined : check(of);
      if (!said) continue;
      const known = groups.get(said[2]);
      if (known) known.others.add(of.route.name);
      else groups.set(said[2], { said, of, others: new Set() });
    }
    return [...groups.values()].map(({ said: [code, kind, why, fix], of, others }) => {
      others.delete(of.route.name);
      const also = others.size > 0 ? ` The same holds for ${[...others].join(", ")}.` : "";
      return diagnostic(code, `${of.model.name}/routes/${of.route.name}/policies/${kind}`, why + also, fix, of.source);
    });
  });
}
