import { hasErrors } from "../../lib/diagnostics";
import { loadModels, modelFiles } from "../../lib/commands/models";
import type { GatewayModel } from "../../lib/model";
import { synthesizeChecked, systemsApp } from "../../lib/stacks/app";

/** The app of bin/cdk.ts a month later: a larger database, one more topic, a looser alarm. */
export const LATER = { class: "m7g.large", backupDays: 21, topic: "audit-events", errorsPerMinute: 25 } as const;

export function later(model: GatewayModel): GatewayModel {
  const infrastructure = Object.entries(model.infrastructure).map(([name, environment]) => {
    const { database, topics, alarms } = environment;
    const changed = {
      ...environment,
      topics: [...topics, LATER.topic],
      alarms: { ...alarms, errorsPerMinute: LATER.errorsPerMinute },
      ...(database && { database: { ...database, class: LATER.class, backupDays: LATER.backupDays } }),
    };
    return [name, changed] as const;
  });
  return { ...model, infrastructure: Object.fromEntries(infrastructure) };
}

if (require.main === module) {
  const { models, diagnostics } = loadModels(modelFiles([]));
  if (hasErrors(diagnostics)) throw new Error("The models are wrong: run gatewright check.");
  const found = synthesizeChecked(systemsApp(models.map(({ model }) => later(model))));
  if (found.length > 0) throw new Error(found.join("\n"));
}
