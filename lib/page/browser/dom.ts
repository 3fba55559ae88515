/** Elements, made in one expression. Whatever a model says is text, never markup. */

type Child = Node | string;

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export const row = (cells: readonly Child[], head = false): HTMLTableRowElement =>
  make("tr", {}, ...cells.map((cell) => make(head ? "th" : "td", head ? { scope: "col" } : {}, cell)));

export function table(caption: string, head: readonly string[], rows: readonly HTMLTableRowElement[]): HTMLElement {
  const body = make("tbody", {}, ...rows);
  const whole = make("table", {}, make("caption", {}, caption), make("thead", {}, row(head, true)), body);
  // What is wider than the window is scrolled by keyboard as well.
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

/** A place, in its colour and by its name, and what is to be known of it. */
export const placeCell = (place: string, notes: readonly string[] = []): HTMLElement =>
  make("span", {}, make("span", { class: `place ${place}` }, place), ...notes.map((note) => ` ${note}`));

/** The one element of the page's own frame with that id. */
export function byId<E extends HTMLElement>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${id}.`);
  return found;
}
