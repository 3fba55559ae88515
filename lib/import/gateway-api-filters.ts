import { trimmed } from "./paths";

/** Filters, times and tries of a rule (https://gateway-api.sigs.k8s.io/reference/spec/, 1.6) as parts of a route. */

interface Header {
  name: string;
  value: string;
}

interface Modifier {
  set?: Header[];
  add?: Header[];
  remove?: string[];
}

interface PathModifier {
  type?: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface RawFilter {
  type?: string;
  requestHeaderModifier?: Modifier;
  responseHeaderModifier?: Modifier;
  requestRedirect?: { scheme?: string; hostname?: string; port?: number; path?: PathModifier; statusCode?: number };
  urlRewrite?: { hostname?: string; path?: PathModifier };
}

export interface RawRule {
  name?: string;
  matches?: RawMatch[];
  filters?: RawFilter[];
  backendRefs?: RawBackend[];
  timeouts?: { request?: string; backendRequest?: string };
  retry?: { codes?: number[]; attempts?: number; backoff?: string };
  sessionPersistence?: object;
}

export interface RawMatch {
  path?: { type?: string; value?: string };
  headers?: { type?: string; name: string; value: string }[];
  queryParams?: { name: string; value: string; type?: string }[];
  /** Of an HTTPRoute a name, of a GRPCRoute a service and a method of it. */
  method?: string | { type?: string; service?: string; method?: string };
}

export interface RawBackend {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
  port?: number;
  weight?: number;
  filters?: object[];
}

export type Say = (level: "lost" | "changed" | "idle", name: string, what: string) => void;

/** What a rule does with every request that it takes. */
export interface RuleForm {
  policies: Record<string, unknown>;
  redirect?: { status: number; scheme?: string; host?: string; path?: string };
  /** Plain http is sent to https, and nothing else is done. */
  toHttps?: number;
  rewriteHost?: string;
  rewritePath?: { full?: string; prefix?: string };
  /** Something that may have refused is not taken. */
  isClosed: boolean;
}

const SETTABLE = /^(?!host$)[a-z\d-]+$/i;

function modified({ set = [], add = [], remove = [] }: Modifier, name: string, say: Say): object {
  if (add.length > 0)
    say("changed", name, `${add.map((h) => h.name).join(", ")}: set in place of what is there, not added to it`);
  const odd = [...add, ...set].filter((h) => !SETTABLE.test(h.name));
  if (odd.length > 0) say("lost", name, `${odd.map((h) => h.name).join(", ")} cannot be set`);
  const headers = Object.fromEntries(
    [...add, ...set].filter((h) => SETTABLE.test(h.name)).map((h) => [h.name.toLowerCase(), h.value]),
  );
  return {
    ...(Object.keys(headers).length > 0 && { set: headers }),
    ...(remove.length > 0 && { remove: remove.map((header) => header.toLowerCase()) }),
  };
}

/** The status of a host's redirect to https. */
export function keptStatus(status: number, say: Say): number {
  if (status === 301 || status === 308) return status;
  say("changed", "RequestRedirect", `${String(status)} to https is 301 here`);
  return 301;
}

function redirected(redirect: NonNullable<RawFilter["requestRedirect"]>, say: Say): Partial<RuleForm> {
  const { scheme, hostname, port, path, statusCode = 302 } = redirect;
  if (scheme === "https" && hostname === undefined && path === undefined && (port ?? 443) === 443) {
    return { toHttps: keptStatus(statusCode, say) };
  }
  const lost = (what: string): Partial<RuleForm> => {
    say("lost", "RequestRedirect", what);
    return { isClosed: true };
  };
  const usual = scheme === "http" ? 80 : 443;
  if ((port ?? usual) !== usual) return lost(`a redirect to port ${String(port)} is not taken`);
  if (path?.type === "ReplacePrefixMatch") return lost("a redirect that keeps what is behind the prefix is not taken");
  if (hostname === undefined && path?.replaceFullPath === undefined)
    return lost("a redirect has another host or path here");
  if (scheme === undefined) say("changed", "RequestRedirect", "the client's scheme stayed; it is https here");
  return {
    redirect: {
      status: statusCode,
      ...(scheme !== undefined && { scheme }),
      ...(hostname !== undefined && { host: hostname }),
      ...(path?.replaceFullPath !== undefined && { path: path.replaceFullPath }),
    },
  };
}

function rewritten({ hostname, path }: NonNullable<RawFilter["urlRewrite"]>): Partial<RuleForm> {
  const full = path?.type === "ReplaceFullPath" ? path.replaceFullPath : undefined;
  const prefix = path?.type === "ReplacePrefixMatch" ? trimmed(path.replacePrefixMatch ?? "/") : undefined;
  return {
    ...(hostname !== undefined && { rewriteHost: hostname }),
    ...(path && { rewritePath: { ...(full !== undefined && { full }), ...(prefix !== undefined && { prefix }) } }),
  };
}

const TIME = /^(?:\d+(?:h|m|s|ms))+$/;
const MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** A duration of GEP-2257; nothing where it means none. */
function timeOf(text: string | undefined): string | undefined {
  if (text === undefined || !TIME.test(text)) return undefined;
  const ms = [...text.matchAll(/(\d+)(h|ms|m|s)/g)].reduce(
    (sum, [, n, unit = "s"]) => sum + Number(n) * (MS[unit] ?? 0),
    0,
  );
  return ms === 0 ? undefined : ms % 1_000 === 0 ? `${String(ms / 1_000)}s` : `${String(ms)}ms`;
}

const RETRIED = [502, 503, 504];

function times({ timeouts, retry }: RawRule, say: Say): Record<string, unknown> {
  const total = timeOf(timeouts?.request);
  const each = timeOf(timeouts?.backendRequest);
  // What may take so long in all may take it to its first byte.
  const first = each ?? total;
  const own = { ...(total !== undefined && { total }), ...(first !== undefined && !retry && { firstByte: first }) };
  if (each !== undefined)
    say("changed", "backendRequest", "it was the time of the whole answer, and is that of its first byte");
  if (!retry) return Object.keys(own).length > 0 ? { timeouts: own } : {};
  const { codes = [], attempts = 1, backoff } = retry;
  const others = codes.filter((code) => !RETRIED.includes(code));
  if (others.length > 0) say("lost", "retry", `answers of ${others.join(", ")} are not tried again`);
  if (backoff !== undefined) say("changed", "retry", "the next try follows at once");
  say("changed", "retry", "POST and PATCH are never sent twice");
  const statuses = codes.filter((code) => RETRIED.includes(code)).map(String);
  return {
    ...(Object.keys(own).length > 0 && { timeouts: own }),
    retries: { tries: Math.min(10, attempts + 1), statuses, ...(first !== undefined && { perTry: first }) },
  };
}

export function formOf(rule: RawRule, say: Say): RuleForm {
  const form: RuleForm = { policies: times(rule, say), isClosed: false };
  if (rule.sessionPersistence) say("lost", "sessionPersistence", "clients are not kept at one pod");
  for (const filter of rule.filters ?? []) {
    const { type = "", requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter;
    if (type === "RequestHeaderModifier" && requestHeaderModifier) {
      form.policies["requestHeaders"] = modified(requestHeaderModifier, type, say);
    } else if (type === "ResponseHeaderModifier" && responseHeaderModifier) {
      form.policies["responseHeaders"] = { ...modified(responseHeaderModifier, type, say), on: "always" };
    } else if (type === "RequestRedirect" && requestRedirect) {
      Object.assign(form, redirected(requestRedirect, say));
    } else if (type === "URLRewrite" && urlRewrite) {
      Object.assign(form, rewritten(urlRewrite));
    } else if (type === "RequestMirror" || type === "CORS") {
      say("lost", type, type === "CORS" ? "write cors at the host, which it holds for here" : "nothing is sent twice");
    } else {
      // Of others nobody knows whom they let in.
      form.isClosed = true;
      say("lost", type, "what it does is not read; its routes answer 503 until you write it");
    }
  }
  return form;
}
