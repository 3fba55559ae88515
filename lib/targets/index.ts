import { diagnostic, hasErrors, type Diagnostic, type Result } from "../diagnostics";
import { modelIn, resolveGateway, type GatewayModel } from "../model";
import { planTarget, type Capabilities, type TargetPlan } from "../plan";
import type { Gateway } from "../decision/gateway";
import { AS_GATEWAY, BEHIND_A_CARRIER, filterFile, WITH_REPORTS } from "./filter";
import { gatewayApi } from "./gateway-api";
import { ingressNginx } from "./ingress-nginx";
import { istio } from "./istio";
import { kong } from "./kong";
import { nginx } from "./nginx";
import { nodeGateway } from "./node-gateway";
import { capabilitiesOf, render, type FilterClaims, type OutputFile, type Target, type TargetInput } from "./target";

/** A target with the type of its draft put away. */
interface Entry {
  name: string;
  capabilities: Capabilities;
  refusesFront?: Target<unknown>["refusesFront"];
  refusesGateway?: Target<unknown>["refusesGateway"];
  keepsCallers: boolean;
  /** The proxy's own files. */
  render(input: TargetInput): OutputFile[];
  /** The filter's plan. */
  filter(input: TargetInput): OutputFile[];
}

function entry<D>(target: Target<D>, filter: FilterClaims, filterPath: (g: Gateway) => string): Entry {
  return {
    name: target.name,
    capabilities: capabilitiesOf(target, filter),
    keepsCallers: target.keepsCallers ?? false,
    ...(target.refusesFront && { refusesFront: target.refusesFront }),
    ...(target.refusesGateway && { refusesGateway: target.refusesGateway }),
    render: (input) => render(target, input),
    filter: (input) => filterFile(input, filterPath(input.gateway)),
  };
}

/** Every target, one line each. */
export const TARGETS: readonly Entry[] = [
  entry(nginx, WITH_REPORTS, (g) => `nginx/${g.system}/${g.environment}/filter.json`),
  entry(ingressNginx, BEHIND_A_CARRIER, (g) => `nginx/${g.system}/${g.environment}/ingress-nginx/filter.json`),
  entry(istio, WITH_REPORTS, (g) => `istio/${g.system}/${g.environment}/filter.json`),
  entry(nodeGateway, AS_GATEWAY, (g) => `kubernetes/${g.system}/${g.environment}/node-gateway/plan.json`),
  entry(gatewayApi, BEHIND_A_CARRIER, (g) => `gateway-api/${g.system}/${g.environment}/filter.json`),
  entry(kong, BEHIND_A_CARRIER, (g) => `kong/${g.system}/${g.environment}/filter.json`),
];

/** Who may call a service beside the gateway is kept in a mesh alone. */
const CALLERS_ELSEWHERE = "callers-in-a-mesh-alone";

export interface Difference {
  name: string;
  /** Whose it is. */
  target: string;
  kinds: readonly string[];
  text: string;
}

function differencesOf({ name: target, capabilities: { native } }: Entry): Difference[] {
  const all = Object.entries(native).flatMap(([kind, claims]) =>
    claims.flatMap(({ difference }) => (difference ? [{ kind, ...difference }] : [])),
  );
  return [...new Map(all.map(({ name, text }) => [name, text]))].map(([name, text]) => ({
    ...{ name, target, text },
    kinds: all.filter((d) => d.name === name).map(({ kind }) => kind),
  }));
}

/** What a model may accept by name. */
export const DIFFERENCES: readonly Difference[] = [
  ...TARGETS.flatMap(differencesOf),
  {
    name: CALLERS_ELSEWHERE,
    target: "a target without a mesh",
    kinds: ["services.<name>.workload"],
    text: "who may call a service beside the gateway is not kept there",
  },
];

export interface Compiled {
  /** Accepted differences that some target has made use of. */
  usedDifferences: readonly string[];
  gateway: Gateway;
  plans: TargetPlan[];
  files: OutputFile[];
}

const withWorkload = ({ services }: GatewayModel): string[] =>
  Object.entries(services).flatMap(([name, { workload }]) => (workload ? [name] : []));

function refusedCallers(model: GatewayModel, target: Entry, accepted: readonly string[]): Diagnostic[] {
  if (target.keepsCallers || accepted.includes(CALLERS_ELSEWHERE)) return [];
  return withWorkload(model).map((service) => {
    const why = `${target.name} knows no pods by their service accounts: whoever reaches ${service} could call it.`;
    const fix = `Accept the difference "${CALLERS_ELSEWHERE}", take workload and callers away, or take ${target.name} out of targets.`;
    return diagnostic("plan/unenforceable-policy", `${model.name}/services/${service}/workload`, why, fix);
  });
}

/**
 * Plans and renders one environment of a model for all its targets; with any error there are no files. `wanted`: "plans" for
 * those who ask where promises are kept, and need no file; "filter" for those who need the filter's files alone.
 */
export function compile(
  whole: GatewayModel,
  environment: string,
  wanted: "all" | "filter" | "plans" = "all",
): Result<Compiled> {
  const model = modelIn(whole, environment);
  const gateway = resolveGateway(model, environment);
  const accepted = model.accept.map((a) => a.difference);
  const diagnostics: Diagnostic[] = [];
  const used = new Set<string>();
  const planned: { target: Entry; plan: TargetPlan }[] = [];
  for (const name of model.targets) {
    const target = TARGETS.find((t) => t.name === name);
    const at = `${model.name}/targets/${name}`;
    if (!target) {
      const known = TARGETS.map((t) => t.name).join(", ");
      diagnostics.push(diagnostic("plan/unknown-target", at, `There is no target "${name}".`, `Use one of: ${known}.`));
      continue;
    }
    const { retired } = target.capabilities;
    if (retired) diagnostics.push(diagnostic("plan/retired-target", at, retired.since, retired.advice));
    const refused = target.refusesFront?.(model.front);
    if (refused) diagnostics.push(diagnostic("plan/unsupported-front", at, refused.why, refused.fix));
    const tooMuch = target.refusesGateway?.({ model, gateway });
    if (tooMuch) diagnostics.push(diagnostic("plan/too-many-listeners", at, tooMuch.why, tooMuch.fix));
    diagnostics.push(...refusedCallers(model, target, accepted));
    if (!target.keepsCallers && withWorkload(model).length > 0) used.add(CALLERS_ELSEWHERE);
    const result = planTarget(gateway, target.capabilities, accepted, model.nginx.modules);
    diagnostics.push(...result.diagnostics);
    result.usedDifferences.forEach((d) => used.add(d));
    if (result.value) planned.push({ target, plan: result.value });
  }
  if (hasErrors(diagnostics)) return { diagnostics };
  const plans = planned.map((p) => p.plan);
  const files = planned.flatMap(({ target, plan }) => {
    const input = { model, gateway, plan };
    return [...(wanted === "all" ? target.render(input) : []), ...(wanted === "plans" ? [] : target.filter(input))];
  });
  return { value: { gateway, plans, files, usedDifferences: [...used] }, diagnostics };
}

export type { OutputFile } from "./target";
