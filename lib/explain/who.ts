import type { z } from "zod";
import { configOf, type HeaderMatch, type Route } from "../decision/gateway";
import { claimText } from "../identity/claims";
import type { addresses } from "../policy/kinds/addresses";
import type { apiKey } from "../policy/kinds/api-key";
import type { authorization } from "../policy/kinds/authorization";
import type { JwtConfig } from "../policy/kinds/jwt";

/** Who may use a route, and where it leads, in words. */

type Alternatives = z.output<typeof authorization.schema>;

const listed = (words: readonly string[], between: string): string => words.join(` ${between} `);

function tokenOf(route: Route): string {
  const jwt = configOf(route.policies, "jwt") as JwtConfig | undefined;
  if (!jwt || jwt.mode === "open") return "everyone";
  if (jwt.mode === "optional") return "everyone, by a good token or none";
  const rules = configOf(route.policies, "authorization") as Alternatives | undefined;
  if (!rules) return "who is signed in";
  const said = ({ roles, scopes, claims, owner }: Alternatives["anyOf"][number]): string =>
    [
      roles.length > 0 ? listed(roles, "or") : "",
      scopes.length > 0 ? `scopes ${listed(scopes, "and")}` : "",
      ...claims.map(({ claim, values }) => `${claimText(claim)} ${listed(values, "or")}`),
      owner ? `whose ${claimText(owner.claim)} is {${owner.path}}` : "",
    ]
      .filter(Boolean)
      .join(" with ");
  const admitted = rules.anyOf.length > 0 ? listed(rules.anyOf.map(said), "or else") : "who is signed in";
  return [admitted, ...rules.noneOf.map((a) => `not ${said(a)}`)].join(", ");
}

/** As the route is: who would be refused by a policy in shadow may use it. */
export function whoOf(whole: Route): string {
  const route = { ...whole, policies: whole.policies.filter(({ shadow }) => !shadow) };
  const shadowed = whole.policies.filter(({ shadow }) => shadow).map(({ kind }) => kind);
  const key = configOf(route.policies, "apiKey") as z.output<typeof apiKey.schema> | undefined;
  const places = configOf(route.policies, "addresses") as z.output<typeof addresses.schema> | undefined;
  const from = places
    ? [
        ...(places.allow.length > 0 ? [`from ${places.allow.join(" or ")}`] : []),
        ...places.deny.map((a) => `not from ${a}`),
      ]
    : [];
  // A route that answers by itself looks at addresses, and at nothing else of these.
  const asked = route.respond
    ? ["everyone"]
    : [
        tokenOf(route),
        ...(key ? [key.basic ? "a user with a password" : `a key in ${key.header}`] : []),
        ...(configOf(route.policies, "signature") ? ["a signature"] : []),
      ];
  return [...asked, ...from, ...(shadowed.length > 0 ? [`in shadow: ${shadowed.join(", ")}`] : [])].join("; ");
}

export const toOf = ({ respond, backends }: Route): string =>
  respond
    ? `answered: ${String(respond.status)}`
    : listed(
        backends.map(({ service }) => service),
        "and",
      );

function headerText(wanted: HeaderMatch): string {
  if (typeof wanted === "string") return wanted;
  return wanted.type === "In" ? listed(wanted.values, "or") : wanted.type.toLowerCase();
}

/** What requests a route is for, path by path. */
export const pathTexts = ({ match }: Route): string[] => {
  const headers = Object.entries(match.headers ?? {}).map(([name, wanted]) => ` ${name}: ${headerText(wanted)}`);
  const query = Object.entries(match.query ?? {}).map(([name, wanted]) => ` ?${name}=${headerText(wanted)}`);
  const more = `${query.join("")}${headers.join("")}${match.upgrade ? " (WebSocket)" : ""}`;
  return match.paths.map(
    ({ type, value }) => `${type === "PathPrefix" ? `${value.replace(/\/$/, "")}/*` : value}${more}`,
  );
};
