/** What a parser may read differently from another: a member that stands twice in one object (RFC 8259 section 4). */
export class AmbiguousJson extends Error {}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One pass over text that is JSON already: the names of each open object, as they come. */
function refuseRepeatedNames(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  const strings = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;
  for (let match = strings.exec(text); match; match = strings.exec(text)) {
    const [token] = match;
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (isName(text, strings.lastIndex)) {
      const names = open.at(-1);
      const name = token.includes("\\") ? (JSON.parse(token) as string) : token.slice(1, -1);
      if (names?.has(name)) throw new AmbiguousJson(`"${name}" stands twice`);
      names?.add(name);
    }
  }
}

function isName(text: string, from: number): boolean {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text[at] === ":";
}

/** Parses UTF-8 JSON that every parser reads alike; throws for anything else. */
export function parseStrictJson(bytes: Buffer): unknown {
  const text = utf8.decode(bytes);
  const value: unknown = JSON.parse(text);
  refuseRepeatedNames(text);
  return value;
}
