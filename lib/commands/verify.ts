import { LiveStand, liveCase } from "../conformance/live";
import { runCase, type CaseResult } from "../conformance/run-case";
import type { System } from "../conformance/system";
import type { Endpoint } from "../conformance/wire";
import { hasErrors } from "../diagnostics";
import { report, UsageError, type Context } from "./context";
import { compileAll, modelsOf } from "./load";
import { modelFiles } from "./models";
import { CASES, casesOf, systemsOf } from "./own-systems";
import { tellResults } from "./results";

/** The same cases against gateways that run somewhere: `verify`. */

/** What is another in each answer, or says by whom it was made. */
const MAY_DIFFER = [
  "date",
  "server",
  "via",
  "x-request-id",
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "age",
];

const RATE = 10;

function endpointOf(text: string, insecure: boolean): Endpoint & { scheme: "http" | "https" } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "" || url.username !== "")
    throw new UsageError(`"${text}" is no gateway: write https://host or https://host:port, without a path.`);
  const tls = url.protocol === "https:";
  return {
    ...{
      address: url.hostname.replace(/^\[|\]$/g, ""),
      port: Number(url.port || (tls ? 443 : 80)),
      tls,
      verified: !insecure,
    },
    scheme: tls ? "https" : "http",
  };
}

function rateOf(text: string | undefined): number {
  const rate = text === undefined ? RATE : Number(text);
  if (!(rate > 0 && rate <= 1000)) throw new UsageError("Write --rate as requests a second, 1000 at most.");
  return rate;
}

/** `verify` on the command line. */
export async function verifyCommand(context: Context): Promise<number> {
  const { args, values, output } = context;
  const [url, ...files] = args;
  if (url === undefined) throw new UsageError("Name the gateway: verify https://gateway.example [MODEL…].");
  const insecure = values.insecure ?? false;
  const { scheme, ...endpoint } = endpointOf(url, insecure);
  const against = values.against === undefined ? undefined : endpointOf(values.against, insecure);
  const { compiled, diagnostics } = compileAll(modelFiles(files), { plansOnly: true });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const systems = systemsOf({ ...context, output: { ...output, err: () => undefined } }, modelsOf(compiled));
  const cases = casesOf(values.cases ?? CASES, values.name).filter((c) => systems.has(c.system));
  const mayDiffer = new Set([...MAY_DIFFER, ...(values.ignore ?? []).map((name) => name.toLowerCase())]);
  const options = { endpoint, ...(against && { against }), mayDiffer, rate: rateOf(values.rate) };
  const stands = new Map(
    [...systems].map(([name, system]: [string, System]) => [name, new LiveStand(system, options)]),
  );
  const results: CaseResult[] = [];
  for (const given of cases) {
    const asked = liveCase(given, { scheme, all: values.all ?? false, compared: against !== undefined });
    const stand = stands.get(given.system);
    if (typeof asked === "string" || !stand) {
      results.push({
        case: given,
        outcome: "skipped",
        details: [typeof asked === "string" ? asked : "there is no such system"],
      });
      continue;
    }
    const result = await runCase(stand, asked);
    const details = [...new Set([...result.details, ...stand.differences])];
    results.push({ case: given, outcome: details.length > 0 ? "failed" : "passed", details });
  }
  const failed = tellResults(context, new Map([["live", results]]), false);
  return failed || results.every((r) => r.outcome === "skipped") ? 1 : 0;
}
