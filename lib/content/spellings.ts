/** Names and values that some reader takes for the same one. */

const IGNORED = /[\s\0\p{Default_Ignorable_Code_Point}]/gu;

/** Case, width, marks (accents), the full stops of host names (UTS 46), white space and what nobody sees do not tell two texts apart (Unicode UAX 15, NFKC). */
export function bareText(text: string): string {
  // Upper case first: the long s, the Kelvin sign and a dotless i have a plain letter there alone.
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(IGNORED, "")
    .replace(/\u3002/g, ".")
    .toUpperCase()
    .toLowerCase();
}

/** A name without what form readers take off it: brackets with or without a number, dots, quotes. */
const bareName = (name: string): string => bareText(name).replace(/\[\d*\]|[[\].'"]/g, "");

/** Whether a reader of parameters or members may take `key` for `name`. */
export function namesOf(key: string, name: string): boolean {
  return bareName(key) === bareName(name);
}
