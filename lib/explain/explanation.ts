import { randomUUID } from "node:crypto";
import type { GatewayModel } from "../model";
import type { TargetPlan } from "../plan/placement";
import { KINDS, PHASES, type GatewayRequest, type HeaderLine, type PolicyKind } from "../policy";
import { decideRequest, endExchange, Findings, type Verdict, type Step } from "../decision/decide";
import { claimAt, claimMembers, claimText, type ClaimPath } from "../identity/claims";
import { configOf, type ConfiguredPolicy, type Gateway, type Route } from "../decision/gateway";
import type { JwtConfig } from "../policy/kinds/jwt";
import { aloneState } from "../decision/alone-state";
import { once } from "../once";
import { Proofs } from "./proofs";

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
  /** Who signs it; by default whom the route accepts. */
  issuer?: string;
}

export interface Explanation {
  route: string | undefined;
  steps: { phase: number; promise: string; verdict: string; places: Record<string, string> }[];
  outcome: string;
  /** What the outcome leaves open. */
  notes: string[];
}

/** Judged without its bytes; of the others only a body can tell. */
const needsBody = ({ kind, sees }: PolicyKind): boolean => sees === "body" && kind !== "signature";

const policies = (list: readonly ConfiguredPolicy[]): ConfiguredPolicy[] =>
  list.filter(({ kind }) => !KINDS.some((k) => k.kind === kind && needsBody(k)));

/** The gateway without what only a body can tell: a question has none. */
const withoutBodies = once((gateway: Gateway): Gateway => {
  const hosts = gateway.hosts.map((host) => ({
    ...host,
    routes: host.routes.map((route) => ({ ...route, policies: policies(route.policies) })),
  }));
  return { ...gateway, hosts };
});

/** Puts a value at a dotted path. */
function claimsWith(path: ClaimPath, value: unknown): Record<string, unknown> {
  const [first = "", ...rest] = claimMembers(path);
  return { [first]: rest.length === 0 ? value : claimsWith(rest, value) };
}

/** A token as an issuer would sign it that the route accepts, or that is named. */
function goodToken(
  { issuers }: Pick<GatewayModel, "issuers">,
  accepted: readonly string[],
  { claims = {}, issuer: chosen }: ExplainQuestion,
  proofs: Proofs,
): string | undefined {
  const names = accepted.length > 0 ? accepted : Object.keys(issuers);
  const bearing = names.find((name) => claims["iss"] !== undefined && issuers[name]?.issuer === claims["iss"]);
  const issuer = issuers[chosen ?? bearing ?? names[0] ?? ""];
  if (!issuer) return undefined;
  const now = Math.floor(Date.now() / 1000);
  const { iss = issuer.issuer, ...others } = chosen === undefined ? claims : { ...claims, iss: undefined };
  return proofs.token(issuer.algorithms[0] ?? "RS256", {
    ...(iss !== undefined && { iss }),
    ...(issuer.audiences[0] !== undefined && { aud: issuer.audiences[0] }),
    ...(issuer.type && claimsWith(issuer.type.claim, issuer.type.value)),
    iat: now,
    exp: now + 300,
    jti: randomUUID(),
    ...others,
  });
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

const NOT_ASKED = "not asked";
const NEEDS_BODY = "needs a body";
const AROUND = "around the call";

/** What a route does by its own shape. */
const OF_THE_ROUTE: Readonly<Record<string, string>> = {
  matching: "chose the route",
  respond: "answers",
  weights: "chooses the service",
};

/** Headers of a route's answers stand on what is answered once the route is known, and on refusals where they say so. */
function wordOnAnswer(kind: PolicyKind, refusal: Step | undefined, route: Route | undefined): string {
  if (kind.kind !== "responseHeaders" || !refusal) return "kept on the answer";
  if (PHASES[refusal.phase] <= PHASES.cors) return NOT_ASKED;
  const { on } = configOf(route?.policies ?? [], "responseHeaders") as { on: string };
  return on === "always" ? "kept on the answer" : `${NOT_ASKED}: on success alone`;
}

/** The word of one kind on the request: its own, or why it has none. */
function wordOf(kind: PolicyKind, { steps }: Findings, { route }: Verdict): string {
  if (kind.phase === "response")
    return wordOnAnswer(
      kind,
      steps.find((s) => s.decision),
      route,
    );
  const step = steps.find((s) => s.kind === kind.kind);
  if (step?.shadow) return `pass (shadow: ${String(step.shadow.status)} ${step.shadow.reason})`;
  if (step) return step.decision ? `${String(step.decision.status)} ${step.decision.reason}` : "pass";
  const place = ({ kind: name }: { kind: string }): number => KINDS.findIndex((k) => k.kind === name);
  const refusal = steps.find((s) => s.decision);
  const isLater =
    refusal !== undefined &&
    (PHASES[kind.phase] > PHASES[refusal.phase] || (kind.phase === refusal.phase && place(kind) > place(refusal)));
  if (isLater) return NOT_ASKED;
  const own = OF_THE_ROUTE[kind.kind];
  if (own !== undefined) return own;
  if (route?.respond) return `${NOT_ASKED}: the route answers`;
  if (needsBody(kind)) return NEEDS_BODY;
  return kind.around ? AROUND : NOT_ASKED;
}

function notesOf(steps: Explanation["steps"]): string[] {
  const named = (word: string): string[] => steps.filter((s) => s.verdict === word).map((s) => s.promise);
  const [body, around] = [named(NEEDS_BODY), named(AROUND)];
  const many = (list: string[], one: string, several: string): string => (list.length === 1 ? one : several);
  return [
    ...(body.length > 0
      ? [`${body.join(", ")} ${many(body, "needs", "need")} a body, which a question has not: not judged here.`]
      : []),
    ...(around.length > 0
      ? [
          `${around.join(", ")} ${many(around, "stands", "stand")} around the call: ` +
            "what the service answers, and has answered, decides; not judged here.",
        ]
      : []),
  ];
}

/** Claims that the route goes by, and the token does not have. */
function absentClaims({ exchange: { identity }, route }: Verdict): string[] {
  if (!identity || !route) return [];
  const rules = (configOf(route.policies, "jwt") as JwtConfig | undefined)?.rules.find(
    (r) => r.name === identity.issuer,
  );
  const anyOf = (
    configOf(route.policies, "authorization") as { anyOf: { roles: string[]; scopes: string[] }[] } | undefined
  )?.anyOf;
  const tenant = (configOf(route.policies, "tenant") as { headers: Record<string, ClaimPath> } | undefined)?.headers;
  const paths = [
    ...(anyOf?.some((a) => a.roles.length > 0) && rules?.roles !== undefined ? [rules.roles] : []),
    ...(anyOf?.some((a) => a.scopes.length > 0) && rules?.scopes !== undefined ? [rules.scopes] : []),
    ...Object.values(tenant ?? {}),
  ];
  return paths
    .filter((path) => claimAt(identity.claims, path) === undefined)
    .map((path) => `The claim ${claimText(path)} is not in the token.`);
}

/** What happens to a request, phase by phase, and who sees to it on each target. */
export async function explain(
  model: Pick<GatewayModel, "issuers">,
  compiled: { gateway: Gateway; plans: readonly TargetPlan[] },
  question: ExplainQuestion,
): Promise<Explanation> {
  const gateway = withoutBodies(compiled.gateway);
  const bare: GatewayRequest = {
    scheme: question.scheme,
    method: question.method,
    host: question.host,
    target: question.target,
    headers: question.headers,
    client: question.client,
    headBytes: 0,
    body: { limit: () => false, read: () => Promise.resolve(Buffer.alloc(0)) },
  };
  const proofs = new Proofs();
  const decide = (request: GatewayRequest, findings: Findings): Verdict | Promise<Verdict> =>
    decideRequest(gateway, request, aloneState({ keys: proofs.keys, secrets: proofs.secrets }), randomUUID, {
      findings,
    });
  // Only its route tells which proofs a request needs.
  const asked = (await decide(bare, new Findings())).route?.policies ?? [];
  const accepted = proofs.accept(bare, asked);
  const { issuers = [], header } = (configOf(asked, "jwt") ?? {}) as { issuers?: string[]; header?: string };
  const token = question.claims === undefined ? undefined : goodToken(model, issuers, question, proofs);
  const headers: HeaderLine[] =
    token === undefined ? [] : [header === undefined ? ["Authorization", `Bearer ${token}`] : [header, token]];
  const findings = new Findings();
  const verdict = await decide({ ...accepted, headers: [...accepted.headers, ...headers] }, findings);
  // Nothing follows: a place that a connection would hold is given back.
  endExchange(verdict.exchange);
  const placesOf = (kind: string): Record<string, string> =>
    Object.fromEntries(
      compiled.plans.map((plan) => {
        const placement = plan.placements.find(
          (p) =>
            p.kind === kind &&
            p.host === verdict.host?.name &&
            (p.route === undefined || p.route === verdict.route?.name),
        );
        return [plan.target, placement?.place ?? "-"];
      }),
    );
  const steps = KINDS.map((kind) => ({ kind, places: placesOf(kind.kind) }))
    .filter(({ places }) => Object.values(places).some((p) => p !== "-"))
    .map(({ kind, places }) => ({
      phase: PHASES[kind.phase],
      promise: kind.kind,
      verdict: wordOf(kind as PolicyKind, findings, verdict),
      places,
    }));
  const isProofAsked = findings.steps.some((s) => PHASES[s.phase] >= PHASES.credentials);
  const notes = [...(isProofAsked ? proofs.notes : []), ...absentClaims(verdict), ...notesOf(steps)];
  return { route: verdict.route?.name, steps, outcome: outcomeOf(verdict), notes };
}
