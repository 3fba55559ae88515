import { parseArgs } from "node:util";
import { formatDiagnostic, hasErrors } from "../../lib/diagnostics";
import { checkModel, type GatewayModel } from "../../lib/model";
import type { Case, RequestSpec } from "../../lib/conformance/case";
import { CLIENT } from "../../lib/conformance/case";
import type { System } from "../../lib/conformance/system";
import type { Stand } from "../../lib/conformance/stands/stand";
import { LEVELS, scaleModel } from "../bench/parts/scale-model";
import { programsOf } from "../bench/parts/usage";
import { STANDS } from "../conformance/stands";
import { TRUST } from "../conformance/trust";
import { differences, observe, type Observation } from "../fuzz/observe";
import { Random } from "../fuzz/random";
import { Tally } from "../tally";

/**
 * `npm run scale -- [--routes N] [--requests R] [--seed S] [--target T …]`: a model of ten thousand routes in the real nginx and
 * in the real istiod with Envoy. Random requests must get the verdict of `decide`.
 */

/** Each an echo server with a port of its own. */
const SERVICES = 10;

function checked(routes: number): GatewayModel {
  const at = { file: __filename };
  const value = scaleModel(routes, { services: SERVICES });
  const { value: model, diagnostics } = checkModel({ ...at, value, locate: () => at });
  if (!model || hasErrors(diagnostics)) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return model;
}

/** Somebody with each role, and somebody with none. */
const identities: System["identities"] = {
  issuer: {
    iss: "https://identity.scale.test/realms/scale",
    aud: "scale-api",
    alg: "RS256",
    lives: 300,
    type: { claim: "typ", access: "Bearer", refresh: "Refresh", id: "ID" },
  },
  identities: Object.fromEntries(
    [...LEVELS, "nobody"].map((role) => [
      role,
      { claims: { sub: role, realm_access: { roles: role === "nobody" ? [] : [role] } } },
    ]),
  ),
  keys: {},
};

/** A path of some route, a little beside it, or of none. */
function randomRequest(random: Random, routes: number): RequestSpec {
  const n = random.below(routes + Math.ceil(routes / 20));
  const base = `/api/v1/team-${String(Math.floor(n / 10))}/things-${String(n)}`;
  const path = base + random.pick("", "", "/", "/7", "/7/draw", "/7/8/draw", "//draw", "/draw", "x", "?a=/b");
  const token = random.maybe(0.8, () => random.pick(...LEVELS, "nobody"));
  return {
    scheme: "https",
    httpVersion: "1.1",
    method: random.pick("GET", "GET", "POST", "PUT", "DELETE", "HEAD"),
    host: "api.scale.test",
    path,
    ...(token !== undefined && { token }),
    headers: {},
    client: CLIENT,
    websocket: false,
  };
}

/** An echo would say back what differs by run: tokens. */
const SILENT = {
  down: false,
  respond: [{ status: 200, headers: {}, body: { json: {} }, delay: 0, reset: false, times: 1_000_000 }],
};

const BEGINNING: Case = {
  ...{ name: "scale", system: "scale", subject: "scale", environment: "production", replicas: 1, away: [] },
  ...{
    upstreams: Object.fromEntries(Array.from({ length: SERVICES }, (_, n) => [`team-${String(n)}`, SILENT])),
    steps: [],
    times: 1,
    parallel: 1,
  },
};

async function withStand<T>(target: string, system: System, use: (stand: Stand) => Promise<T>): Promise<T> {
  const begun = performance.now();
  const stand = await STANDS[target]?.({ system, environment: "production", replicas: 1 });
  if (!stand || "unavailable" in stand) throw new Error(`${target} cannot be had here.`);
  const used = [...programsOf(process.pid)].map(
    ([name, { cpu, mib }]) => `${name} ${cpu.toFixed(1)} s of CPU, ${mib.toFixed(0)} MiB`,
  );
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  process.stdout.write(`${target} is up after ${seconds} s: ${used.join("; ") || "nothing beside this process"}\n`);
  try {
    return await use(stand);
  } finally {
    await stand.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      routes: { type: "string", default: "10000" },
      requests: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      target: { type: "string", multiple: true, default: ["nginx", "istio", "node-gateway"] },
    },
  });
  const routes = Number(values.routes);
  const system: System = { name: "scale", model: checked(routes), identities, trust: TRUST };
  const random = new Random(Number(values.seed));
  const specs = Array.from({ length: Number(values.requests) }, () => randomRequest(random, routes));
  const decided = await withStand("decide", system, (stand) => observe(stand, BEGINNING, specs));
  const counts = new Map<number, number>();
  for (const { answer } of decided) counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
  process.stdout.write(
    `decide: ${[...counts].map(([status, n]) => `${String(n)} times ${String(status)}`).join(", ")}\n`,
  );
  const tally = new Tally();
  for (const target of values.target) {
    const real = await withStand(target, system, (stand) => observe(stand, BEGINNING, specs));
    for (const [i, spec] of specs.entries()) {
      const words = differences(spec, decided[i] as Observation, real[i] as Observation);
      tally.note(`${target}: ${spec.method} ${spec.path} as ${spec.token ?? "nobody at all"}`, words);
    }
  }
  process.exitCode = tally.end();
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
