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

/** What one environment of a model becomes: its stacks by id, and the manifests of what runs in the cluster. */
export interface Synthesized {
  templates: { stack: string; resources: NonNullable<Template["Resources"]> }[];
  manifests: OutputFile[];
}

/** Flags change templates: a bill of others would be that of another product. */
const { context } = JSON.parse(readFileSync(path.join(__dirname, "../../cdk.json"), "utf8")) as {
  context: Record<string, unknown>;
};

/** Synthesizes an environment as `cdk synth` and `gatewright synth` do. Throws when the model does not compile. */
export function synthesize(model: GatewayModel, environment: string): Synthesized {
  const infrastructure = model.infrastructure[environment];
  const { value: compiled } = compile(model, environment);
  if (!infrastructure || !compiled) throw new Error(`${model.name} has no ${environment} that can be synthesized.`);
  const outdir = mkdtempSync(path.join(tmpdir(), "gatewright-cost-"));
  try {
    const app = new App({ context, outdir, analyticsReporting: false });
    const stage = new SystemStage(app, systemNameOf(model, environment), { model, environment, infrastructure });
    const templates = stage.synth().stacks.map(({ hierarchicalId, template }) => ({
      stack: hierarchicalId.split("/").pop() ?? hierarchicalId,
      resources: (template as Template).Resources ?? {},
    }));
    return { templates, manifests: workloads(model, compiled) };
  } finally {
    rmSync(outdir, { recursive: true, force: true });
  }
}
