/** Lua 5.1 keywords: no names. */
const KEYWORDS = new Set(
  "and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split(" "),
);

/** A plain value as a Lua literal; keys that are no identifiers are quoted, what is undefined is left out. */
export function luaTable(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return `{ ${value.map((v) => luaTable(v)).join(", ")} }`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    const inner = entries.map(([key, v]) => {
      const name = /^[A-Za-z_]\w*$/.test(key) && !KEYWORDS.has(key) ? key : `[${luaString(key)}]`;
      return `${name} = ${luaTable(v, `${indent}  `)}`;
    });
    const flat = `{ ${inner.join(", ")} }`;
    if (flat.length + indent.length <= 140 && !flat.includes("\n")) return flat;
    return `{\n${inner.map((line) => `${indent}  ${line},\n`).join("")}${indent}}`;
  }
  if (typeof value === "string") return luaString(value);
  return String(value);
}

function luaString(text: string): string {
  const escaped = text.replace(/[^\x20-\x7e]|["\\]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, "0")}`);
  return `"${escaped}"`;
}
