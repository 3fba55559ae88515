import { z } from "zod";
import { pathOf, policyKind } from "./kind";
import { path } from "./values";

/**
 * Forms of a path that two parsers may read in two ways, as one regular expression over the raw path, in the subset
 * that PCRE2 (nginx), RE2 (Envoy) and JavaScript share: a segment of one or two dots, plain or escaped; an empty segment
 * inside; a backslash, `;`, `#`; an escaped slash, backslash, percent sign, control character, letter or digit; bytes that
 * are no UTF-8, or a character spelled longer than it must be; a broken escape; a byte outside visible ASCII.
 */
export const UNCLEAN_PATH = [
  "/(\\.|%2[Ee]){1,2}(/|$)",
  "//",
  "[\\\\;#]",
  "%(2[Ff]|5[Cc]|25|[01][0-9A-Fa-f]|7[Ff])",
  "%(3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])",
  "%([Cc][01]|[Ff][5-9A-Fa-f])",
  "%([Ee]0%[89]|[Ff]0%8)",
  "%([^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f]|[0-9A-Fa-f]?$)",
  "[^\\x21-\\x7e]",
  "^[^/]",
] as const;

const [dotSegment] = UNCLEAN_PATH;
const dots = new RegExp(dotSegment);
const unclean = new RegExp(UNCLEAN_PATH.join("|"));

/**
 * Refuses ambiguous paths before anything matches them. `except` lists raw prefixes of this host that may have all but
 * dot segments, which would lead out of the prefix.
 */
export const pathHygiene = policyKind({
  kind: "pathHygiene",
  schema: z.strictObject({ except: z.array(path).default([]) }),
  phase: "path",
  sees: "head",
  perHost: true,
  requires: (config) => (config.except.length > 0 ? ["PathHygiene", "PathHygieneException"] : ["PathHygiene"]),
  decide(config, { request }) {
    const raw = pathOf(request.target);
    const exempt = config.except.some((prefix) => raw.startsWith(`${prefix}/`));
    if (!(exempt ? dots : unclean).test(raw)) return undefined;
    return { status: 400, reason: "unclean-path", message: "The path has a form that is not accepted." };
  },
});
