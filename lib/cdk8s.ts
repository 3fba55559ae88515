import { ApiObject, Chart, type ChartProps } from "cdk8s";
import type { Construct } from "constructs";
import { parseAllDocuments } from "yaml";
import { kustomizations, workloads } from "./charts";
import { monitoring } from "./observability";
import { formatDiagnostic, hasErrors } from "./diagnostics";
import type { GatewayModel } from "./model";
import { compile, type OutputFile } from "./targets";

export type { OutputFile } from "./targets";

/** The files that `gatewright synth` writes of one environment. Throws an error that tells what cannot be kept. */
export function synthesize(model: GatewayModel, environment: string): OutputFile[] {
  if (!model.environments.includes(environment))
    throw new Error(`${model.name} has no environment "${environment}"; there are ${model.environments.join(", ")}.`);
  const { value, diagnostics } = compile(model, environment);
  if (!value || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n\n"));
  const files = [...value.files, ...workloads(model, value), ...monitoring(model, value)];
  return [...files, ...kustomizations(model, value, files)];
}

export interface GatewayChartProps extends ChartProps {
  readonly model: GatewayModel;
  readonly environment: string;
  /** One of the model's targets that runs in a cluster; its objects and the filter beside it become the chart's. */
  readonly target: "gateway-api" | "ingress-nginx" | "istio" | "kong" | "nginx" | "node-gateway";
}

/** Folder or file of the objects that a target needs, below a system's environment. */
const OBJECTS: Readonly<Record<GatewayChartProps["target"], readonly RegExp[]>> = {
  "gateway-api": [/^gateway-api\/.*\.yaml$/, /^kubernetes\/.*\/gateway-api\/.*\.yaml$/],
  "ingress-nginx": [/^nginx\/.*\/ingress-nginx\/.*\.yaml$/, /^kubernetes\/.*\/ingress-nginx\/.*\.yaml$/],
  istio: [/^istio\/.*\.yaml$/, /^kubernetes\/.*\/istio\/.*\.yaml$/],
  kong: [/^kubernetes\/.*\/kong\/.*\.yaml$/],
  nginx: [/^kubernetes\/.*\/nginx\/.*\.yaml$/],
  "node-gateway": [/^kubernetes\/.*\/node-gateway\/.*\.yaml$/],
};

/** A target's objects as a chart of somebody's own cdk8s app. Istio's `mesh.yaml` is no object: `synthesize` has it. */
export class GatewayChart extends Chart {
  constructor(scope: Construct, id: string, { model, environment, target, ...props }: GatewayChartProps) {
    super(scope, id, props);
    if (!model.targets.includes(target)) throw new Error(`${model.name} has no target "${target}".`);
    const files = synthesize(model, environment).filter(
      ({ path }) => OBJECTS[target].some((form) => form.test(path)) && !path.endsWith("/kustomization.yaml"),
    );
    for (const { content } of files) {
      for (const document of parseAllDocuments(content)) {
        const object = document.toJS() as { apiVersion?: string; kind?: string; metadata?: { name: string } } | null;
        if (object?.apiVersion === undefined || object.kind === undefined) continue;
        const { apiVersion, kind, metadata, ...rest } = object;
        new ApiObject(this, `${kind}-${metadata?.name ?? ""}`.toLowerCase(), {
          apiVersion,
          kind,
          ...(metadata && { metadata }),
          ...rest,
        });
      }
    }
  }
}
