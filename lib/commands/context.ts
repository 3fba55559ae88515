import type { parseArgs } from "node:util";
import { formatDiagnostic, hasErrors, sortDiagnostics, type Diagnostic } from "../diagnostics";
import type { CompiledModel } from "./load";

/** Wrong use of a command: the message says what is right. */
export class UsageError extends Error {}

export interface Output {
  out: (text: string) => void;
  err: (text: string) => void;
}

export const OPTIONS = {
  system: { type: "string" },
  environment: { type: "string" },
  out: { type: "string" },
  header: { type: "string", multiple: true },
  client: { type: "string" },
  claims: { type: "string" },
  identities: { type: "string" },
  issuer: { type: "string" },
  host: { type: "string" },
  http: { type: "string" },
  https: { type: "string" },
  admin: { type: "string" },
  redis: { type: "string" },
  certificate: { type: "string" },
  key: { type: "string" },
  service: { type: "string", multiple: true },
  plain: { type: "boolean" },
  cases: { type: "string" },
  target: { type: "string", multiple: true },
  name: { type: "string" },
  junit: { type: "string" },
  watch: { type: "boolean" },
  yes: { type: "boolean" },
  class: { type: "string" },
  against: { type: "string" },
  ignore: { type: "string", multiple: true },
  rate: { type: "string" },
  insecure: { type: "boolean" },
  all: { type: "boolean" },
  accept: { type: "string", multiple: true },
  prometheus: { type: "string" },
  selector: { type: "string" },
  force: { type: "boolean" },
  costs: { type: "boolean" },
  diff: { type: "string" },
  write: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean" },
  version: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>["values"];

/** What a command works with. */
export interface Context {
  args: string[];
  values: Values;
  output: Output;
}

/** Tells what is wrong, and gives the exit code. */
export function report({ values, output }: Context, diagnostics: readonly Diagnostic[], result?: object): number {
  const sorted = sortDiagnostics(diagnostics);
  if (values.json) output.out(`${JSON.stringify({ formatVersion: 1, ...result, diagnostics: sorted }, null, 2)}\n`);
  else if (sorted.length > 0) output.err(`${sorted.map(formatDiagnostic).join("\n\n")}\n\n`);
  return hasErrors(sorted) ? 1 : 0;
}

export function selected(all: readonly CompiledModel[], system?: string, environment?: string): CompiledModel[] {
  const chosen = all.filter(
    (c) =>
      (system === undefined || c.model.name === system) &&
      (environment === undefined || c.gateway.environment === environment),
  );
  if (chosen.length === 0 && all.length > 0) {
    const known = [...new Set(all.map((c) => `${c.model.name}/${c.gateway.environment}`))].join(", ");
    throw new UsageError(`No model fits --system and --environment; there are ${known}.`);
  }
  return chosen;
}
