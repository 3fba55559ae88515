import type { GatewayModel } from "../model";

/** What Prometheus says of the new side of a rollout, beside what has to hold before its next step. */

export type Gate = GatewayModel["rollouts"][string]["gate"];

export interface Measured {
  /** Calls in the window, each try for itself. */
  requests: number;
  /** The part of them that was answered with 5xx, or not at all. */
  errorRatio: number;
  /** Seconds that 95 of a hundred did not exceed. */
  p95: number;
}

export class NoPrometheus extends Error {}

interface Answer {
  status?: string;
  error?: string;
  data?: { result?: { value?: [number, string] }[] };
}

/** How long an answer may take, in milliseconds. */
const PATIENCE_MS = 10_000;

/** One number; NaN where there is no series. Errors: `NoPrometheus`. */
async function ask(url: string, query: string, token: string | undefined): Promise<number> {
  const asked = new URL("api/v1/query", url.endsWith("/") ? url : `${url}/`);
  asked.searchParams.set("query", query);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let answer: Answer;
  try {
    const response = await fetch(asked, { headers, signal: AbortSignal.timeout(PATIENCE_MS), redirect: "error" });
    answer = (await response.json()) as Answer;
  } catch (error) {
    const { cause, message } = error as { cause?: { message?: string }; message: string };
    throw new NoPrometheus(`${asked.origin} does not answer as Prometheus does: ${cause?.message ?? message}`);
  }
  if (answer.status !== "success")
    throw new NoPrometheus(`${asked.origin} refuses "${query}": ${answer.error ?? "no reason"}`);
  const [first] = answer.data?.result ?? [];
  return Number(first?.value?.[1] ?? NaN);
}

/** What of a service is asked, in PromQL, of the calls that the filter has made (docs/observability.md). */
export function queriesOf({ over }: Gate, service: string, selector: string): Record<keyof Measured, string> {
  const of = `service="${service}"${selector === "" ? "" : `,${selector}`}`;
  const window = `[${String(Math.round(over / 1000))}s]`;
  const calls = (more = ""): string => `sum(increase(gateway_service_calls_total{${of}${more}}${window}))`;
  return {
    requests: calls(),
    errorRatio: `${calls(',outcome="failed"')} / ${calls()}`,
    p95: `histogram_quantile(0.95, sum by (le) (rate(gateway_service_duration_seconds_bucket{${of}}${window})))`,
  };
}

export async function measure(
  { url, selector, token }: { url: string; selector: string; token: string | undefined },
  gate: Gate,
  service: string,
): Promise<Measured> {
  const queries = queriesOf(gate, service, selector);
  const [requests, errorRatio, p95] = await Promise.all(
    [queries.requests, queries.errorRatio, queries.p95].map((query) => ask(url, query, token)),
  );
  return { requests: requests ?? NaN, errorRatio: errorRatio ?? NaN, p95: p95 ?? NaN };
}

const percent = (ratio: number): string => `${(ratio * 100).toFixed(2)} %`;

const slow = (p95: number, mostMs: number): string =>
  Number.isNaN(p95)
    ? "nobody knows how long it takes"
    : `95 of a hundred take up to ${String(Math.round(p95 * 1000))} ms, and ${String(mostMs)} ms are allowed`;

/** Why the gate does not hold; nothing where it does. What nobody can tell does not hold. */
export function faultsOf(gate: Gate, { requests, errorRatio, p95 }: Measured): string[] {
  const minutes = `${String(gate.over / 60_000)} minutes`;
  if (!(requests >= gate.requests))
    return [
      `it had ${String(Math.round(requests || 0))} calls in ${minutes}, and ${String(gate.requests)} are needed to say anything`,
    ];
  return [
    ...(errorRatio <= gate.errorRatio
      ? []
      : [`${percent(errorRatio)} of its calls failed, and ${percent(gate.errorRatio)} may be`]),
    ...(gate.p95 === undefined || p95 * 1000 <= gate.p95 ? [] : [slow(p95, gate.p95)]),
  ];
}

/** In words. */
export const measuredText = ({ requests, errorRatio, p95 }: Measured): string =>
  requests > 0
    ? `${String(Math.round(requests))} calls, ${percent(errorRatio)} failed, p95 ${Number.isNaN(p95) ? "unknown" : `${String(Math.round(p95 * 1000))} ms`}`
    : "no calls";
