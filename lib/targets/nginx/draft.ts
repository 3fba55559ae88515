import { errorBody as errorBodyKind, type AuditConfig, type ErrorBodyConfig } from "../../policy/kinds/response";
import { needsMatching, type ConfiguredPolicy, type Host, type Route } from "../../decision/gateway";
import type { CompressionConfig } from "../../policy/kinds/compression";
import type { FallbackConfig } from "../../policy/kinds/fallback";
import type { BackendTls, RespondConfig } from "../../policy/kinds/route-shape";
import type { Placement } from "../../plan";
import type { TargetInput } from "../target";
import { filterWays, handshakes, heardHeaders, judgedBytes } from "../through";
import { headerVariable, variablePart } from "../nginx-syntax";

/** A configuration in the making: enforcers add to it, the view turns it into text. Values are nginx expressions. */

export type HeaderExpression = readonly [name: string, expression: string];

interface VariableMap {
  /** What is looked up, an nginx expression. */
  from: string;
  /** The variable that gets the value, without `$`. */
  variable: string;
  lines: (readonly [pattern: string, value: string])[];
}

/** `if (condition) { return status; }` */
export interface Check {
  condition: string;
  status: number;
}

export interface RouteDraft {
  route: Route;
  /** Its methods and headers decide, beside its path. */
  chosenByMatch: boolean;
  checks: Check[];
  maxBodyBytes?: number;
  firstByteMs?: number;
  /** How long an answer may pause; as long as its first byte may take where nothing is said. */
  idleMs?: number;
  retries?: { tries: number; perTryMs: number; statuses: readonly string[] };
  /** The target sent to the upstream. */
  target: string;
  backend?: string;
  /** What one backend has not answered is asked of the others. */
  /** Services at several addresses are called at all of them. */
  takesTurns?: true;
  triesOthers?: boolean;
  requestHeaders: HeaderExpression[];
  responseHeaders: HeaderExpression[];
  /** They stand on refusals, too. */
  alwaysHeaders: HeaderExpression[];
  hiddenHeaders: string[];
  webSocketIdleMs?: number;
  compression?: CompressionConfig;
  /** Tries end, whatever has come of them. */
  totalMs?: number;
  /** Answers are not gathered. */
  streams?: boolean;
  respond?: RespondConfig;
  fallback?: FallbackConfig;
  labels?: Readonly<Record<string, string>>;
  /** How its services are called by TLS. */
  tls?: BackendTls;
  /** Its services speak gRPC. */
  grpc?: boolean;
  door: boolean;
  /** The filter judges bodies up to this size. */
  judgedBytes?: number;
  /** The filter calls the service. */
  through: boolean;
}

export interface ServerDraft {
  host: Host;
  /** By which it is asked for. */
  names: readonly string[];
  /** True for a name that fits, and is none of its tenants'. */
  unknownHost?: string;
  /** Name of this host inside variables and zones. */
  id: string;
  redirect: number | undefined;
  checks: Check[];
  answersPreflights: boolean;
  requestHeaders: HeaderExpression[];
  responseHeaders: HeaderExpression[];
  hiddenHeaders: string[];
  guard?: { zone: string; burst: number };
  /** How errors look: in the form that holds where a model says nothing, or takes it away. */
  errorBody: ErrorBodyConfig;
  log: boolean;
  /** What is told besides in the log. */
  logFields: AuditConfig["fields"];
  routes: Map<string, RouteDraft>;
  /** What clients hear from the filter of what it lets pass, by the variables that have it. */
  heard: readonly HeaderExpression[];
}

export interface NginxDraft {
  input: TargetInput;
  maps: Map<string, VariableMap>;
  geos: { variable: string; networks: readonly string[] }[];
  zones: { name: string; key: string; rate: string }[];
  splits: { variable: string; parts: readonly { share: string; backend: string }[] }[];
  /** Header lines with `_` or `.` in their names are not passed on. */
  dropsMalformedNames: boolean;
  servers: Map<string, ServerDraft>;
  /** Dynamic modules that it loads. */
  modules: Set<string>;
  /** Names that are taken, and by what. */
  names: Map<string, string>;
}

/** A name for variables and zones: readable, and another for each owner. */
export function nameFor(names: Map<string, string>, prefix: string, ...owner: readonly string[]): string {
  const base = [prefix, ...owner.map(variablePart)].filter((part) => part !== "").join("_");
  const key = JSON.stringify([prefix, ...owner]);
  let name = base;
  for (let i = 2; (names.get(name) ?? key) !== key; i++) name = `${base}_${String(i)}`;
  names.set(name, key);
  return name;
}

/** Hosts that differ in their names alone, together; what tokens' cookies are taken from is the filter's to know. */
function alike(hosts: readonly Host[]): [Host, ...Host[]][] {
  const groups = new Map<string, [Host, ...Host[]]>();
  const plain = (policies: readonly ConfiguredPolicy[]): object[] =>
    policies.map(({ kind, config }) => (kind === "jwt" ? { kind, ...(config as object), origins: [] } : { kind, config }));
  for (const host of hosts) {
    const routes = host.routes.map((route) => ({ ...route, policies: plain(route.policies) }));
    const key = host.tenants ? host.name : JSON.stringify([plain(host.policies), routes, host.certificate]);
    const group = groups.get(key);
    if (group) group.push(host);
    else groups.set(key, [host]);
  }
  return [...groups.values()];
}

export function beginDraft(input: TargetInput): NginxDraft {
  const ways = filterWays(input.plan);
  const names = new Map<string, string>();
  const groups = alike(input.gateway.hosts);
  const servers = groups.map(([host, ...others]): [string, ServerDraft] => {
    const routes = host.routes.map((route): [string, RouteDraft] => [
      route.name,
      {
        route,
        chosenByMatch: !needsMatching(route),
        checks: [],
        target: "$request_uri",
        requestHeaders: [],
        responseHeaders: [],
        alwaysHeaders: [],
        hiddenHeaders: ways.asksDoor(host.name, route.name) ? [...heardHeaders(route)] : [],
        door: ways.asksDoor(host.name, route.name),
        through: ways.isThrough(host.name, route.name),
        ...judgedBytes(input.plan, host, route),
        ...(ways.isThrough(host.name, route.name) && handshakes(route)),
      },
    ]);
    const said = host.routes.filter((route) => ways.asksDoor(host.name, route.name)).flatMap(heardHeaders);
    const heard = [...new Set(said)].map((name) => [name, `$gateway_heard_${headerVariable(name)}`] as const);
    const server: ServerDraft = {
      host,
      id: nameFor(names, "", host.name),
      names: [host, ...others].map(({ name }) => name),
      redirect: undefined,
      checks: [],
      answersPreflights: false,
      requestHeaders: [],
      responseHeaders: [...heard],
      hiddenHeaders: [],
      heard,
      errorBody: errorBodyKind.schema.parse({}),
      log: false,
      logFields: [],
      routes: new Map(routes),
    };
    return [host.name, server];
  });
  return {
    input,
    maps: new Map(),
    geos: [],
    zones: [],
    splits: [],
    dropsMalformedNames: false,
    servers: new Map(servers),
    modules: new Set(),
    names,
  };
}

export function serverOf(draft: NginxDraft, placement: Placement): ServerDraft {
  return draft.servers.get(placement.host) as ServerDraft;
}

export function routeOf(draft: NginxDraft, placement: Placement): RouteDraft {
  return serverOf(draft, placement).routes.get(placement.route ?? "") as RouteDraft;
}

/** Adds a map once; its variable's name must tell its content. Gives the expression that reads it. */
export function addMap(draft: NginxDraft, map: VariableMap): string {
  draft.maps.set(map.variable, map);
  return `$${map.variable}`;
}
