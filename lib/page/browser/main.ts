import type { Explanation } from "../../explain/explanation";
import { unpack, type PackedSystem } from "../packed";
import { ask, hasHost, Unreadable } from "./ask";
import { exampleOf } from "./example";
import { byId, make, placeCell, row, table } from "./dom";
import { routeList } from "./routes";

/** The page: systems and their routes, and a request that can be tried. */

const packed = JSON.parse(byId("systems", HTMLScriptElement).text) as PackedSystem[];
/** Unpacked when they are looked at: there may be many. */
const read = new Map<PackedSystem, ReturnType<typeof unpack>>();

function systemOf(one: PackedSystem): ReturnType<typeof unpack> {
  const known = read.get(one) ?? unpack(one);
  read.set(one, known);
  return known;
}

const chosen = byId("system", HTMLSelectElement);
const words = byId("words", HTMLInputElement);
const routes = byId("routes", HTMLElement);
const count = byId("count", HTMLElement);
const form = byId("ask", HTMLFormElement);
const url = byId("url", HTMLInputElement);
const method = byId("method", HTMLSelectElement);
const headers = byId("headers", HTMLTextAreaElement);
const identity = byId("identity", HTMLSelectElement);
const claims = byId("claims", HTMLTextAreaElement);
const verdict = byId("verdict", HTMLElement);

const current = (): PackedSystem => packed[chosen.selectedIndex] as PackedSystem;

let list: ReturnType<typeof routeList> | undefined;

function drawRoutes(): void {
  const found = list?.draw(routes, words.value) ?? 0;
  count.textContent = `${String(found)} ${found === 1 ? "route" : "routes"}`;
}

function fill(example: ReturnType<typeof exampleOf>): void {
  method.value = example.method;
  url.value = example.url;
  headers.value = example.headers;
}

function ready(example: ReturnType<typeof exampleOf>): void {
  fill(example);
  verdict.replaceChildren();
  url.focus();
  form.scrollIntoView();
}

function draw(): void {
  const one = current();
  list = routeList(systemOf(one), ready);
  drawRoutes();
  const names = Object.keys(one.identities);
  identity.replaceChildren(make("option", {}, "nobody"), ...names.map((name) => make("option", {}, name)));
  claims.value = "";
  verdict.replaceChildren();
  const host = systemOf(one).gateway.hosts.find((h) => h.routes.length > 0);
  const [route] = host?.routes ?? [];
  if (host && route) fill(exampleOf(host, route));
}

function show({ route, steps, outcome, notes }: Explanation): void {
  const targets = systemOf(current()).plans.map((p) => p.target);
  const rows = steps.map(({ phase, promise, verdict: word, places }) => {
    const cells = targets.map((target) => {
      const place = places[target] ?? "-";
      return place === "-" ? place : placeCell(place);
    });
    const shown = row([String(phase), promise, word, ...cells]);
    if (/^\d/.test(word)) shown.classList.add("refuses");
    else if (word.startsWith("not asked")) shown.classList.add("idle");
    return shown;
  });
  verdict.replaceChildren(
    make("p", { class: "outcome" }, outcome.replaceAll(/\n +/g, "\n")),
    make("p", {}, route === undefined ? "No route fits." : `Route: ${route}`),
    ...notes.map((note) => make("p", { class: "note" }, note)),
    table("What each phase says, and where it is said", ["phase", "promise", "verdict", ...targets], rows),
  );
}

async function judge(): Promise<void> {
  const typed = new FormData(form);
  const text = (name: string): string => {
    const value = typed.get(name);
    return typeof value === "string" ? value : "";
  };
  try {
    const system = systemOf(current());
    const meant = { method: text("method"), headers: text("headers"), client: text("client"), claims: text("claims") };
    show(await ask(system, { url: url.value, ...meant }));
    const { hostname } = URL.canParse(url.value) ? new URL(url.value) : { hostname: "" };
    const other = hasHost(system, hostname) ? undefined : packed.find((one) => hasHost(systemOf(one), hostname));
    if (other) verdict.append(make("p", { class: "note" }, `${other.system}, ${other.environment} has this host.`));
  } catch (error) {
    const known = error instanceof Unreadable;
    const said = known ? error.message : `This is a bug in Gatewright: ${String(error)}`;
    verdict.replaceChildren(make("p", { class: "outcome" }, said));
    if (!known) throw error;
  }
}

for (const { system, environment } of packed) chosen.append(make("option", {}, `${system}, ${environment}`));
chosen.addEventListener("change", draw);
words.addEventListener("input", drawRoutes);
identity.addEventListener("change", () => {
  const named = Object.values(current().identities)[identity.selectedIndex - 1];
  claims.value = named ? JSON.stringify(named.claims, null, 2) : "";
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void judge();
});
draw();
