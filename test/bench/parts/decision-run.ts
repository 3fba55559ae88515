import { loadModels } from "../../../lib/commands/models";
import { decideRequest } from "../../../lib/decision/decide";
import { aloneState } from "../../../lib/decision/alone-state";
import { readPlan } from "../../../lib/decision/plan-text";
import type { GatewayModel as Model } from "../../../lib/model";
import { compile } from "../../../lib/targets";
import type { GatewayRequest } from "../../../lib/policy";

/**
 * What a decision costs by the number of routes: for each model file the median microseconds of rounds side by side. Every request
 * has another route, none has a token: what is measured is how a route is found, and what is asked of it.
 */
const ROUNDS = 15;
const DECISIONS = 20_000;
const REQUESTS = 10_000;

const state = aloneState({ keys: { find: () => undefined, secrets: () => [] } });

function deciderOf(file: string): () => Promise<number> {
  const model = loadModels([file]).models[0]?.model as Model;
  const { value } = compile({ ...model, targets: ["node-gateway"] }, "production", "filter");
  const gateway = readPlan(value?.files[0]?.content ?? "");
  // As many requests for each, so that they themselves cost the same.
  const asked = Array.from({ length: REQUESTS }, (_, i) => model.routes[i % model.routes.length] as Model["routes"][0]);
  const requests = asked.map(({ match }): GatewayRequest => {
    const [path = "/"] = [...match.exact, ...match.prefix, ...match.template];
    const [method = "GET"] = match.methods ?? [];
    const target = path.replaceAll(/\{\w+\}/g, "7");
    const headers: [string, string][] = [["user-agent", "bench"]];
    return { scheme: "https", method, host: "api.scale.test", target, headers, client: "198.51.100.7", headBytes: 100 };
  });
  return async () => {
    const begun = performance.now();
    for (let i = 0; i < DECISIONS; i++)
      await decideRequest(gateway, requests[i % requests.length] as GatewayRequest, state, () => "id");
    return ((performance.now() - begun) * 1000) / DECISIONS;
  };
}

async function main(): Promise<void> {
  const deciders = process.argv.slice(2).map(deciderOf);
  const rounds: number[][] = [];
  // The first two fill caches.
  for (let round = -2; round < ROUNDS; round++) {
    const found: number[] = [];
    for (const decide of deciders) found.push(await decide());
    if (round >= 0) rounds.push(found);
  }
  process.stdout.write(JSON.stringify(rounds));
}

void main();
