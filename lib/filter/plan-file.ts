import { KINDS } from "../policy";
import { FORMAT_VERSION, type FilterPlan } from "../decision/filter-plan";

/** Reads a plan as `synth` wrote it; throws where it is none, or of another release. */
export function readPlan(text: string): FilterPlan {
  const found = JSON.parse(text) as { formatVersion?: number; hosts?: FilterPlan["hosts"] } | null;
  if (!found?.hosts) throw new Error("This is no plan.");
  if (found.formatVersion !== FORMAT_VERSION) {
    throw new Error(
      `The plan's format is ${String(found.formatVersion)}, this filter reads ${String(FORMAT_VERSION)}.`,
    );
  }
  const policies = found.hosts.flatMap((h) => [...h.policies, ...h.routes.flatMap((r) => r.policies)]);
  const strange = policies.find((p) => !KINDS.some((kind) => kind.kind === p.kind));
  if (strange) throw new Error(`This filter knows no policy "${strange.kind}".`);
  return found as FilterPlan;
}
