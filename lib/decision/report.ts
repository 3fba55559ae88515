import {
  kindNamed,
  NOT_CALLED,
  PHASES,
  type Admission,
  type PolicyKind,
  type Refusal,
  type Report,
  type State,
} from "../policy";
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

const known = new WeakMap<Route["policies"], Reported[]>();

/** Those of a route, in the order of their phases. */
function reportedOf({ policies }: Pick<Route, "policies">): Reported[] {
  let found = known.get(policies);
  if (!found) {
    found = policies
      .flatMap(({ kind, config }: ConfiguredPolicy) => {
        const { reported, phase } = kindNamed(kind) as PolicyKind;
        return reported ? [{ kind, config, reported, phase }] : [];
      })
      .sort((a, b) => PHASES[a.phase] - PHASES[b.phase]);
    known.set(policies, found);
  }
  return found;
}

/** What is needed to know, from a report, whose it is. */
export interface Ticket {
  host: string;
  route: string;
  service: string;
  /** A word for each kind that wants to know the end. */
  words: ReadonlyMap<string, string>;
}

/** Nothing where no route is known. */
type Admitted = Refusal | Ticket | undefined;

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
export function admitReported(verdict: Verdict, state: State): Admitted | Promise<Admitted> {
  const { exchange, host, route } = verdict;
  if (!host || !route) return undefined;
  const service = route.backends[0]?.service ?? "";
  exchange.service = service;
  const words = new Map<string, string>();
  const asked = reportedOf(route);
  const refused = (refusal: Refusal, kind: string): Refusal => {
    for (const other of asked) {
      const word = words.get(other.kind);
      if (word !== undefined) other.reported.ended(other.config, service, word, NOT_CALLED, state);
    }
    const stand = kind === "circuitBreaker" && (configOf(route.policies, "fallback") as FallbackConfig | undefined);
    return stand ? standIn(stand, "breaker-open", refusal) : refusal;
  };
  const from = (n: number): Admitted | Promise<Admitted> => {
    const next = asked[n];
    if (!next) return { host: host.name, route: route.name, service, words };
    const take = (word: Admission): Admitted | Promise<Admitted> => {
      if ("refusal" in word) return refused(word.refusal, next.kind);
      words.set(next.kind, word.ticket);
      return from(n + 1);
    };
    const word = next.reported.admit(next.config, exchange, state);
    return word instanceof Promise ? word.then(take) : take(word);
  };
  return from(0);
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
