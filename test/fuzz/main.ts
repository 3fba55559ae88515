import { parseArgs } from "node:util";
import type { GatewayInput } from "../../lib/model";
import type { Behaviour, Case, RequestSpec } from "../../lib/conformance/case";
import { STANDS } from "../conformance/stands";
import type { Stand } from "../../lib/conformance/stands/stand";
import { addModel, knownSystem } from "../conformance/systems";
import { accepted, nextInput, TARGETS } from "./models";
import { differences, observe, type Observation } from "./observe";
import { Random } from "./random";
import { randomRequest } from "./requests";
import { shrink } from "./shrink";

/**
 * `npm run fuzz -- --minutes N [--seed S] [--requests R]`: random small models and requests on `decide`, nginx, Istio and the Node
 * gateway, one beside the other. Each divergence is made small, first its requests, then its model, and printed with its seed.
 */

const SERVICE: Behaviour = {
  down: false,
  respond: [
    {
      status: 200,
      headers: { "x-answer": "theirs", "x-answer-2": "b" },
      body: { text: "{}".padEnd(150), type: "application/json" },
      delay: 0,
      reset: false,
      times: 3,
    },
    {
      status: 404,
      headers: { "cache-control": "public, max-age=60", "x-powered-by": "php" },
      body: { text: "lost" },
      delay: 0,
      reset: false,
      times: 1,
    },
    {
      status: 200,
      headers: { vary: "Accept-Language", "set-cookie": "a=b", "x-frame-options": "ALLOW" },
      body: { text: "<p>".padEnd(200), type: "text/html" },
      delay: 0,
      reset: false,
      times: 1,
    },
    {
      status: 200,
      headers: { "cache-control": "max-age=60", etag: '"a"', connection: "keep-alive", "x-accel-buffering": "no" },
      body: { text: '{"kept":1}', type: "application/json" },
      delay: 0,
      reset: false,
      times: 1,
    },
    { status: 503, headers: { "retry-after": "9" }, body: { text: "busy" }, delay: 0, reset: false, times: 1 },
    { status: 302, headers: { location: "/elsewhere" }, body: { text: "" }, delay: 0, reset: false, times: 1 },
    { status: 200, headers: {}, body: { text: "plain" }, delay: 0, reset: false, times: 1000 },
  ],
};

const beginning = (system: string): Case => ({
  name: "fuzz",
  system,
  subject: "fuzz",
  environment: "production",
  replicas: 1,
  away: [],
  upstreams: { one: SERVICE, two: SERVICE },
  steps: [],
  times: 1,
  parallel: 1,
});

let models = 0;

/** Stands of one model; tokens are each stand's own. */
async function withStands<T>(
  input: GatewayInput,
  targets: readonly string[],
  use: (stands: Map<string, Stand>, system: string) => Promise<T>,
): Promise<T | undefined> {
  const model = accepted(input);
  if (!model) return undefined;
  const system = `lab/fuzz-${String(models++)}`;
  addModel(system, model);
  const started = await Promise.all(
    targets.map(async (target) => {
      const stand = await STANDS[target]?.({ system: knownSystem(system), environment: "production", replicas: 1 });
      if (!stand || "unavailable" in stand) throw new Error(`${target} cannot be had here.`);
      return [target, stand] as const;
    }),
  );
  const stands = new Map(started);
  try {
    return await use(stands, system);
  } finally {
    await Promise.all([...stands.values()].map((stand) => stand.stop()));
  }
}

/** What differs at the last of these requests. */
async function atLast(
  stands: Map<string, Stand>,
  system: string,
  target: string,
  specs: readonly RequestSpec[],
): Promise<string[]> {
  const [decided, real] = await Promise.all(
    ["decide", target].map((name) => observe(stands.get(name) as Stand, beginning(system), specs)),
  );
  const last = specs.length - 1;
  return last < 0
    ? []
    : differences(specs[last] as RequestSpec, decided?.[last] as Observation, real?.[last] as Observation);
}

/** Two divergences with the same one are taken for one. */
const signature = (target: string, found: readonly string[]): string =>
  `${target}: ${found.map((d) => (d.startsWith("to the") ? d.split(":")[0] : d.replace(/[0-9a-f]{8,}|\d{4,}/g, "#").slice(0, 80))).join("; ")}`;

interface Divergence {
  target: string;
  found: string[];
  specs: RequestSpec[];
  input: GatewayInput;
}

/** What a run relies on is no part of a model that may go. */
const isWhole = ({ targets, environments, front, filter, policies }: Partial<GatewayInput>): boolean =>
  filter?.timeout !== undefined &&
  targets?.length === TARGETS.length &&
  environments !== undefined &&
  front?.networks !== undefined &&
  front.kind === "alb" &&
  policies?.floodGuard === null;

/** Fewer and smaller requests, then a smaller model, as long as something differs at the last request. */
async function minimised(
  { target, specs, input, found }: Divergence,
  stands: Map<string, Stand>,
  system: string,
): Promise<Divergence> {
  const same = (now: readonly string[]): boolean =>
    now.length > 0 && now[0]?.split(/[:|]/)[0] === found[0]?.split(/[:|]/)[0];
  const diverges = async (list: RequestSpec[]): Promise<boolean> => same(await atLast(stands, system, target, list));
  const alone = specs.slice(-1);
  const few = (await diverges(alone))
    ? alone
    : await shrink(specs, (list) => (list.length > 0 ? diverges(list) : Promise.resolve(undefined)), 40);
  const keeps = (spec: Partial<RequestSpec>): boolean =>
    ["scheme", "httpVersion", "method", "host", "path", "headers", "client", "websocket"].every((k) => k in spec);
  const small = await shrink(
    few,
    (list) => (list.length > 0 && list.every(keeps) ? diverges(list) : Promise.resolve(undefined)),
    80,
  );
  const least = await shrink(
    input,
    async (candidate) =>
      !isWhole(candidate)
        ? undefined
        : withStands(candidate, ["decide", target], async (two, name) => same(await atLast(two, name, target, small))),
    12,
  );
  const last = await withStands(least, ["decide", target], (two, name) => atLast(two, name, target, small));
  return { target, specs: small, input: least, found: last ?? found };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string" },
      requests: { type: "string", default: "150" },
    },
  });
  const first = Number(values.seed ?? Date.now() % 1_000_000);
  const end = performance.now() + Number(values.minutes) * 60_000;
  const known = new Set<string>();
  let requests = 0;
  let runs = 0;
  let once = 0;
  for (let seed = first; performance.now() < end; seed++) {
    const random = new Random(seed);
    const input = nextInput(random);
    const specs = Array.from({ length: Number(values.requests) }, () => randomRequest(random, input));
    await withStands(input, ["decide", ...TARGETS], async (stands, system) => {
      const seen = new Map(
        await Promise.all(
          [...stands].map(async ([name, stand]) => [name, await observe(stand, beginning(system), specs)] as const),
        ),
      );
      runs += 1;
      requests += specs.length;
      for (const target of TARGETS) {
        for (const [i, spec] of specs.entries()) {
          const found = differences(spec, seen.get("decide")?.[i] as Observation, seen.get(target)?.[i] as Observation);
          const sign = signature(target, found);
          if (found.length === 0) continue;
          if (known.has(sign)) break;
          const again = await atLast(stands, system, target, specs.slice(0, i + 1));
          if (again.length === 0) {
            // A time-out on a busy machine, as a rule; it is told, not hidden.
            once += 1;
            process.stdout.write(
              `\n${target}, seed ${String(seed)}, request ${String(i)}: did not come again\n  was   ${found.join("\n        ")}\n`,
            );
            break;
          }
          known.add(sign);
          const least = await minimised({ target, found, specs: specs.slice(0, i + 1), input }, stands, system);
          process.stdout.write(
            `\n${target} differs from decide (seed ${String(seed)}, request ${String(i)})\n  was   ${found.join("\n        ")}\n  now   ${least.found.join("\n        ")}\n  model ${JSON.stringify(least.input)}\n${least.specs.map((s) => `  asks  ${JSON.stringify(s)}\n`).join("")}`,
          );
          // What follows may follow from it.
          break;
        }
      }
    });
  }
  process.stdout.write(
    `${String(runs)} models, ${String(requests)} requests on decide and ${TARGETS.join(", ")}, seeds from ${String(first)}: ${String(known.size)} divergences, ${String(once)} that did not come again\n`,
  );
  process.exitCode = known.size > 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(2);
});
