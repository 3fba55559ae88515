import { isInexact, type Inexact } from "./exact-decimals";

/** What one parser may read differently from another, or what would take too long to read. */
export class AmbiguousJson extends Error {}

export interface JsonBounds {
  /** Objects and arrays that may be open at once; 64 by default. */
  maxDepth?: number;
  /** Members, items and brackets of the whole text; 100,000 by default. */
  maxTokens?: number;
  /** Escapes in texts; 500,000 by default. */
  maxEscapes?: number;
  /** Whether members of one object may differ in nothing but case: many readers do not tell them apart. */
  caseMatters?: boolean;
  /** Takes the numbers, as they are read, that were written as others. */
  inexact?: Inexact;
  /** Names that the reader looks for: the same name in another case is no other name. */
  knownNames?: ReadonlySet<string>;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Members that some languages take for the parts of an object itself. */
const TRAPS = new Set(["__proto__", "constructor", "prototype"]);

const NUMBER = /-?\d[\d.eE+-]*/y;
const [MINUS, ZERO, NINE] = [0x2d, 0x30, 0x39];
const [QUOTE, BACKSLASH, COLON, COMMA, LETTER_U] = [0x22, 0x5c, 0x3a, 0x2c, 0x75];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** As readers that pass over case compare: the Kelvin sign is a k to them, and a long s an s. */
export const foldCase = (name: string): string =>
  /^[a-z0-9_-]*$/.test(name) ? name : name.toUpperCase().toLowerCase();

/** Halves of a character alone, and the character that ends a text in C. */
function isPlain(text: string): boolean {
  return !text.includes("\0") && (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** The end of a text that begins behind its first quote: the place of its last one. */
function endOf(text: string, from: number): number {
  for (let at = from; ;) {
    const end = text.indexOf('"', at);
    if (end < 0) throw new SyntaxError("A text has no end.");
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH && end - slashes > from) slashes += 1;
    if (slashes % 2 === 0) return end;
    at = end + 1;
  }
}

/** What is compared digit by digit is short enough for that, and is not written in many ways. */
const MOST_DIGITS = 400;
const MOST_WAYS = 8;

function noteNumber(inexact: Inexact, number: string): void {
  if (number.length > MOST_DIGITS) throw new AmbiguousJson("A number is too long.");
  if (!isInexact(number)) return;
  const value = Number(number);
  const ways = inexact.get(value) ?? new Set();
  ways.add(number);
  if (ways.size > MOST_WAYS) throw new AmbiguousJson("A number is written in too many ways.");
  inexact.set(value, ways);
}

/** One pass over text that may be anything: it ends at the first bound that is met, before anybody has parsed it. */
function scan(text: string, bounds: JsonBounds): void {
  const { maxDepth = 64, maxTokens = 100_000, maxEscapes = 500_000, caseMatters = false, knownNames, inexact } = bounds;
  /** Names of each open object so far; nothing for an array. */
  const open: (Set<string> | undefined)[] = [];
  let tokens = 0;
  let escapes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const from = at + 1;
      at = endOf(text, from);
      let next = at + 1;
      while (text.charCodeAt(next) <= 0x20) next += 1;
      const isName = text.charCodeAt(next) === COLON;
      const raw = text.slice(from, at);
      let hex = false;
      for (let slash = raw.indexOf("\\"); slash >= 0; slash = raw.indexOf("\\", slash + 2)) {
        hex ||= raw.charCodeAt(slash + 1) === LETTER_U;
        escapes += 1;
        if (escapes > maxEscapes) throw new AmbiguousJson("It has too many escapes.");
      }
      // UTF-8 itself has no half characters, and a text no bare NUL: only escapes have.
      const value = hex || (isName && raw.includes("\\")) ? (JSON.parse(`"${raw}"`) as string) : raw;
      if (hex && !isPlain(value)) throw new AmbiguousJson("A text has a character that not every reader takes.");
      if (isName) note(open.at(-1), value, caseMatters, knownNames);
    } else if (inexact && (code === MINUS || (code >= ZERO && code <= NINE))) {
      NUMBER.lastIndex = at;
      const [number = " "] = NUMBER.exec(text) ?? [];
      at += number.length - 1;
      noteNumber(inexact, number);
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      tokens += 1;
      open.push(code === OPEN_BRACE ? new Set() : undefined);
      if (open.length > maxDepth) throw new AmbiguousJson("It is too deep.");
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      open.pop();
    } else if (code === COMMA) {
      tokens += 1;
    }
    if (tokens > maxTokens) throw new AmbiguousJson("It has too many members.");
  }
}

const folded = new WeakMap<ReadonlySet<string>, ReadonlySet<string>>();

function foldedOf(names: ReadonlySet<string>): ReadonlySet<string> {
  let found = folded.get(names);
  if (!found) {
    found = new Set([...names].map(foldCase));
    folded.set(names, found);
  }
  return found;
}

function note(
  names: Set<string> | undefined,
  name: string,
  caseMatters: boolean,
  known: JsonBounds["knownNames"],
): void {
  if (TRAPS.has(name)) throw new AmbiguousJson(`"${name}" is no name for a member.`);
  const key = caseMatters ? name : foldCase(name);
  if (names?.has(key)) throw new AmbiguousJson(`"${name}" stands twice${key === name ? "" : ", but for case"}.`);
  names?.add(key);
  if (known && !known.has(name) && foldedOf(known).has(key)) {
    throw new AmbiguousJson(`"${name}" is a name in another case.`);
  }
}

/**
 * Parses UTF-8 JSON that every parser reads alike (RFC 8259 sections 4 and 8.2): no member twice, no half characters, within
 * its bounds, which are looked at first. Throws `AmbiguousJson`, or a `SyntaxError` or `TypeError` for what is no JSON.
 */
export function parseStrictJson(bytes: Buffer, bounds: JsonBounds = {}): unknown {
  const text = utf8.decode(bytes);
  scan(text, bounds);
  return JSON.parse(text);
}
