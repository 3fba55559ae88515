import { time } from "../nginx-syntax";
import { idleMs, longestPauseMs } from "../through";
import type { RouteDraft } from "./draft";

/** How long whom is waited for, and what is tried again. */

/** Ways to one route: as it is, what the filter has handed back, once for what is not sent twice, and for handshakes. */
export type Variant = "" | "admitted" | "once" | "upgrade";

/** Where its service is called. */
export const callVariant = ({ judgedBytes }: RouteDraft): Variant => (judgedBytes === undefined ? "" : "admitted");

/** The filter is asked again only where nothing can be done twice: nginx never repeats a POST that it has sent. */
function throughTimeLines({ route, webSocketIdleMs }: RouteDraft, variant: Variant): string[] {
  const longest = longestPauseMs(route);
  const idle = variant === "upgrade" ? Math.max(webSocketIdleMs ?? 0, longest) : longest;
  return [
    "proxy_connect_timeout 1s;",
    `proxy_read_timeout ${time(idle)};`,
    ...(variant === "upgrade" ? [`proxy_send_timeout ${time(idle)};`] : []),
    ...(idleMs(route) === undefined ? [] : [`send_timeout ${time(longest)};`]),
    "proxy_next_upstream error;",
    "proxy_request_buffering off;",
    "proxy_buffering off;",
  ];
}

export function timeLines(route: RouteDraft, variant: Variant): string[] {
  if (route.through) return throughTimeLines(route, variant);
  const slowClients = route.idleMs === undefined ? [] : [`send_timeout ${time(route.idleMs)};`];
  return [...callLines(route, variant), ...slowClients];
}

function callLines(route: RouteDraft, variant: Variant): string[] {
  const first = route.firstByteMs ?? 60_000;
  // The time between two reads, whichever they are.
  const read = (firstMs: number): string => `proxy_read_timeout ${time(Math.max(firstMs, route.idleMs ?? 0))};`;
  if (variant === callVariant(route) && route.retries) {
    const { tries, statuses } = route.retries;
    const perTryMs = Math.min(route.retries.perTryMs, route.totalMs ?? Infinity);
    const kinds = ["error", "timeout", ...statuses.map((status) => `http_${status}`)];
    return [
      `proxy_connect_timeout ${time(perTryMs)};`,
      read(perTryMs),
      `proxy_next_upstream ${kinds.join(" ")};`,
      `proxy_next_upstream_tries ${String(tries)};`,
      ...(route.totalMs === undefined ? [] : [`proxy_next_upstream_timeout ${time(route.totalMs)};`]),
    ];
  }
  // A body flows where nothing could want it twice.
  return [
    `proxy_connect_timeout ${time(first)};`,
    variant === "upgrade" ? `proxy_read_timeout ${time(route.webSocketIdleMs ?? first)};` : read(first),
    ...(variant === "upgrade" ? [`proxy_send_timeout ${time(route.webSocketIdleMs ?? first)};`] : []),
    "proxy_next_upstream off;",
    "proxy_request_buffering off;",
  ];
}
