import type { GatewayRequest } from "../policy/kind";
import { headerValues } from "../policy/kind";
import { segmentsOf, variablesIn } from "../policy/path-template";
import { asksForWebSocket } from "../policy/kinds/web-socket";

/** How requests are told apart: by path, then method, then headers, query and a handshake. In Gateway API's terms. */

export interface PathMatch {
  /** `PathTemplate`: `{name}` stands for one segment, whatever is in it. */
  type: "Exact" | "PathTemplate" | "PathPrefix";
  value: string;
}

/** A header's value as text is `Exact`. A header without a value is absent. */
export type HeaderMatch = string | { type: "In"; values: readonly string[] } | { type: "Present" } | { type: "Absent" };

/** A parameter's value as text is `Exact`. A parameter without a value is absent. */
export type QueryMatch = Exclude<HeaderMatch, { type: "Absent" }>;

export interface RouteMatch {
  paths: readonly PathMatch[];
  methods?: readonly string[];
  /** Names in lower case. */
  headers?: Readonly<Record<string, HeaderMatch>>;
  /** Names of parameters as they are written. */
  query?: Readonly<Record<string, QueryMatch>>;
  /** WebSocket handshakes alone. */
  upgrade?: "websocket";
}

/** The longest prefix of a path in a model that has no variable. */
export function literalPrefix({ value }: PathMatch): string {
  const segments = segmentsOf(value);
  const at = segments.findIndex(({ variable }) => variable !== undefined);
  return at < 0
    ? value
    : `/${segments
        .slice(0, at)
        .map(({ text }) => text)
        .join("/")}`;
}

/** The path itself and those above it. */
export function pathsAbove(value: string): string[] {
  const ends = [...value.matchAll(/\//g)].map(({ index }) => index).filter((index) => index > 0);
  return [...new Set(["/", ...ends.map((end) => value.slice(0, end)), value])];
}

export function pathFits({ type, value }: PathMatch, path: string): boolean {
  if (type === "PathTemplate") return variablesIn(value, path) !== undefined;
  if (!path.startsWith(value)) return false;
  // A prefix ends on a segment boundary.
  return path.length === value.length || (type === "PathPrefix" && (value === "/" || path[value.length] === "/"));
}

/** Whether some path fits both. */
export function mayShare(a: PathMatch, b: PathMatch): boolean {
  const [left, right] = [a, b].map(({ value }) => (value === "/" ? [] : segmentsOf(value)));
  if (!left || !right) return false;
  const shorter = Math.min(left.length, right.length);
  if (left.length > shorter && b.type !== "PathPrefix") return false;
  if (right.length > shorter && a.type !== "PathPrefix") return false;
  return left.slice(0, shorter).every((l, i) => {
    const r = right[i];
    return l.variable !== undefined || r?.variable !== undefined || l.text === r?.text;
  });
}

function headerFits(wanted: HeaderMatch, values: readonly string[]): boolean {
  if (typeof wanted === "string") return values.length === 1 && values[0] === wanted;
  if (wanted.type === "Present") return values.length > 0;
  if (wanted.type === "Absent") return values.length === 0;
  return values.length === 1 && wanted.values.includes(values[0] as string);
}

/** The first parameter of that name, as the client has written it. */
function parameterOf(target: string, name: string): string | undefined {
  const at = target.indexOf("?");
  if (at < 0) return undefined;
  const parameter = target
    .slice(at + 1)
    .split("&")
    .find((text) => text === name || text.startsWith(`${name}=`));
  return parameter?.slice(name.length + 1);
}

function queryFits(wanted: Readonly<Record<string, QueryMatch>>, target: string): boolean {
  return Object.entries(wanted).every(([name, match]) => {
    const value = parameterOf(target, name) ?? "";
    return headerFits(match, value === "" ? [] : [value]);
  });
}

/** Whether a request, whose path fits, is the route's. */
export function requestFits({ methods, headers, query, upgrade }: RouteMatch, request: GatewayRequest): boolean {
  if (methods && !methods.includes(request.method)) return false;
  if (upgrade && !(request.method === "GET" && asksForWebSocket(request))) return false;
  if (query && !queryFits(query, request.target)) return false;
  return Object.entries(headers ?? {}).every(([name, wanted]) =>
    headerFits(
      wanted,
      headerValues(request, name).filter((value) => value !== ""),
    ),
  );
}

const PATH_RANK = { Exact: 0, PathTemplate: 1, PathPrefix: 2 } as const;

/**
 * Gateway API's order: exact paths, then templates with the fewest variables, then the longest prefix; then handshakes, routes
 * with a method, those with more headers, and of those with as many the ones that name values; then, in the same way, those with
 * more parameters. What is still equal keeps the model's order.
 */
export function rankOf(path: PathMatch, { methods, headers = {}, query = {}, upgrade }: RouteMatch): number[] {
  return [
    PATH_RANK[path.type],
    segmentsOf(path.value).filter(({ variable }) => variable !== undefined).length,
    -path.value.length,
    upgrade ? 0 : 1,
    methods ? 0 : 1,
    ...rankOfWanted(Object.values(headers)),
    ...rankOfWanted(Object.values(query)),
  ];
}

const rankOfWanted = (wanted: readonly HeaderMatch[]): number[] => [
  -wanted.length,
  wanted.filter((w) => typeof w !== "string").length,
  wanted.filter((w) => typeof w !== "string" && w.type !== "In").length,
];
