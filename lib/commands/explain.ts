import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { hasErrors } from "../diagnostics";
import type { GatewayModel } from "../model";
import { KINDS, PHASES, type GatewayRequest, type HeaderLine, type State } from "../policy";
import { decideRequest, Findings, type Verdict } from "../policy/decide";
import { aloneState } from "../policy/memory-store";
import type { Compiled } from "../targets";
import { report, UsageError, type Context } from "./context";
import { compileAll, modelFiles } from "./load";

export interface ExplainQuestion {
  method: string;
  scheme: "http" | "https";
  host: string;
  /** Path and query, as they would be sent. */
  target: string;
  headers: HeaderLine[];
  client: string;
  /** Claims of a good token, beside those that its issuer puts into every token. */
  claims?: Record<string, unknown>;
}

export interface Explanation {
  route: string | undefined;
  steps: { phase: number; promise: string; verdict: string; places: Record<string, string> }[];
  outcome: string;
}

/** Claims of a named identity, from a file in the form of test/conformance/tokens.yaml. */
export function claimsOf(file: string, system: string, name: string): Record<string, unknown> | undefined {
  const all = parse(readFileSync(file, "utf8")) as Record<
    string,
    { identities?: Record<string, { claims: Record<string, unknown> }> }
  >;
  return all[system]?.identities?.[name]?.claims;
}

/** A token as the model's issuer would sign it, and the key that proves it: nothing of it holds anywhere else. */
function goodToken(model: GatewayModel, claims: Record<string, unknown>): { line: HeaderLine; state: State["keys"] } {
  const [issuer] = Object.values(model.issuers);
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const now = Math.floor(Date.now() / 1000);
  const body = {
    ...(issuer?.issuer !== undefined && { iss: issuer.issuer }),
    ...(issuer?.audiences[0] !== undefined && { aud: issuer.audiences[0] }),
    ...(issuer?.type && { [issuer.type.claim]: issuer.type.value }),
    iat: now,
    exp: now + 300,
    jti: randomUUID(),
    ...claims,
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${part({ alg: "RS256", kid: "explain" })}.${part(body)}`;
  const token = `${input}.${sign("sha256", Buffer.from(input), privateKey).toString("base64url")}`;
  return { line: ["Authorization", `Bearer ${token}`], state: { find: () => publicKey } };
}

function outcomeOf(verdict: Verdict): string {
  const { answer, route, exchange } = verdict;
  if (answer) return `${String(answer.status)} ${answer.reason}: ${answer.message}`;
  if (route?.respond) return `${String(route.respond.status)} by the route itself`;
  const services =
    route?.backends.map((b) => (b.weight === 100 ? b.service : `${b.service} (${String(b.weight)})`)).join(" or ") ??
    "";
  const set = [...exchange.upstream.set.entries()].map(([name, value]) => `${name}: ${value}`);
  const removed = [...exchange.upstream.remove].filter((name) => !exchange.upstream.set.has(name));
  return [
    `goes to ${services} as ${exchange.request.method} ${exchange.upstream.target}`,
    ...(set.length > 0 ? [`with ${set.join(", ")}`] : []),
    ...(removed.length > 0 ? [`without ${removed.join(", ")}`] : []),
  ].join("\n         ");
}

/** What happens to a request, phase by phase, and who sees to it on each target. */
export async function explain(
  model: GatewayModel,
  compiled: Compiled,
  question: ExplainQuestion,
): Promise<Explanation> {
  const token = question.claims === undefined ? undefined : goodToken(model, question.claims);
  const request: GatewayRequest = {
    scheme: question.scheme,
    method: question.method,
    host: question.host,
    target: question.target,
    headers: [...question.headers, ...(token ? [token.line] : [])],
    client: question.client,
    headBytes: 0,
  };
  const state = aloneState({ keys: token?.state ?? { find: () => undefined } });
  const findings = new Findings();
  const verdict = await decideRequest(compiled.gateway, request, state, randomUUID, {
    findings,
    headOnly: true,
  });
  const placesOf = (kind: string): Record<string, string> =>
    Object.fromEntries(
      compiled.plans.map((plan) => {
        const placement = plan.placements.find(
          (p) =>
            p.kind === kind && p.host === request.host && (p.route === undefined || p.route === verdict.route?.name),
        );
        return [plan.target, placement?.place ?? "-"];
      }),
    );
  const decided = new Map(findings.steps.map((s) => [s.kind, s]));
  const promised = KINDS.filter((k) => Object.values(placesOf(k.kind)).some((p) => p !== "-"));
  const steps = promised.map((kind) => {
    const step = decided.get(kind.kind);
    const word = step
      ? step.decision
        ? `${String(step.decision.status)} ${step.decision.reason}`
        : "pass"
      : "not asked";
    return {
      phase: PHASES[kind.phase],
      promise: kind.kind,
      verdict: kind.decide && kind.phase !== "response" ? word : "kept on the answer",
      places: placesOf(kind.kind),
    };
  });
  return { route: verdict.route?.name, steps, outcome: outcomeOf(verdict) };
}

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
  return [`route    ${explanation.route ?? "none"}`, ...table, `outcome  ${explanation.outcome}`].join("\n");
}

/** Taken apart as text: a URL parser would clean the path before it is judged. */
const QUESTION = /^(\S+) (https?):\/\/([^\s/?#:]+)(?::\d+)?(\/\S*)?(?: with token (\S+))?$/;

/** `explain` on the command line. */
export async function explainCommand(context: Context): Promise<number> {
  const [question = "", ...files] = context.args;
  const [, method, scheme, host, target = "/", tokenName] = QUESTION.exec(question) ?? [];
  if (method === undefined || host === undefined) {
    throw new UsageError('Write explain "GET https://host/path", with "with token NAME" behind it where it has one.');
  }
  const { compiled, diagnostics } = compileAll(modelFiles(files));
  if (hasErrors(diagnostics)) return report(context, diagnostics);
  const hostname = host.toLowerCase();
  const environment = context.values.environment ?? "production";
  const found =
    compiled.find((c) => c.gateway.environment === environment && c.gateway.hosts.some((h) => h.name === hostname)) ??
    compiled.find((c) => c.gateway.environment === environment);
  if (!found) throw new UsageError(`No model has the environment "${environment}".`);
  const claims = explainClaims(context, found.model.name, tokenName);
  const headers = (context.values.header ?? []).map((line): HeaderLine => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  });
  const client = context.values.client ?? "198.51.100.7";
  const explanation = await explain(found.model, found, {
    method,
    scheme: scheme === "http" ? "http" : "https",
    host: hostname,
    target,
    headers,
    client,
    ...(claims && { claims }),
  });
  if (context.values.json) context.output.out(`${JSON.stringify({ formatVersion: 1, ...explanation }, null, 2)}\n`);
  else
    context.output.out(
      `${formatExplanation(
        explanation,
        found.plans.map((p) => p.target),
      )}\n`,
    );
  return 0;
}

const IDENTITIES = "test/conformance/tokens.yaml";

function explainClaims({ values }: Context, system: string, tokenName?: string): Record<string, unknown> | undefined {
  if (values.claims !== undefined) {
    try {
      return JSON.parse(values.claims) as Record<string, unknown>;
    } catch {
      throw new UsageError("Write --claims as a JSON object.");
    }
  }
  if (tokenName === undefined) return undefined;
  const file = values.identities ?? IDENTITIES;
  if (!existsSync(file)) throw new UsageError(`There is no ${file}; name a file with --identities, or use --claims.`);
  const claims = claimsOf(file, system, tokenName);
  if (!claims) throw new UsageError(`${file} has no identity "${tokenName}" of ${system}.`);
  return claims;
}
