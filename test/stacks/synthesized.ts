import { readFileSync } from "node:fs";
import { App, Validations, Stack } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { AwsSolutionsChecks } from "cdk-nag";
import type { GatewayModel } from "../../lib/model";
import { infrastructure, type Infrastructure } from "../../lib/model/infrastructure";
import { SystemStage } from "../../lib/stacks";
import { synthesizeChecked } from "../../lib/stacks/app";
import type { z } from "zod";

/** The context of `cdk synth`: flags change templates, so tests that have others test another product. */
const { context } = JSON.parse(readFileSync("cdk.json", "utf8")) as { context: Record<string, unknown> };

type Wanted = z.input<typeof infrastructure> | Infrastructure;

const known = new Map<string, Map<string, Template>>();

/** Templates of an environment by stack, such as `Network`, made once for all who look at the same. */
export function synthesized(model: GatewayModel, wanted: Wanted): Map<string, Template> {
  const key = JSON.stringify([model, wanted]);
  const found = known.get(key) ?? synthesizedAnew(model, wanted);
  known.set(key, found);
  return found;
}

/** Throws where a rule of cdk-nag does not hold. */
export function synthesizedAnew(model: GatewayModel, wanted: Wanted): Map<string, Template> {
  // CDK's own validator takes longer to begin than all templates together: `npm run synth` and `npm run deployment` have it.
  const app = new App({ context, stackTraces: false, builtinCloudFormationValidation: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const props = { model, environment: "production", infrastructure: infrastructure.parse(wanted) };
  const stage = new SystemStage(app, `${model.name}-production`, props);
  const found = synthesizeChecked(app);
  if (found.length > 0) throw new Error(found.join("\n"));
  const stacks = stage.node.children.filter((child) => Stack.isStack(child));
  return new Map(stacks.map((stack) => [stack.node.id, Template.fromStack(stack)]));
}
