/** Paths of ingress-nginx, some of which are regular expressions, as prefixes. */

/** What a path means with the target that its Ingress rewrites to. */
export interface PathForm {
  prefixes: string[];
  /** What stands in place of the prefix. */
  replacement?: string;
  /** What is otherwise than it was. */
  note?: string;
}

const PLAIN = "(?:/[A-Za-z0-9._~-]+)*";
const plain = new RegExp(`^(?:/|${PLAIN}/?)$`);

export const isPlainPath = (path: string): boolean => path !== "" && plain.test(path);

/** A prefix of ours ends in no slash. */
export const trimmed = (path: string): string => path.replace(/\/+$/, "") || "/";

const REST = "\\(\\.[*+]\\)";
/** `P(/|$)(.*)`, `P/(.*)`, `P/?(.*)`: what is behind the prefix is caught in the last group. */
const BEHIND = new RegExp(`^(${PLAIN})(?:\\(/\\|\\$\\)${REST}|/${REST}|/\\?${REST})$`);
/** `/(a|b)(/|$)(.*)`. */
const EITHER = new RegExp(`^/\\(([A-Za-z0-9._~-]+(?:\\|[A-Za-z0-9._~-]+)+)\\)\\(/\\|\\$\\)${REST}$`);
/** `P.*`, `P/.*`: nothing is caught. */
const ANY = new RegExp(`^(${PLAIN})/?\\.[*+]$`);

const CASE = "its regular expression took any letter case, and words that merely begin so";

/** `R/$n` for the group of what is behind the prefix. */
function replacementIn(target: string, group: number): string | undefined {
  const [, before] = new RegExp(`^(/|${PLAIN}/)\\$${String(group)}$`).exec(target) ?? [];
  return before === undefined ? undefined : trimmed(before);
}

/** The prefixes that a regular expression stands for, or nothing where it is none of the forms that mean a prefix. */
export function regexForm(path: string, target: string | undefined): PathForm | undefined {
  const [, either] = EITHER.exec(path) ?? [];
  if (either !== undefined) {
    const replacement = target === undefined ? undefined : replacementIn(target, 3);
    if (target !== undefined && replacement === undefined) return undefined;
    const prefixes = either.split("|").map((word) => `/${word}`);
    return { prefixes, ...(replacement !== undefined && { replacement }), note: CASE };
  }
  const [, behind] = BEHIND.exec(path) ?? [];
  if (behind !== undefined) {
    const prefix = trimmed(behind);
    if (target === undefined) return { prefixes: [prefix], note: CASE };
    const replacement = replacementIn(target, path.includes("(/|$)") ? 2 : 1);
    if (replacement === undefined) return undefined;
    return {
      prefixes: [prefix],
      ...(replacement !== prefix && { replacement }),
      ...(prefix !== "/" && { note: CASE }),
    };
  }
  if (target !== undefined) return undefined;
  const [, any] = ANY.exec(path) ?? [];
  if (any !== undefined) return { prefixes: [trimmed(any)], note: CASE };
  return isPlainPath(path) ? { prefixes: [trimmed(path)], note: CASE } : undefined;
}
