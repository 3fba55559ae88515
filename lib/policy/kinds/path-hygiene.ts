import { z } from "zod";
import { pathOf, policyKind, type Refusal } from "../kind";
import { path } from "../values";

/**
 * Forms of a path that two parsers may read in two ways, as one regular expression over the raw path, in the subset
 * that PCRE2 (nginx), RE2 (Envoy) and JavaScript share: a segment of one or two dots, plain or escaped, spaces behind them or
 * not, between slashes or backslashes in either form; an empty segment inside; a backslash, `;`, `#`; an escaped slash, backslash, percent sign, `;`, `?`, `#`, control
 * character, letter or digit; a broken escape; a byte outside visible ASCII.
 */
export const UNCLEAN_PATH = [
  "(/|\\\\|%2[Ff]|%5[Cc])(\\.|%2[Ee]){1,2}(%20)*(/|\\\\|%2[Ff]|%5[Cc]|$)",
  "//",
  "[\\\\;#]",
  "%(2[Ff]|5[Cc]|25|3[BbFf]|23|[01][0-9A-Fa-f]|7[Ff])",
  "%(3[0-9]|4[1-9A-Fa-f]|5[0-9Aa]|6[1-9A-Fa-f]|7[0-9Aa])",
  "%([^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f]|[0-9A-Fa-f]?$)",
  "[^\\x21-\\x7e]",
  "^[^/]",
] as const;

const NEXT = "%[89AaBb][0-9A-Fa-f]";

/** A path whose escaped bytes are UTF-8 (RFC 3629 section 4), no character spelled longer than it must be. */
export const UTF8_PATH = `^(?:${[
  "[^%]",
  "%[0-7][0-9A-Fa-f]",
  `%(?:[Cc][2-9A-Fa-f]|[Dd][0-9A-Fa-f])${NEXT}`,
  `%[Ee]0%[AaBb][0-9A-Fa-f]${NEXT}`,
  `%[Ee][1-9A-Ca-cEeFf]${NEXT}${NEXT}`,
  `%[Ee][Dd]%[89][0-9A-Fa-f]${NEXT}`,
  `%[Ff]0%[9AaBb][0-9A-Fa-f]${NEXT}${NEXT}`,
  `%[Ff][1-3]${NEXT}${NEXT}${NEXT}`,
  `%[Ff]4%8[0-9A-Fa-f]${NEXT}${NEXT}`,
].join("|")})*$`;

export const UNCLEAN: Refusal = {
  status: 400,
  reason: "unclean-path",
  message: "The path has a form that is not accepted.",
};

const [dotSegment] = UNCLEAN_PATH;
const utf8 = new RegExp(UTF8_PATH);
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
    // A fragment is no part of a target (RFC 9112 section 3.2); Envoy refuses it wherever it stands.
    if (request.target.includes("#")) return UNCLEAN;
    const raw = pathOf(request.target);
    const exempt = config.except.some((prefix) => raw.startsWith(`${prefix}/`));
    return dots.test(raw) || (!exempt && (unclean.test(raw) || !utf8.test(raw))) ? UNCLEAN : undefined;
  },
});
