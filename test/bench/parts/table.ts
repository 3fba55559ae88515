/** A table in Markdown, its columns aligned for those who read it as text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, i) => (cells[i] ?? "").padEnd(width)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

export const print = (...paragraphs: readonly string[]): void => {
  process.stdout.write(`${paragraphs.join("\n\n")}\n\n`);
};

/** Where a long run is, apart from its results. */
export const progress = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

/** What must hold, with what was seen. */
export interface Target {
  text: string;
  seen: string;
  met: boolean;
}

export function targetList(targets: readonly Target[]): string {
  return targets.map((t) => `- ${t.met ? "met" : "MISSED"}: ${t.text} (${t.seen})`).join("\n");
}

/** A target that is a largest number. */
export function atMost(text: string, seen: number, limit: number): Target {
  return { text: `${text} <= ${String(limit)}`, seen: seen.toFixed(3), met: seen <= limit };
}
