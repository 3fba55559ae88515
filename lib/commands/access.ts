import { modelIn, resolveGateway, secretsOf, type GatewayModel } from "../model";
import type { Host } from "../decision/gateway";
import { routeEntries } from "../decision/route-table";
import { pathTexts, toOf, whoOf } from "../explain/who";
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

const rowsOf = (system: string, environment: string, { name: host, routes, policies }: Host): AccessRow[] =>
  routes.flatMap((route) =>
    pathTexts(route).map((path) => {
      const all = [...policies, ...route.policies].map(
        ({ kind, config, shadow }) => [kind, `${JSON.stringify(config)}${shadow ? " in shadow" : ""}`] as const,
      );
      const shape = ["backends", JSON.stringify([route.backends, route.respond])] as const;
      return {
        system,
        environment,
        host,
        methods: route.match.methods?.join(" ") ?? "any",
        path,
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
