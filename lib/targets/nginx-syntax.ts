import { UNCLEAN_PATH, UTF8_PATH } from "../policy/kinds/path-hygiene";

/** How things are spelled in nginx configuration, whoever writes it. */

/** A variable that holds a dollar sign: nginx has no escape for it inside strings. */
const DOLLAR = "gateway_dollar";

/** A text as an nginx string that is delivered byte for byte. The model has refused line breaks and control characters. */
export function text(value: string): string {
  return `"${escapeText(value)}"`;
}

/** The inside of such a string, for those that mix texts and variables. */
export function escapeText(value: string): string {
  return value.replace(/["\\]/g, "\\$&").replace(/\$/g, `\${${DOLLAR}}`);
}

/** A text as a part of a regular expression (PCRE2) inside a quoted nginx string, which halves backslashes. */
export function regexText(value: string): string {
  return value.replace(/[\\^$.*+?()[\]{}|"]/g, (c) => (c === '"' ? '\\"' : c === "\\" ? "\\\\\\\\" : `\\${c}`));
}

/** What `Connection` may name: options of a connection. Whatever else is named is a header that would go missing on the way. */
export const CONNECTION_OPTIONS = ["close", "keep-alive", "upgrade", "te", "http2-settings"] as const;

/** A text of `Connection` that names these alone, or nothing. */
export const namesOnly = (names: readonly string[]): string =>
  `^[\\s,]*+(?:(?:${names.join("|")})\\s*+(?:,[\\s,]*+|$))*+$`;

/** A number of milliseconds as nginx writes times. */
export function time(ms: number): string {
  return ms % 1000 === 0 ? `${String(ms / 1000)}s` : `${String(ms)}ms`;
}

/** A header's name inside `$http_…` and `$upstream_http_…`. */
export function headerVariable(name: string): string {
  return name.toLowerCase().replaceAll("-", "_");
}

/** A part of a variable's name; different texts may give the same one. */
export function variablePart(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "_");
}

const [dotSegment, ...ambiguous] = UNCLEAN_PATH;

const uncleanLine = (pattern: string): readonly [string, string] => [`"~${pattern.replace(/[\\"]/g, "\\$&")}"`, "1"];

/** Lines of a map over a raw path that tell unclean ones, the first that fits; exempt prefixes may have all but dot segments. */
export function uncleanPathLines(except: readonly string[]): (readonly [pattern: string, value: string])[] {
  return [
    ["default", "1"],
    uncleanLine(dotSegment),
    ...except.map((prefix) => [`"~^${regexText(prefix)}(/|$)"`, '""'] as const),
    ...ambiguous.map(uncleanLine),
    [`"~${UTF8_PATH.replace(/\*\$$/, "*+$")}"`, '""'],
  ];
}
