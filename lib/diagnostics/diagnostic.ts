import { CATALOGUE, type DiagnosticCode } from "./catalogue";

/** Where in a file a diagnostic points to; line and column count from 1. */
export interface SourcePosition {
  file: string;
  line?: number;
  column?: number;
}

/** One finding: what (the code's constant text), where, why, and what to do. */
export interface Diagnostic {
  code: DiagnosticCode;
  severity: "error" | "warning";
  message: string;
  /** Address in the model's own names, e.g. `serhafen/routes/users/bodySize`. */
  at: string;
  source?: SourcePosition;
  why: string;
  fix: string;
}

/** A stage's value with all it found; the value is absent when an error makes it meaningless. */
export interface Result<T> {
  value?: T;
  diagnostics: Diagnostic[];
}

export function diagnostic(
  code: DiagnosticCode,
  at: string,
  why: string,
  fix: string,
  source?: SourcePosition,
): Diagnostic {
  return { code, ...CATALOGUE[code], at, why, fix, ...(source ? { source } : {}) };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === "error");
}

/** File, then line, then address, then code: the same order on every run. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const key = (d: Diagnostic): string =>
    [d.source?.file ?? "", String(d.source?.line ?? 0).padStart(9, "0"), d.at, d.code, d.why].join("\u0000");
  return [...new Map(diagnostics.map((d) => [key(d), d])).entries()]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([, d]) => d);
}

/** The page on a code, in docs/diagnostics. */
export const pageOf = (code: string): string => `${code.replace("/", "-")}.md`;

export function formatDiagnostic(d: Diagnostic): string {
  const { file, line, column } = d.source ?? { file: undefined };
  const where = file === undefined ? "" : `${[file, line, column].filter((p) => p !== undefined).join(":")} - `;
  return [
    `${where}${d.severity} ${d.code}: ${d.message}`,
    `  at    ${d.at}`,
    `  why   ${d.why}`,
    `  fix   ${d.fix}`,
    `  help  gatewright help ${d.code}`,
  ].join("\n");
}
