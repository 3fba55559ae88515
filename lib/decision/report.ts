import { kindNamed, type PolicyKind, type Refusal, type Report, type State } from "../policy";
import type { Verdict } from "./decide";
import type { FilterPlan } from "./filter-plan";
import { standIn, type FallbackConfig } from "../policy/kinds/fallback";
import { configOf, type ConfiguredPolicy, type Route } from "./gateway";

/** Exchanges that a proxy carries and tells the end of: what it is given with its leave comes back with its report. */

interface Reported {
  kind: string;
  config: unknown;
  reported: NonNullable<PolicyKind["reported"]>;
}

const reportedOf = ({ policies }: Pick<Route, "policies">): Reported[] =>
  policies.flatMap(({ kind, config }: ConfiguredPolicy) => {
    const { reported } = kindNamed(kind) as PolicyKind;
    return reported ? [{ kind, config, reported }] : [];
  });

/** What is needed to know, from a report, whose it is; no word of it is a person's. */
export interface Ticket {
  host: string;
  route: string;
  service: string;
  /** A word for each kind that wants to know the end. */
  words: ReadonlyMap<string, string>;
}

/** What a proxy has told of one exchange. */
export interface ReportLine {
  ticket: string;
  method: string;
  report: Report;
  /** From the first byte of the request to the last of the answer. */
  ms: number;
}

const SEPARATOR = "/";

/** A text that a header may hold, and a log line without any escape. */
export const ticketText = ({ host, route, service, words }: Ticket): string =>
  [host, route, service, ...[...words].flat()].map(encodeURIComponent).join(SEPARATOR);

/** Nothing where it is none. */
export function readTicket(text: string): Ticket | undefined {
  const parts = text.split(SEPARATOR);
  if (parts.length < 3 || parts.length % 2 === 0) return undefined;
  let plain: string[];
  try {
    plain = parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const [host = "", route = "", service = "", ...rest] = plain;
  const words = new Map<string, string>();
  for (let i = 0; i < rest.length; i += 2) words.set(rest[i] ?? "", rest[i + 1] ?? "");
  return { host, route, service, words };
}

/** Asks those who have a word before the call. What is admitted has a ticket. */
export function admitReported({ exchange, host, route }: Verdict, state: State): Refusal | Ticket | undefined {
  if (!host || !route) return undefined;
  const service = route.backends[0]?.service ?? "";
  exchange.service = service;
  const words = new Map<string, string>();
  for (const { kind, config, reported } of reportedOf(route)) {
    const word = reported.admit(config, exchange, state);
    if ("refusal" in word) {
      const stand = configOf(route.policies, "fallback") as FallbackConfig | undefined;
      return stand ? standIn(stand, "breaker-open", word.refusal) : word.refusal;
    }
    words.set(kind, word.ticket);
  }
  return { host: host.name, route: route.name, service, words };
}

/** Tells those who wait for the end of an exchange of it. False for a ticket of another plan, which is nobody's. */
export function endReported(plan: FilterPlan, ticket: Ticket, report: Report, state: State): boolean {
  const { host, route, service, words } = ticket;
  const found = plan.hosts.find((h) => h.name === host)?.routes.find((r) => r.name === route);
  if (!found || (found.backends[0]?.service ?? "") !== service) return false;
  for (const { kind, config, reported } of reportedOf(found)) {
    const word = words.get(kind);
    if (word !== undefined) reported.ended(config, service, word, report, state);
  }
  return true;
}
