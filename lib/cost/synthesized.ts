import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { App } from "aws-cdk-lib";
import { workloads } from "../charts";
import { systemNameOf, type GatewayModel } from "../model";
import { SystemStage } from "../stacks";
import { compile, type OutputFile } from "../targets";

interface Template {
  Resources?: Record<string, { Type: string; Properties?: Record<string, unknown> }>;
}

/** Flags change templates: a bill of others would be that of another product. */
const { context } = JSON.parse(readFileSync(path.join(__dirname, "../../cdk.json"), "utf8")) as {
  context: Record<string, unknown>;
};

const missing = (model: GatewayModel, environment: string): Error =>
  new Error(`${model.name} has no ${environment} that can be synthesized.`);

/** The stacks of an environment, as `cdk synth` makes them. Throws when the model has no infrastructure there. */
export function templatesOf(
  model: GatewayModel,
  environment: string,
): { stack: string; resources: NonNullable<Template["Resources"]> }[] {
  const infrastructure = model.infrastructure[environment];
  if (!infrastructure) throw missing(model, environment);
  const outdir = mkdtempSync(path.join(tmpdir(), "gatewright-cost-"));
  try {
    const app = new App({ context, outdir, analyticsReporting: false, stackTraces: false });
    const stage = new SystemStage(app, systemNameOf(model, environment), { model, environment, infrastructure });
    return stage.synth().stacks.map(({ hierarchicalId, template }) => ({
      stack: hierarchicalId.split("/").pop() ?? hierarchicalId,
      resources: (template as Template).Resources ?? {},
    }));
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}

/** What runs in the cluster of an environment, as `gatewright synth` writes it. Throws when the model does not compile. */
export function manifestsOf(model: GatewayModel, environment: string): OutputFile[] {
  const { value: compiled } = compile(model, environment, "filter");
  if (!compiled) throw missing(model, environment);
  return workloads(model, compiled);
}
