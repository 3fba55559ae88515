import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { diagnostic, type Diagnostic } from "../diagnostics";
import { name } from "../policy/values";
import type { RawModel } from "./read";
import type { Rollout } from "./rollout-schema";
import type { GatewayModel, RouteModel } from "./schema";

/** How far the rollouts of a model are, and what follows from it for its routes. */

const step = z.strictObject({
  at: z.int().min(0).max(100),
  /** When it was written. */
  since: z.iso.datetime(),
});

const stateSchema = z.record(name, z.record(name, z.record(name, step)));

/** How far rollouts are, by system, environment and name. */
export type RolloutState = z.output<typeof stateSchema>;

/** Beside the models. */
export const ROLLOUTS_FILE = "rollouts.json";

/** How far they are by the file in a folder; nothing where there is none. Throws an error that names the file. */
export function rolloutState(folder: string): RolloutState {
  const file = path.join(folder, ROLLOUTS_FILE);
  if (!existsSync(file)) return {};
  try {
    return stateSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new Error(`${file}: ${why}`, { cause: error });
  }
}

/** The model as it stands, with how far its rollouts are by the file beside it. */
export function withRolloutState(raw: RawModel): { raw: RawModel; diagnostics: Diagnostic[] } {
  const folder = path.dirname(raw.file);
  const file = path.join(folder, ROLLOUTS_FILE);
  let state: RolloutState;
  try {
    state = rolloutState(folder);
  } catch (error) {
    const fix = "Correct the file, or take it out: rollouts begin at 0 then.";
    return { raw, diagnostics: [diagnostic("model/unparsable-file", file, (error as Error).message, fix, { file })] };
  }
  const value = raw.value as { name?: string; rollouts?: Record<string, { at?: object }> } | null;
  const own = state[value?.name ?? ""];
  if (!own || typeof value !== "object" || value === null) return { raw, diagnostics: [] };
  const rollouts: Record<string, { at?: object }> = { ...value.rollouts };
  const diagnostics: Diagnostic[] = [];
  for (const [environment, all] of Object.entries(own))
    for (const [rolloutName, { at }] of Object.entries(all)) {
      const known = Object.hasOwn(rollouts, rolloutName) ? rollouts[rolloutName] : undefined;
      if (known) rollouts[rolloutName] = { ...known, at: { ...known.at, [environment]: at } };
      else {
        const why = `${file} says how far "${rolloutName}" is, and ${value.name ?? ""} has no such rollout.`;
        const fix = "Take it out of the file as well, or write the rollout into the model.";
        diagnostics.push(
          diagnostic("model/invalid-value", `${value.name ?? ""}/rollouts/${rolloutName}`, why, fix, { file }),
        );
      }
    }
  return { raw: { ...raw, value: { ...value, rollouts } }, diagnostics };
}

/** The part of the new service, in percent. */
export const shareOf = ({ at }: Rollout, environment: string): number => at[environment] ?? 0;

/** A model's routes as an environment's rollouts leave them. */
export function rolledRoutes({ rollouts, routes }: GatewayModel, environment: string): RouteModel[] {
  const bySource = new Map(Object.values(rollouts).map((r) => [r.from, r]));
  return routes.map((route) => {
    const rollout = bySource.get(route.service ?? "");
    const share = rollout ? shareOf(rollout, environment) : 0;
    if (!rollout || share === 0) return route;
    if (share === 100) return { ...route, service: rollout.to };
    const { service: from, ...others } = route;
    return {
      ...others,
      // The new one first: its part of whatever requests are told apart by grows at one end.
      backends: [
        { service: rollout.to, weight: share },
        { service: from ?? "", weight: 100 - share },
      ],
    };
  });
}

/** The rollout that shares a route's requests. */
export const rolloutOf = ({ rollouts }: GatewayModel, { backends }: RouteModel): Rollout | undefined =>
  backends && Object.values(rollouts).find((r) => backends.some((b) => b.service === r.from));
