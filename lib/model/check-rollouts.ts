import { diagnostic, type Diagnostic } from "../diagnostics";
import { configOf } from "../decision/gateway";
import type { JwtConfig } from "../policy/kinds/jwt";
import type { WeightsConfig } from "../policy/kinds/route-shape";
import { modelIn } from "./overlay";
import type { RawModel } from "./read";
import { resolveGateway } from "./resolve";
import type { GatewayModel } from "./schema";

type Say = (field: string, why: string, fix: string) => Diagnostic;

/** Who is nobody's user, or no tenant's, could not stay where he has been. */
function unknownOwners(model: GatewayModel, rolloutName: string, say: Say): Diagnostic[] {
  const rollout = model.rollouts[rolloutName];
  if (!rollout || rollout.sticky === "none") return [];
  const { sticky } = rollout;
  for (const environment of model.environments) {
    const begun = { ...rollout, at: { [environment]: 50 } };
    const { hosts } = resolveGateway({ ...model, rollouts: { [rolloutName]: begun } }, environment);
    const route = hosts
      .flatMap((host) => host.routes)
      .find(({ policies }) => {
        const { rollout: own } = (configOf(policies, "weights") ?? {}) as Partial<WeightsConfig>;
        const { mode } = (configOf(policies, "jwt") ?? { mode: "open" }) as JwtConfig;
        return own && (mode === "open" || (sticky === "tenant" && configOf(policies, "tenant") === undefined));
      });
    if (route) {
      const why = `Nothing tells ${sticky === "user" ? "who calls" : "the tenant"} on ${route.name}, so nobody would stay on one side there.`;
      const fix = `Give the route ${sticky === "user" ? "jwt" : "jwt and tenant"}, or set sticky to "none".`;
      return [say("sticky", why, fix)];
    }
  }
  return [];
}

/** What a rollout cannot be. */
export function checkRollouts(raw: RawModel, model: GatewayModel): Diagnostic[] {
  const all = Object.entries(model.rollouts);
  return all.flatMap(([rolloutName, { from, to, at }]) => {
    const say = (field: string, why: string, fix: string): Diagnostic =>
      diagnostic(
        "model/invalid-value",
        `${model.name}/rollouts/${rolloutName}/${field}`,
        why,
        fix,
        raw.locate(["rollouts", rolloutName, field]),
      );
    const found: Diagnostic[] = [];
    const known = Object.keys(model.services).join(", ");
    for (const [field, service] of Object.entries({ from, to }))
      if (!Object.hasOwn(model.services, service))
        found.push(say(field, `There is no service "${service}".`, `Use one of: ${known}.`));
    if (found.length > 0) return found;
    for (const environment of model.environments) {
      // As they are when nothing of it has begun.
      const { services } = modelIn({ ...model, rollouts: {} }, environment);
      const [source, target] = [services[from], services[to]];
      const isThere = (s: typeof source): boolean => s?.environments?.includes(environment) ?? true;
      if (isThere(source) && !isThere(target)) {
        const why = `${to} is not in ${environment}, where ${from} is: what it took over would be gone.`;
        found.push(say("to", why, `Have ${to} in each environment of ${from}.`));
      } else if (JSON.stringify(source?.policies) !== JSON.stringify(target?.policies)) {
        const why = `In ${environment}, ${from} and ${to} have different policies: what is promised would change with the part of the requests.`;
        found.push(say("to", why, "Give both the same policies, or write them on the routes."));
      }
      if (found.length > 0) break;
    }
    const other = all.find(([n, r]) => n !== rolloutName && [r.from, r.to].includes(from));
    if (other)
      found.push(say("from", `The rollout ${other[0]} has ${from} as well.`, "End one before the other begins."));
    const shared = model.routes.find((r) => r.backends?.some((b) => b.service === from));
    if (shared) {
      const why = `${shared.name} shares its requests by weights of its own, of which ${from} has one.`;
      found.push(say("from", why, `Name ${from} alone on that route, or move it by its weights.`));
    }
    const stranger = Object.keys(at).find((environment) => !model.environments.includes(environment));
    if (stranger !== undefined)
      found.push(say("at", `There is no environment "${stranger}".`, `Use one of: ${model.environments.join(", ")}.`));
    return found.length > 0 ? found : unknownOwners(model, rolloutName, say);
  });
}
