import { kindNamed, PHASES } from "../../policy";
import type { Host, Route } from "../../decision/gateway";
import { pathTexts, toOf, whoOf } from "../../explain/who";
import { costsOf, type RouteCost } from "../../plan/costs";
import { placeNotes } from "../../plan/matrix";
import { placementsOf } from "../../plan/placement";
import type { PageSystem } from "../packed";
import { exampleOf } from "./example";
import { make, placeCell, row, table } from "./dom";

/** Hosts, their routes, and where each promise is kept. */

/** Takes a request over, to be tried. */
type OnAsk = (example: ReturnType<typeof exampleOf>) => void;

interface Shown {
  host: Host;
  route: Route;
  paths: string[];
  who: string;
  to: string;
  /** All of it in small letters, to be found by. */
  text: string;
}

const shownOf = (system: PageSystem): Shown[] =>
  system.gateway.hosts.flatMap((host) =>
    host.routes.map((route) => {
      const what = { paths: pathTexts(route), who: whoOf(route), to: toOf(route) };
      const words = [host.name, route.name, route.match.methods?.join(" ") ?? "any", ...what.paths, what.who, what.to];
      return { host, route, ...what, text: words.join(" ").toLowerCase() };
    }),
  );

/** Promises of a host, or of one of its routes, by phase, and their places by target. */
function promises({ plans }: PageSystem, host: string, route = ""): HTMLElement {
  const all = plans.map((plan) => new Map(placementsOf(plan, host, route).map((p) => [p.kind, p])));
  const kinds = [...new Set(all.flatMap((own) => [...own.keys()]))].sort(
    (a, b) => PHASES[kindNamed(a).phase] - PHASES[kindNamed(b).phase],
  );
  const rows = kinds.map((kind) => {
    const cells = all.map((own, i) => {
      const placement = own.get(kind);
      const plan = plans[i];
      return placement && plan ? placeCell(placement.place, placeNotes(plan, placement)) : "-";
    });
    return row([String(PHASES[kindNamed(kind).phase]), kind, ...cells]);
  });
  const caption = route === "" ? `Promises of ${host}` : `Promises of ${route}`;
  return table(caption, ["phase", "promise", ...plans.map((p) => p.target)], rows);
}

function details(system: PageSystem, { host, route }: Shown, cost: RouteCost | undefined, onAsk: OnAsk): Node[] {
  const targets = system.plans.map((p) => p.target);
  const costs = table("Beside the proxy itself", targets, [row(targets.map((target) => cost?.cells[target] ?? "-"))]);
  const button = make("button", { type: "button" }, "Try a request here");
  button.addEventListener("click", () => {
    onAsk(exampleOf(host, route));
  });
  return [promises(system, host.name, route.name), promises(system, host.name), costs, button];
}

/** How many routes are drawn at once; a model may have ten thousand. */
const SHOWN = 200;

/** Draws what fits the words into an element; gives how many routes do. */
export function routeList(system: PageSystem, onAsk: OnAsk): { draw(into: HTMLElement, words: string): number } {
  const all = shownOf(system);
  const costs = new Map(costsOf(system.gateway, system.plans).map((c) => [`${c.host} ${c.route}`, c]));
  const item = (shown: Shown): HTMLElement => {
    const { host, route, paths, who, to } = shown;
    const methods = route.match.methods?.join(" ") ?? "any";
    const summary = make(
      "summary",
      {},
      make("span", { class: "methods" }, methods),
      make("span", { class: "paths" }, paths.join(", ")),
      make("span", { class: "who" }, who),
      make("span", { class: "to" }, `${route.name} → ${to}`),
    );
    const element = make("details", {}, summary);
    element.addEventListener("toggle", () => {
      if (element.open && element.childElementCount === 1)
        element.append(...details(system, shown, costs.get(`${host.name} ${route.name}`), onAsk));
    });
    return element;
  };
  const draw = (into: HTMLElement, words: string): number => {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter(({ text }) => wanted.every((word) => text.includes(word)));
    const drawFrom = (from: number): void => {
      for (const shown of found.slice(from, from + SHOWN)) {
        const id = `host-${String(system.gateway.hosts.indexOf(shown.host))}`;
        let section = into.querySelector(`#${id}`);
        if (!section) {
          section = make("section", { id }, make("h3", {}, shown.host.name));
          into.append(section);
        }
        section.append(item(shown));
      }
      const left = found.length - from - SHOWN;
      if (left <= 0) return;
      const more = make("button", { type: "button", class: "more" }, `${String(left)} more`);
      more.addEventListener("click", () => {
        const drawn = into.querySelectorAll("summary").length;
        more.remove();
        drawFrom(from + SHOWN);
        // Whoever goes on by keyboard goes on with the first of them.
        into.querySelectorAll("summary")[drawn]?.focus();
      });
      into.append(more);
    };
    into.replaceChildren();
    drawFrom(0);
    return found.length;
  };
  return { draw };
}
