import { createHash } from "node:crypto";
import {
  COLLECTION_STYLE,
  DEFAULT_SCALAR_STYLE_RULES,
  dump,
  SCALAR_STYLE,
  type Document,
  type Node,
  type ScalarStyleRule,
} from "js-yaml";

/** JSON and other programs' texts stand between single quotes, in which nothing is escaped. */
const singleQuotes: ScalarStyleRule = (layout) => {
  const allowed = (layout.allowedStylesMask & (1 << SCALAR_STYLE.SINGLE_QUOTED)) !== 0;
  const { value } = layout.node;
  if (allowed && layout.style === SCALAR_STYLE.DOUBLE_QUOTED && value.includes('"') && !value.includes("'"))
    layout.style = SCALAR_STYLE.SINGLE_QUOTED;
};

/** A number that is too large for js-yaml is a text to it; other readers say that it is infinite. */
const hugeNumbers: ScalarStyleRule = (layout) => {
  const { tag, value } = layout.node;
  if (tag.endsWith(":str") && layout.style === SCALAR_STYLE.PLAIN && /^[-+.\d][\d._]*e[-+]?\d+$/i.test(value))
    layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};
const scalarStyleRules = [hugeNumbers, ...Object.values(DEFAULT_SCALAR_STYLE_RULES), singleQuotes];

const STYLE = {
  lineWidth: -1,
  noRefs: true,
  flowBracketPadding: true,
  quoteStyle: "double",
  scalarStyleRules,
} as const;

const LINE = 100;

/** What some reader takes for the end of a text, or the start of something else, where it stands between braces. */
const ENDS_INSIDE = /[\n[\]{},#?]/;

/** Characters that a value takes in one line; more than any line where it cannot stand in one. */
function width(node: Node): number {
  if (node.kind === "mapping")
    return node.items.reduce((sum, { key, value }) => sum + width(key) + width(value) + 4, 4);
  if (node.kind === "sequence") return node.items.reduce((sum, item) => sum + width(item) + 2, 2);
  return node.kind === "scalar" && !ENDS_INSIDE.test(node.value) ? node.value.length : LINE;
}

const isCollection = ({ kind }: Node): boolean => kind === "mapping" || kind === "sequence";

/** What has several levels and fits into a line, or is a small mapping in a list (a match, a port), stands in one, as people write it. */
function oneLine(node: Node | null, listed = false): void {
  if (node?.kind !== "mapping" && node?.kind !== "sequence") return;
  const inside = node.kind === "mapping" ? node.items.map(({ value }) => value) : node.items;
  if (node.kind === "mapping" && width(node) <= LINE && (listed || inside.some(isCollection)))
    node.style = COLLECTION_STYLE.FLOW;
  else for (const value of inside) oneLine(value, node.kind === "sequence");
}

/** js-yaml's regular expressions raise an error at texts of a megabyte; as JSON writes them they are YAML as well. */
const LONGEST_TEXT = 512 * 1024;

const WORD = /gatewright-text-[0-9a-f]{64}/g;

/** As JSON has it, without characters that YAML does not take, or reads otherwise. */
const doubleQuoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Puts a word in the place of each text that is too long, and gives what stands for it. */
function shortened(node: Node | null, found: Map<string, string>): void {
  if (node?.kind === "mapping") for (const { value } of node.items) shortened(value, found);
  else if (node?.kind === "sequence") for (const item of node.items) shortened(item, found);
  else if (node?.kind === "scalar" && node.value.length > LONGEST_TEXT) {
    const word = `gatewright-text-${createHash("sha256").update(node.value).digest("hex")}`;
    found.set(word, doubleQuoted(node.value));
    node.value = word;
  }
}

function print(value: unknown): string {
  const long = new Map<string, string>();
  const transform = (documents: Document[]): void => {
    for (const { contents } of documents) {
      shortened(contents, long);
      oneLine(contents);
    }
  };
  const text = dump(value, { ...STYLE, transform });
  return long.size === 0 ? text : text.replace(WORD, (word) => long.get(word) ?? word);
}

/**
 * Objects as one stream of YAML documents. What YAML 1.1 or 1.2 would read as something else than a text is quoted: Kubernetes'
 * reader knows words and numbers of both. A value that stands twice is written twice: an anchor is no help to a reader.
 */
export const toYaml = (...documents: readonly unknown[]): string => documents.map(print).join("---\n");
