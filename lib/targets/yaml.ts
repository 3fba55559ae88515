import { DEFAULT_SCALAR_STYLE_RULES, dump, SCALAR_STYLE, type ScalarStyleRule } from "js-yaml";

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

/**
 * Objects as one stream of YAML documents. What YAML 1.1 or 1.2 would read as something else than a text is quoted: Kubernetes'
 * reader knows words and numbers of both. A value that stands twice is written twice: an anchor is no help to a reader.
 */
export const toYaml = (...documents: readonly unknown[]): string =>
  documents.map((d) => dump(d, { lineWidth: -1, noRefs: true, quoteStyle: "double", scalarStyleRules })).join("---\n");
