import type { z } from "zod";
import { claimText } from "../identity/claims";
import { modelIn, resolveGateway, secretsOf, type GatewayModel } from "../model";
import type { addresses } from "../policy/kinds/addresses";
import type { apiKey } from "../policy/kinds/api-key";
import type { authorization } from "../policy/kinds/authorization";
import { configOf, type HeaderMatch, type Host, type Route } from "../decision/gateway";
import { routeEntries } from "../decision/route-table";
import type { JwtConfig } from "../policy/kinds/jwt";
import { report, type Context } from "./context";
import { compileAll, modelsOf } from "./load";
import { modelFiles } from "./models";

/** Who may use a path, and where it leads. */
export interface AccessRow {
  system: string;
  environment: string;
  host: string;
  methods: string;
  path: string;
  who: string;
  to: string;
  /** Everything else that is promised there, by kind, as JSON: a change of it is a change. */
  promises: Readonly<Record<string, string>>;
}

/** What all routes of an environment stand on: whose tokens are good, where services and secrets are, what goes first. */
export interface Ground {
  system: string;
  environment: string;
  parts: Readonly<Record<string, string>>;
}

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
function whoOf(whole: Route): string {
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

const toOf = ({ respond, backends }: Route): string =>
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

const rowsOf = (system: string, environment: string, { name: host, routes, policies }: Host): AccessRow[] =>
  routes.flatMap((route) =>
    route.match.paths.map(({ type, value }) => {
      const all = [...policies, ...route.policies].map(
        ({ kind, config, shadow }) => [kind, `${JSON.stringify(config)}${shadow ? " in shadow" : ""}`] as const,
      );
      const shape = ["backends", JSON.stringify([route.backends, route.respond])] as const;
      const headers = Object.entries(route.match.headers ?? {}).map(
        ([name, wanted]) => ` ${name}: ${headerText(wanted)}`,
      );
      const upgrade = route.match.upgrade ? " (WebSocket)" : "";
      return {
        system,
        environment,
        host,
        methods: route.match.methods?.join(" ") ?? "any",
        path: `${type === "PathPrefix" ? `${value.replace(/\/$/, "")}/*` : value}${headers.join("")}${upgrade}`,
        who: whoOf(route),
        to: toOf(route),
        promises: Object.fromEntries([...all, shape]),
      };
    }),
  );

/** Every path of every environment of some models. */
export const accessOf = (models: readonly GatewayModel[]): AccessRow[] =>
  models.flatMap((model) =>
    model.environments.flatMap((environment) =>
      resolveGateway(model, environment).hosts.flatMap((host) => rowsOf(model.name, environment, host)),
    ),
  );

/** What no row says. */
export const groundsOf = (models: readonly GatewayModel[]): Ground[] =>
  models.flatMap((whole) =>
    whole.environments.map((environment) => {
      const model = modelIn(whole, environment);
      const { hosts } = resolveGateway(model, environment);
      const order = hosts.map(({ name, routes }) => [name, routeEntries(routes).map((e) => [e.path, e.route.name])]);
      const parts = {
        issuers: model.issuers,
        services: model.services,
        secrets: secretsOf(model, environment),
        front: model.front,
        filter: model.filter,
        "order of routes": order,
        "pods' access to AWS": model.infrastructure[environment]?.access ?? {},
      };
      const texts = Object.entries(parts).map(([name, part]) => [name, JSON.stringify(part)]);
      return { system: model.name, environment, parts: Object.fromEntries(texts) as Ground["parts"] };
    }),
  );

/** A cell of a table in Markdown; what is written in a model breaks no row. */
export const cell = (text: string): string => text.replace(/[\\|]/g, "\\$&").replace(/[\r\n]+/g, " ");

export const accessTable = (rows: readonly AccessRow[]): string =>
  [
    "| host | methods | path | who | to |",
    "| --- | --- | --- | --- | --- |",
    ...rows.map(({ host, methods, path, who, to }) => `| ${[host, methods, path, who, to].map(cell).join(" | ")} |`),
  ].join("\n");

/** Prints who may use what. */
export function accessCommand(context: Context): number {
  const { compiled, diagnostics } = compileAll(modelFiles(context.args), { plansOnly: true });
  const models = modelsOf(compiled);
  const access = accessOf(models);
  const code = report(context, diagnostics, { access, grounds: groundsOf(models) });
  if (code !== 0 || context.values.json) return code;
  const groups = [...new Set(access.map(({ system, environment }) => `${system}, ${environment}`))];
  for (const group of groups) {
    const rows = access.filter(({ system, environment }) => `${system}, ${environment}` === group);
    context.output.out(`## ${group}\n\n${accessTable(rows)}\n\n`);
  }
  return code;
}
