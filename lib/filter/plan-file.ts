import { KINDS } from "../policy";
import { FORMAT_VERSION, type FilterPlan } from "../policy/filter-plan";

/** Reads a plan as `synth` wrote it; throws where it is none, or of another release. */
export function readPlan(text: string): FilterPlan {
  const plan = JSON.parse(text) as FilterPlan;
  if (typeof plan !== "object" || (plan as unknown) === null || !Array.isArray(plan.hosts))
    throw new Error("This is no plan.");
  if ((plan.formatVersion as number) !== FORMAT_VERSION) {
    throw new Error(`The plan's format is ${String(plan.formatVersion)}, this filter reads ${String(FORMAT_VERSION)}.`);
  }
  const policies = plan.hosts.flatMap((h) => [...h.policies, ...h.routes.flatMap((r) => r.policies)]);
  const strange = policies.find((p) => !KINDS.some((kind) => kind.kind === p.kind));
  if (strange) throw new Error(`This filter knows no policy "${String(strange.kind)}".`);
  return plan;
}
