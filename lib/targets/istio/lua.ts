/** Lua 5.1 keywords: no names. */
const KEYWORDS = new Set(
  "and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split(" "),
);

const WIDTH = 140;

/** A plain value as a Lua literal; keys that are no identifiers are quoted, what is undefined is left out. */
export function luaTable(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return luaList(value, indent);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    const inner = entries.map(([key, v]) => {
      const name = /^[A-Za-z_]\w*$/.test(key) && !KEYWORDS.has(key) ? key : `[${luaString(key)}]`;
      return `${name} = ${luaTable(v, `${indent}  `)}`;
    });
    const flat = `{ ${inner.join(", ")} }`;
    if (flat.length + indent.length <= WIDTH && !flat.includes("\n")) return flat;
    return `{\n${inner.map((line) => `${indent}  ${line},\n`).join("")}${indent}}`;
  }
  if (typeof value === "string") return luaString(value);
  return String(value);
}

/** On one line where it fits, else on as few as may be. */
function luaList(values: readonly unknown[], indent: string): string {
  const flat = `{ ${values.map((v) => luaTable(v)).join(", ")} }`;
  if (flat.length + indent.length <= WIDTH && !flat.includes("\n")) return flat;
  const lines: string[] = [];
  for (const item of values.map((v) => luaTable(v, `${indent}  `))) {
    const last = lines.at(-1);
    const joined = last === undefined ? item : `${last}, ${item}`;
    if (last !== undefined && !joined.includes("\n") && joined.length + indent.length + 3 <= WIDTH) lines[lines.length - 1] = joined;
    else lines.push(item);
  }
  return `{\n${lines.map((line) => `${indent}  ${line},\n`).join("")}${indent}}`;
}

function luaString(text: string): string {
  const escaped = text.replace(/[^\x20-\x7e]|["\\]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, "0")}`);
  return `"${escaped}"`;
}
