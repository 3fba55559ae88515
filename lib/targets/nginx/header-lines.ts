import type { HeaderExpression } from "./draft";

export const headers = (name: string, list: readonly HeaderExpression[], suffix = ""): string[] =>
  list.map(([header, value]) => `${name} ${header} ${value}${suffix};`);

/** Later lines win, as nearer policies do. */
export function lastOfEach(list: readonly HeaderExpression[]): HeaderExpression[] {
  return [...new Map(list.map((line) => [line[0].toLowerCase(), line])).values()];
}

export const responseHeaderLines = (list: readonly HeaderExpression[]): string[] =>
  headers("add_header", lastOfEach(list), " always");

export const hideLines = (names: readonly string[]): string[] =>
  [...new Map(names.map((name) => [name.toLowerCase(), name])).values()].map((name) => `proxy_hide_header ${name};`);
