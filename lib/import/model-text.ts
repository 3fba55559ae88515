import { Document, isMap, isSeq, visit, type YAMLMap } from "yaml";
import type { Imported } from "./imported";

/** A model as somebody would write it, with a word on where each route is from. */

/** What the controller does on every host without being told, in our words. */
const DEFAULTS = {
  timeouts: { firstByte: "60s" },
  streaming: true,
  securityHeaders: { hsts: { includeSubDomains: true } },
};

/** What a model is made of: it decides what has to be said of every route, and what holds on them. */
export interface Origin {
  head: string;
  policies: object;
}

const WRITTEN = ' Written by "gatewright import"; it is yours now.';

export const INGRESS_NGINX: Origin = {
  policies: DEFAULTS,
  head: `${WRITTEN} What the controller does otherwise, on every route:
 - WebSockets pass there; here where webSocket.allowed says so.
 - A connection that fails is tried three times there, once here (retries).
 - Limits answer 503 there, 429 with Retry-After here; every host has a floodGuard of 200 requests a second by address.
 - Here paths with //, ;, .. or %2F are 400, methods other than the usual seven 405, header names with _ or . are dropped.
 - Here answers say X-Content-Type-Options and Referrer-Policy (securityHeaders), and errors are JSON (errorBody).
 - Services hear X-Forwarded-For, -Proto and -Host, no X-Real-IP, X-Scheme or X-Forwarded-Scheme.
 - The controller's ConfigMap was not read: its defaults are taken.`,
};

export const GATEWAY_API: Origin = {
  policies: {},
  head: `${WRITTEN} What implementations do otherwise, as a rule, on every route:
 - WebSockets pass there; here where webSocket.allowed says so. Answers may take any time there, 15 s to their first byte here (timeouts).
 - Every host has a floodGuard of 200 requests a second by address here, and bodies above 1 MiB are 413 (bodySize).
 - Here paths with //, ;, .. or %2F are 400, methods other than the usual seven 405, header names with _ or . are dropped.
 - Here answers say X-Content-Type-Options and Referrer-Policy (securityHeaders), and errors are JSON (errorBody).
 - Policies that an implementation attaches to these objects were not read: limits, tokens and CORS are yours to write.`,
};

export const OPENAPI: Origin = {
  policies: {},
  head: `${WRITTEN} What the description does not say, on every route:
 - A path with another method, HEAD among them, is 404, and so is what is not described.
 - Parameters, headers and answers are not judged; bodies are where a schema stands.
 - Every host has a floodGuard of 200 requests a second by address; see rateLimit for limits of callers. Bodies above 1 MiB are 413 (bodySize), and a service has 15 s (timeouts).
 - Plain http is sent to https (httpsRedirect); browsers of other origins need cors.`,
};

/** A mapping or list that is short stands in one line. */
const LONGEST = 110;

export interface ModelObject {
  name: string;
  targets: readonly string[];
  issuers?: Record<string, object>;
  secrets?: Record<string, object>;
  policies?: object;
  hosts: Record<string, unknown>;
  services: Record<string, unknown>;
  routes: unknown[];
}

export function modelOf(
  name: string,
  targets: readonly string[],
  { policies }: Origin,
  { hosts, services, routes, issuers, secrets }: Imported,
): ModelObject {
  return {
    ...{ name, targets },
    ...(issuers && { issuers }),
    ...(secrets && { secrets }),
    ...(Object.keys(policies).length > 0 && { policies }),
    hosts: Object.fromEntries(hosts),
    services: Object.fromEntries(services),
    routes: routes.map(({ comment: _, ...route }) => route),
  };
}

export function modelText(model: ModelObject, { head }: Origin, comments: readonly string[]): string {
  const document = new Document(model, { aliasDuplicateObjects: false });
  document.commentBefore = head;
  const top = document.contents as unknown as YAMLMap;
  visit(top, {
    Collection: (_, node, path) => {
      // The model's own parts stand below each other.
      if (path.length < 2 || (path.length === 3 && isSeq(path.at(-1)))) return undefined;
      if (JSON.stringify(node.toJS(document)).length < LONGEST) node.flow = true;
      return node.flow ? visit.SKIP : undefined;
    },
  });
  const routes = top.get("routes");
  if (isSeq(routes))
    routes.items.forEach((route, i) => {
      if (isMap(route)) route.commentBefore = ` ${comments[i] ?? ""}`;
    });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}
