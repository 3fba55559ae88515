/**
 * Origins as a model lists them: whole, or with a star in the place of names below a domain, one or more of them
 * (`https://*.example.com`; Gateway API: HTTPCORSFilter).
 */

const STAR = "//*.";

/** What a star stands for. */
const NAMES = "[a-z0-9._-]*[a-z0-9_-]";

export const isOriginPattern = (origin: string): boolean => origin.includes(STAR);

/** A pattern as a regular expression for the whole of an origin; `quote` writes a text as a part of one. */
export function originExpression(pattern: string, quote: (text: string) => string): string {
  return pattern
    .split(STAR)
    .map(quote)
    .join(`//${NAMES}${quote(".")}`);
}

const known = new Map<string, RegExp>();

function fits(pattern: string, origin: string): boolean {
  let expression = known.get(pattern);
  if (!expression) {
    expression = new RegExp(`^${originExpression(pattern, (text) => text.replace(/[.+]/g, "\\$&"))}$`);
    known.set(pattern, expression);
  }
  return expression.test(origin);
}

/** Whether an origin is one of a list. */
export const isListed = (origins: readonly string[], origin: string): boolean =>
  origins.some((listed) => (isOriginPattern(listed) ? fits(listed, origin) : listed === origin));
