import type { GatewayModel } from "../model";
import { isShownBody, placementsOf, type TargetPlan } from "../plan";
import { RATE_LIMIT_HEADERS } from "../policy/kinds/rate-limit";
import { configOf, type Gateway, type Host, type Route } from "../decision/gateway";
import { identityHeaders } from "./identity-headers";
import { CONNECTION_OPTIONS, namesOnly } from "./nginx-syntax";
import { IDLE_MS, type RetriesConfig, type TimeoutsConfig } from "../policy/kinds/upstream";

/** Routes that go through the filter, as the proxy before it sees them. */

/** Whether a route goes through the filter, or has it asked at the door. */
export function filterWays(plan: TargetPlan): {
  isThrough: (host: string, route: string) => boolean;
  asksDoor: (host: string, route: string) => boolean;
} {
  const has = (host: string, route: string, wanted: (place: string) => boolean): boolean =>
    placementsOf(plan, host, route).some(({ place }) => wanted(place));
  const asks = (place: string): boolean => place !== "native" && place !== "proxied";
  const isThrough = (host: string, route: string): boolean => has(host, route, (place) => place === "proxied");
  return {
    isThrough,
    asksDoor: (host, route) => !isThrough(host, route) && (has(host, route, asks) || has(host, "", asks)),
  };
}

/** The largest body that the filter judges on a route, where it does; a larger one is refused before. */
export function judgedBytes(plan: TargetPlan, host: Host, route: Route): { judgedBytes?: number } {
  const own = placementsOf(plan, host.name, route.name).filter(isShownBody);
  if (own.length === 0) return {};
  const { max = Infinity } = (configOf(route.policies, "bodySize") ?? {}) as { max?: number };
  return { judgedBytes: Math.min(max, ...own.map(({ config }) => (config as { maxBody: number }).maxBody)) };
}

/** Beyond the time that the filter gives a call. */
const MARGIN_MS = 5_000;

/** How long the filter may take until the first byte of an answer, in milliseconds. */
export function longestAnswerMs(route: Route): number {
  const timeouts = configOf(route.policies, "timeouts") as TimeoutsConfig | undefined;
  const retries = configOf(route.policies, "retries") as RetriesConfig | undefined;
  const tries = retries ? retries.tries * retries.perTry : 0;
  return (timeouts?.total ?? Math.max(tries, timeouts?.firstByte ?? 15_000)) + MARGIN_MS;
}

/** The longest time that nginx knows, and Node counts. */
const FOR_EVER_MS = 24 * 86_400_000;

/** How long an answer may pause, in milliseconds; nothing where a model says nothing. */
export function idleMs(route: Route): number | undefined {
  const { idle } = (configOf(route.policies, "timeouts") ?? {}) as Partial<TimeoutsConfig>;
  return idle === null ? FOR_EVER_MS : idle;
}

/** How long the filter may say nothing on a route that goes through it, in milliseconds. */
export const longestPauseMs = (route: Route): number =>
  Math.max(longestAnswerMs(route), Math.min(FOR_EVER_MS, (idleMs(route) ?? IDLE_MS) + MARGIN_MS));

/** How long a connection may say nothing where whole hosts go through the filter, in milliseconds: by the longest of all routes. */
export function longestSilenceMs(hosts: readonly Host[]): number {
  const all = hosts.flatMap(({ routes }) =>
    routes.flatMap((route) => [longestPauseMs(route), (handshakes(route).webSocketIdleMs ?? 0) + MARGIN_MS]),
  );
  return Math.max(60_000, ...all);
}

/** A directive of nginx for where the filter does not see `Connection`: it may name what no client says anyway. */
export function connectionRule({ hosts }: Gateway): string {
  const own = new Set(hosts.flatMap(identityHeaders));
  return `if ($http_connection !~* "${namesOnly([...CONNECTION_OPTIONS, ...[...own].sort()])}") { return 400; }`;
}

/** What a proxy must let pass where the filter looks at handshakes. */
export function handshakes(route: Route): { webSocketIdleMs?: number } {
  const webSocket = configOf(route.policies, "webSocket") as { allowed: boolean; idle: number } | undefined;
  return webSocket?.allowed ? { webSocketIdleMs: webSocket.idle } : {};
}

/** Headers that the filter says at the door and the client hears: what is left of the route's limits. */
export function heardHeaders(route: Route): readonly string[] {
  const limits = configOf(route.policies, "rateLimit") as { headers: boolean } | undefined;
  return limits?.headers ? RATE_LIMIT_HEADERS : [];
}

/** Head of an answer that comes through the filter, in KiB: the service's, and what the filter adds. */
export const filterHeadKiB = ({ upstream }: GatewayModel): number => upstream.headBytes / 1024 + 16;

/** Buffers of nginx for a client's head, above what the filter takes: it is the filter that says what is too large. */
export const HEAD_BUFFERS = "8 96k";

/** Where the filter is told how exchanges have ended. */
export const reportAddress = (model: GatewayModel): { host: string; port: number } => ({
  host: throughAddress(model).host,
  port: model.filter.reportPort,
});

/** Where the filter takes whole routes: the host of its door, and a port of its own. */
export function throughAddress({ filter }: GatewayModel): { host: string; port: number } {
  return { host: filter.address.slice(0, filter.address.lastIndexOf(":")), port: filter.throughPort };
}
