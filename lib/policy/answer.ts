import type { ErrorBodyConfig } from "./response";
import { errorBody, renderErrorBody } from "./response";
import type { Exchange, HeaderLine, Refusal } from "./kind";

/** How an answer looks when it leaves the gateway, whoever made it. */

/** Headers of one connection (RFC 9110 section 7.6.1): they are not passed on. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** A service's headers without those that policies remove, and without what it says of its own make. */
export function serviceAnswerHeaders({ response }: Exchange, headers: readonly HeaderLine[]): HeaderLine[] {
  return headers.filter(([name]) => {
    const key = name.toLowerCase();
    return key !== "server" && !response.remove.has(key);
  });
}

/** The answer's headers with those that policies set in place of its own; what it varies by only grows. */
export function answerHeaders({ response }: Exchange, headers: readonly HeaderLine[]): HeaderLine[] {
  const { set } = response;
  const kept = headers.filter(([name]) => name.toLowerCase() === "vary" || !set.has(name.toLowerCase()));
  return [...kept, ...set.entries()];
}

/** Body and headers of an answer that the gateway makes itself. */
export function refusalContent(
  config: ErrorBodyConfig | undefined,
  requestId: string,
  { status, message, headers, details, content, answer }: Refusal,
): { headers: HeaderLine[]; body: string } {
  const own: HeaderLine[] = Object.entries(headers ?? {});
  if (content) return { headers: [...own, ["content-type", content.type]], body: content.text };
  if (answer) return { headers: own, body: "" };
  const form = config ?? errorBody.schema.parse({});
  const body = renderErrorBody(form, { status, message, requestId, ...(details && { details }) });
  return { headers: [...own, ["content-type", "application/json"]], body };
}

/** The request's headers as the service gets them. */
export function serviceHeaders({ request, upstream }: Exchange, identityHeaders: readonly string[]): HeaderLine[] {
  const { set, remove } = upstream;
  const drops = (name: string): boolean =>
    HOP_BY_HOP.has(name) || remove.has(name) || set.has(name) || identityHeaders.includes(name);
  return [...request.headers.filter(([name]) => !drops(name.toLowerCase())), ...set.entries()];
}
