import { existsSync, readFileSync } from "node:fs";
import { hostName } from "../decision/request-target";
import { isIP } from "node:net";
import { parse } from "yaml";
import { hasErrors } from "../diagnostics";
import { namesOfHost } from "../decision/gateway";
import { modelIn } from "../model";
import type { HeaderLine } from "../policy";
import { report, UsageError, type Context } from "./context";
import { explain, type Explanation, type ExplainQuestion } from "../explain/explanation";
import { compileAll, type CompiledModel } from "./load";
import { modelFiles } from "./models";

export type { Explanation } from "../explain/explanation";

export function formatExplanation(explanation: Explanation, targets: readonly string[]): string {
  const rows = [
    ["phase", "promise", "verdict", ...targets],
    ...explanation.steps.map((s) => [String(s.phase), s.promise, s.verdict, ...targets.map((t) => s.places[t] ?? "-")]),
  ];
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0))) ?? [];
  const table = rows.map((r) =>
    r
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const notes = explanation.notes.map((note) => `note     ${note}`);
  return [`route    ${explanation.route ?? "none"}`, ...table, `outcome  ${explanation.outcome}`, ...notes].join("\n");
}

/** Taken apart as text: a URL parser would clean the path before it is judged. */
const QUESTION = /^(\S+) (https?):\/\/([^\s/?#:]+)(?::\d*)?(\/\S*)?(?: with token (\S+))?$/;
const RIGHT = 'Write explain "GET https://host/path", with "with token NAME" behind it where it has one.';

interface Asked extends Pick<ExplainQuestion, "method" | "scheme" | "host" | "target"> {
  tokenName: string | undefined;
  files: string[];
}

/** The question may stand before the models or behind them. */
function questionIn(args: readonly string[]): Asked {
  // No model's name, or one that is not there, has a space in it and ends otherwise.
  const isMeant = (arg: string): boolean => QUESTION.test(arg) || (/\s/.test(arg) && !existsSync(arg));
  const [question, another] = args.filter(isMeant);
  if (question === undefined) throw new UsageError(RIGHT);
  if (another !== undefined) throw new UsageError("Ask one question at a time.");
  const [, method, scheme, host, target = "/", tokenName] = QUESTION.exec(question) ?? [];
  if (method === undefined || host === undefined) throw new UsageError(`"${question}" is no question. ${RIGHT}`);
  return {
    method,
    scheme: scheme === "http" ? "http" : "https",
    host: hostName(host),
    target,
    tokenName,
    files: args.filter((arg) => arg !== question),
  };
}

/** `explain` on the command line. */
export async function explainCommand(context: Context): Promise<number> {
  const { values, output } = context;
  const { tokenName, files, ...asked } = questionIn(context.args);
  const { compiled, diagnostics } = compileAll(modelFiles(files), { plansOnly: true });
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const environment = values.environment ?? "production";
  const inEnvironment = compiled.filter((c) => c.gateway.environment === environment);
  const found =
    inEnvironment.find((c) => c.gateway.hosts.some((h) => namesOfHost(h).some(([name]) => name === asked.host))) ??
    inEnvironment[0];
  if (!found) throw new UsageError(`No model has the environment "${environment}".`);
  const claims = claimsFor(context, found.model.name, tokenName);
  const issuer = issuerFor(context, found);
  const client = values.client ?? "198.51.100.7";
  if (isIP(client) === 0) throw new UsageError("Write --client as an address.");
  const explanation = await explain(modelIn(found.model, environment), found, {
    ...asked,
    headers: headersOf(values.header ?? []),
    client,
    ...(claims && { claims }),
    ...(issuer !== undefined && { issuer }),
  });
  const targets = found.plans.map((p) => p.target);
  output.out(
    values.json
      ? `${JSON.stringify({ formatVersion: 1, ...explanation }, null, 2)}\n`
      : `${formatExplanation(explanation, targets)}\n`,
  );
  return 0;
}

function headersOf(lines: readonly string[]): HeaderLine[] {
  return lines.map((line) => {
    const colon = line.indexOf(":");
    if (colon < 1) throw new UsageError('Write --header as "name: value".');
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
}

function issuerFor({ values: { issuer } }: Context, { model }: CompiledModel): string | undefined {
  const known = Object.keys(model.issuers);
  if (issuer === undefined || known.includes(issuer)) return issuer;
  throw new UsageError(`${model.name} has no issuer "${issuer}"; there are ${known.join(", ") || "none"}.`);
}

/** Files of identities where none is named: those that cases use, and this repository's own. */
const IDENTITIES = ["cases/identities.yaml", "test/conformance/tokens.yaml"];

type Claims = Record<string, unknown>;

/** Claims as they are given, or those of a named identity. */
function claimsFor({ values }: Context, system: string, tokenName?: string): Claims | undefined {
  if (values.claims !== undefined) return claimsIn(values.claims);
  if (tokenName === undefined) return undefined;
  const file = values.identities ?? IDENTITIES.find((name) => existsSync(name)) ?? "cases/identities.yaml";
  if (!existsSync(file)) throw new UsageError(`There is no ${file}; name a file with --identities, or use --claims.`);
  const all = parse(readFileSync(file, "utf8")) as Record<string, { identities?: Record<string, { claims: Claims }> }>;
  const identities = all[system]?.identities ?? {};
  const identity = Object.hasOwn(identities, tokenName) ? identities[tokenName] : undefined;
  if (identity) return identity.claims;
  const known = Object.keys(identities).join(", ") || "none";
  throw new UsageError(`${file} has no identity "${tokenName}" of ${system}; there are ${known}.`);
}

function claimsIn(text: string): Claims {
  try {
    const claims: unknown = JSON.parse(text);
    if (typeof claims === "object" && claims !== null && !Array.isArray(claims)) return claims as Claims;
  } catch {
    // As wrong as one that is no object.
  }
  throw new UsageError("Write --claims as a JSON object.");
}
