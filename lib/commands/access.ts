import type { z } from "zod";
import { hasErrors } from "../diagnostics";
import { resolveGateway, type GatewayModel } from "../model";
import type { addresses } from "../policy/addresses";
import type { apiKey } from "../policy/api-key";
import type { authorization } from "../policy/authorization";
import { configOf, type Host, type Route } from "../policy/gateway";
import type { JwtConfig } from "../policy/jwt";
import { report, type Context } from "./context";
import { compileAll } from "./load";
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
}

type Alternatives = z.output<typeof authorization.schema>;

const listed = (words: readonly string[], between: string): string => words.join(` ${between} `);

function tokenOf(route: Route): string {
  const jwt = configOf(route.policies, "jwt") as JwtConfig | undefined;
  if (!jwt || jwt.mode === "open") return "everyone";
  if (jwt.mode === "optional") return "everyone, by a good token or none";
  const rules = configOf(route.policies, "authorization") as Alternatives | undefined;
  if (!rules) return "who is signed in";
  const alternatives = rules.anyOf.map(({ roles, scopes }) =>
    [roles.length > 0 ? listed(roles, "or") : "", scopes.length > 0 ? `scopes ${listed(scopes, "and")}` : ""]
      .filter(Boolean)
      .join(" with "),
  );
  return listed(alternatives, "or else");
}

function whoOf(route: Route): string {
  if (route.respond) return "everyone";
  const key = configOf(route.policies, "apiKey") as z.output<typeof apiKey.schema> | undefined;
  const places = configOf(route.policies, "addresses") as z.output<typeof addresses.schema> | undefined;
  const from = places ? [...places.allow.map((a) => `from ${a}`), ...places.deny.map((a) => `not from ${a}`)] : [];
  return [
    tokenOf(route),
    ...(key ? [`a key in ${key.header}`] : []),
    ...(configOf(route.policies, "signature") ? ["a signature"] : []),
    ...from,
  ].join("; ");
}

const toOf = ({ respond, backends }: Route): string =>
  respond
    ? `answered: ${String(respond.status)}`
    : listed(
        backends.map(({ service }) => service),
        "and",
      );

const rowsOf = (system: string, environment: string, { name: host, routes }: Host): AccessRow[] =>
  routes.flatMap((route) =>
    route.match.paths.map(({ type, value }) => {
      const headers = Object.entries(route.match.headers ?? {}).map(([name, wanted]) => ` ${name}: ${wanted}`);
      return {
        system,
        environment,
        host,
        methods: route.match.methods?.join(" ") ?? "any",
        path: `${type === "Exact" ? value : `${value.replace(/\/$/, "")}/*`}${headers.join("")}`,
        who: whoOf(route),
        to: toOf(route),
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

export const accessTable = (rows: readonly AccessRow[]): string =>
  [
    "| host | methods | path | who | to |",
    "| --- | --- | --- | --- | --- |",
    ...rows.map(({ host, methods, path, who, to }) => `| ${[host, methods, path, who, to].join(" | ")} |`),
  ].join("\n");

/** Prints who may use what. */
export function accessCommand(context: Context): number {
  const { compiled, diagnostics } = compileAll(modelFiles(context.args));
  const models = hasErrors(diagnostics) ? [] : [...new Map(compiled.map(({ model }) => [model.name, model])).values()];
  const access = accessOf(models);
  const code = report(context, diagnostics, { access });
  if (code !== 0 || context.values.json) return code;
  const groups = [...new Set(access.map(({ system, environment }) => `${system}, ${environment}`))];
  for (const group of groups) {
    const rows = access.filter(({ system, environment }) => `${system}, ${environment}` === group);
    context.output.out(`## ${group}\n\n${accessTable(rows)}\n\n`);
  }
  return code;
}
