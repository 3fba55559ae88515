/** What one parser may read differently from another. */
export class AmbiguousJson extends Error {}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Members that some languages take for the parts of an object itself. */
const TRAPS = new Set(["__proto__", "constructor", "prototype"]);

/** Halves of a character alone, and the character that ends a text in C. */
function isPlain(text: string): boolean {
  return !text.includes("\0") && (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** One pass over text that is JSON already: the names of each open object, as they come. */
function refuseAmbiguous(text: string, maxDepth: number): void {
  const open: (Set<string> | undefined)[] = [];
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    const [token] = match;
    if (token === "}" || token === "]") {
      open.pop();
    } else if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : undefined);
      if (open.length > maxDepth) throw new AmbiguousJson("It is too deep.");
    } else {
      const value = token.includes("\\") ? (JSON.parse(token) as string) : token.slice(1, -1);
      if (!isPlain(value)) throw new AmbiguousJson("A text has a character that not every reader takes.");
      if (isName(text, tokens.lastIndex)) note(open.at(-1), value);
    }
  }
}

function isName(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text[at] === ":";
}

function note(names: Set<string> | undefined, name: string): void {
  if (TRAPS.has(name)) throw new AmbiguousJson(`"${name}" is no name for a member.`);
  if (names?.has(name)) throw new AmbiguousJson(`"${name}" stands twice.`);
  names?.add(name);
}

const [QUOTE, BACKSLASH, BRACKET, BRACE] = [0x22, 0x5c, 0x5b, 0x7b];

/** Names and texts in a value; no number at all where a name is a trap. */
function textsOf(value: unknown): number {
  if (typeof value === "string") return 1;
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += textsOf(item);
    return count;
  }
  for (const name in value) {
    count += TRAPS.has(name) ? NaN : 1 + textsOf((value as Record<string, unknown>)[name]);
  }
  return count;
}

/**
 * True for most of what comes: each text between quotes is in the value, so that no member has stood twice and was lost,
 * and there are no more brackets than may be open at once. It says nothing of escapes, which are looked at closely.
 */
function isPlainlyGood(bytes: Buffer, value: unknown, maxDepth: number): boolean {
  let quotes = 0;
  let opened = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) quotes += 1;
    else if (byte === BRACE || byte === BRACKET) opened += 1;
    else if (byte === BACKSLASH) return false;
  }
  return opened <= maxDepth && quotes === 2 * textsOf(value);
}

/**
 * Parses UTF-8 JSON that every parser reads alike (RFC 8259 sections 4 and 8.2): no member twice, no half characters, no
 * deeper than `maxDepth`. Throws for anything else.
 */
export function parseStrictJson(bytes: Buffer, maxDepth = 64): unknown {
  const text = utf8.decode(bytes);
  const value: unknown = JSON.parse(text);
  if (!isPlainlyGood(bytes, value, maxDepth)) refuseAmbiguous(text, maxDepth);
  return value;
}
