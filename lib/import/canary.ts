import type { ImportedRoute } from "./imported";
import { pathsOf, refOf, type OneIngress, type RawPath } from "./ingress-object";
import { nameOf, type ServiceTable } from "./services";

interface Place {
  host: string | undefined;
  path: RawPath;
}

/** Its controller adds a canary to the port of a Service, for all Ingresses of the namespace that lead there. */
function sayOfOthers({ a }: OneIngress, hung: readonly Place[], ingresses: readonly OneIngress[]): void {
  const portOf = ({ path }: Place): string => JSON.stringify(refOf(path.backend));
  const keyOf = ({ host = "", path }: Place): string => `${host} ${path.path ?? "/"}`;
  const [own, ports] = [new Set(hung.map(keyOf)), new Set(hung.map(portOf))];
  const others = ingresses
    .filter((one) => one.a.object.namespace === a.object.namespace)
    .flatMap(pathsOf)
    .filter((place) => ports.has(portOf(place)) && !own.has(keyOf(place)));
  const [first] = others;
  if (!first) return;
  const where = `${keyOf(first).replace(" ", "")}${others.length > 1 ? ` and ${String(others.length - 1)} more` : ""}`;
  a.note(
    "changed",
    "canary",
    `the controller gives it requests of ${where} too, which lead to the same port; here its own paths alone`,
  );
}

/** A canary hangs on the routes of its main Ingress. `formOf`: what a path means on its host. */
export function addCanary(
  one: OneIngress,
  routes: ImportedRoute[],
  services: ServiceTable,
  main: readonly OneIngress[],
  formOf: (host: string, path: RawPath) => { prefixes: string[]; exact?: boolean } | undefined,
): void {
  const { a } = one;
  for (const name of ["canary-by-cookie", "canary-by-header-pattern"]) if (a.text(name) !== undefined) return;
  const hung: Place[] = [];
  for (const { host, path } of pathsOf(one)) {
    const form = formOf(host ?? "", path);
    if (!form) continue;
    const match = form.exact ? { exact: form.prefixes } : { prefix: form.prefixes };
    const found = routes.find(
      (r) =>
        r.hosts.includes(host ?? "") && JSON.stringify(r.match) === JSON.stringify(match) && r.service !== undefined,
    );
    if (!found) {
      a.note("lost", "canary", `there is no main Ingress of ${host ?? "any host"}${path.path ?? "/"} among the files`);
      continue;
    }
    const place = main.flatMap(pathsOf).find((p) => p.host === host && (p.path.path ?? "/") === (path.path ?? "/"));
    if (place) hung.push(place);
    hang(one, path, found, match, routes, services);
  }
  sayOfOthers(one, hung, main);
}

function hang(
  { a }: OneIngress,
  path: RawPath,
  main: ImportedRoute,
  match: ImportedRoute["match"],
  routes: ImportedRoute[],
  services: ServiceTable,
): void {
  const next = services.add(a, refOf(path.backend));
  if (next === undefined) return;
  const header = a.text("canary-by-header")?.toLowerCase();
  const value = a.text("canary-by-header-value");
  const twin = (word: string, service: string, by: string): void => {
    const { backends: _, ...rest } = main;
    routes.push({
      ...rest,
      service,
      name: nameOf(main.name, by),
      match: { ...match, headers: { [header ?? ""]: word } },
    });
  };
  const stable = main.service as string;
  if (header !== undefined && value !== undefined) twin(value, next, "canary");
  else if (header !== undefined) {
    twin("always", next, "canary");
    twin("never", stable, "stable");
  }
  const total = Math.max(100, a.number("canary-weight-total") ?? 100);
  const weight = Math.round((100 * Math.min(total, a.number("canary-weight") ?? 0)) / total);
  if (weight === 0) return;
  delete main.service;
  main.backends = [
    { service: stable, weight: 100 - weight },
    { service: next, weight },
  ];
}
