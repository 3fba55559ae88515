import { readFileSync } from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import type { OutputFile, Target } from "../target";
import { addresses } from "./addresses";
import { bodyCount, bodySize } from "./body-size";
import { brotli, gzip } from "./compression";
import { cors } from "./cors";
import { beginDraft, type NginxDraft } from "./draft";
import { floodGuard } from "./flood-guard";
import { headerHygiene } from "./header-hygiene";
import { hostTenants } from "./host-tenants";
import { httpsRedirect } from "./https-redirect";
import { pathHygiene } from "./path-hygiene";
import { requestLine } from "./request-line";
import { audit, auditLabels, errorBody, requestId, responseHeaders, securityHeaders } from "./response";
import { backendAddresses, backendGrpc, backendTls, fallback, idleTime, matching, requestHeaders, respond, retries, rewrite, streaming, timeouts, totalTime, weights } from "./upstream";
import { viewOf } from "./view";
import { webSocket } from "./web-socket";

const TEMPLATE = path.join(__dirname, "../../../templates/nginx/nginx.conf.hbs");

let compiled: Handlebars.TemplateDelegate | undefined;

/** nginx escapes nothing as HTML: the view hands over finished strings. */
function template(): Handlebars.TemplateDelegate {
  compiled ??= Handlebars.compile(readFileSync(TEMPLATE, "utf8"), { noEscape: true, strict: true });
  return compiled;
}

function finish(draft: NginxDraft): OutputFile[] {
  const { system, environment } = draft.input.gateway;
  return [{ path: `nginx/${system}/${environment}/nginx.conf`, content: template()(viewOf(draft)) }];
}

/** A complete nginx.conf for the nginx that the model names or a later one, with stock modules and those that it names. */
export const nginx: Target<NginxDraft> = {
  name: "nginx",
  proven: true,
  hasFilter: true,
  enforcers: {
    hostTenants,
    httpsRedirect,
    requestLine,
    pathHygiene,
    matching,
    respond,
    headerHygiene,
    cors,
    bodySize,
    bodyCount,
    webSocket,
    addresses,
    floodGuard,
    rewrite,
    requestHeaders,
    timeouts: [timeouts, totalTime, idleTime],
    retries,
    streaming,
    fallback,
    compression: [brotli, gzip],
    backendAddresses,
    backendTls,
    backendGrpc,
    weights,
    requestId,
    securityHeaders,
    responseHeaders,
    errorBody,
    audit,
    auditLabels,
  },
  begin: beginDraft,
  isShared: ({ host }, { servers }) => !servers.has(host),
  finish,
};
