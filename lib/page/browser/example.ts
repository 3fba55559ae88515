import type { Host, Route } from "../../decision/gateway";
import { RouteTable } from "../../decision/route-table";
import { once } from "../../once";
import type { HeaderLine } from "../../policy";
import type { Typed } from "./typed";

/** A request to try a route with. */

const METHODS = ["GET", "POST", "PUT", "DELETE"];

/** Sixteen bytes, which nobody looks at (RFC 6455 section 4.1). */
const KEY = "AAAAAAAAAAAAAAAAAAAAAA==";
const HANDSHAKE: readonly HeaderLine[] = [
  ["upgrade", "websocket"],
  ["connection", "upgrade"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", KEY],
];

const tableOf = once(({ routes }: Host) => new RouteTable(routes));

/** Bodies are none here, and heads have no bytes. */
const BARE = { scheme: "https", host: "", client: "", headBytes: 0 } as const;

/** A request that takes a route: a method, a path and headers for which no other one of the host comes first, where there are any. */
export function exampleOf(host: Host, route: Route): Pick<Typed, "method" | "url" | "headers"> {
  const { match } = route;
  const [tenant] = Object.keys(host.tenants ?? {});
  const name = tenant === undefined ? host.name : tenant + host.name.slice(1);
  const wanted = Object.entries(match.headers ?? {}).flatMap(([header, of]): HeaderLine[] => {
    if (typeof of === "string") return [[header, of]];
    return of.type === "Absent" ? [] : [[header, of.type === "In" ? (of.values[0] ?? "") : "1"]];
  });
  const query = Object.entries(match.query ?? {}).map(([parameter, of]) => {
    const value = typeof of === "string" ? of : of.type === "In" ? (of.values[0] ?? "") : "1";
    return `${parameter}=${value}`;
  });
  const headers = [...wanted, ...(match.upgrade ? HANDSHAKE : [])];
  const targets = match.paths.flatMap(({ type, value }) => {
    const filled = ["1", "a"].map((word) => value.replace(/\{[^}]*\}/g, word));
    return type === "PathPrefix"
      ? [...filled, `${value.replace(/\/$/, "")}/1`, `${value.replace(/\/$/, "")}/1/a`]
      : filled;
  });
  const all = (match.methods ?? METHODS).flatMap((method) =>
    targets.map((path) => ({ method, target: [path, ...(query.length > 0 ? [query.join("&")] : [])].join("?") })),
  );
  const body = { limit: () => false, read: () => Promise.resolve(undefined) };
  const found = all.find((one) => tableOf(host).find({ ...BARE, ...one, headers, body }, false)?.name === route.name);
  const { method, target } = found ?? all[0] ?? { method: "GET", target: "/" };
  return {
    ...{ method, url: `https://${name}${target}` },
    headers: headers.map((line) => line.join(": ")).join("\n"),
  };
}
