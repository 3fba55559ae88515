import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { IDENTITIES } from "../conformance/case";
import { trustOf } from "../conformance/certificates";
import { NOBODY, readIdentities, type SystemIdentities } from "../conformance/identity-file";
import type { System } from "../conformance/system";
import type { GatewayModel } from "../model";
import { UsageError, type Context } from "./context";

/** Where cases are looked for, and who calls in them. */
export const CASES = "cases";

function identitiesIn(file: string, isNamed: boolean): Record<string, SystemIdentities> {
  if (!isNamed && !existsSync(file)) return {};
  try {
    return readIdentities(file);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Secrets that the identities say nothing of have values that nobody knows. */
function withSecrets(model: GatewayModel, identities: SystemIdentities): { all: SystemIdentities; madeUp: string[] } {
  const given = Object.values(identities.keys).flatMap(({ secret }) => secret ?? []);
  const madeUp = Object.keys(model.secrets).filter((name) => !given.includes(name));
  const keys = { ...identities.keys };
  for (const secret of madeUp) keys[`secret ${secret}`] = { secret, value: randomBytes(32).toString("hex") };
  return { all: { ...identities, keys }, madeUp };
}

/** The systems of some models, with the identities that stand beside their cases, or that `--identities` names. */
export function systemsOf({ values, output }: Context, models: readonly GatewayModel[]): Map<string, System> {
  const file = values.identities ?? path.join(values.cases ?? CASES, IDENTITIES);
  const known = identitiesIn(file, values.identities !== undefined);
  return new Map(
    models.map((model) => {
      const { all, madeUp } = withSecrets(model, known[model.name] ?? NOBODY);
      if (madeUp.length > 0)
        output.err(`${model.name}: ${file} gives no value of ${madeUp.join(", ")}: a run has random ones.\n`);
      return [model.name, { name: model.name, model, identities: all, trust: trustOf(model) }];
    }),
  );
}
