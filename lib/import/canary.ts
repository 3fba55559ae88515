import type { ImportedRoute } from "./imported";
import { pathsOf, refOf, type OneIngress } from "./ingress-object";
import { trimmed } from "./paths";
import { nameOf, type ServiceTable } from "./services";

/** A canary hangs on the routes of its main Ingress. */
export function addCanary(one: OneIngress, routes: ImportedRoute[], services: ServiceTable): void {
  const { a } = one;
  for (const name of ["canary-by-cookie", "canary-by-header-pattern"]) if (a.text(name) !== undefined) return;
  for (const { host, path } of pathsOf(one)) {
    const match = path.pathType === "Exact" ? { exact: [path.path ?? "/"] } : { prefix: [trimmed(path.path ?? "/")] };
    const main = routes.find(
      (r) =>
        r.hosts.includes(host ?? "") && JSON.stringify(r.match) === JSON.stringify(match) && r.service !== undefined,
    );
    if (!main) {
      a.note("lost", "canary", `there is no main Ingress of ${host ?? "any host"}${path.path ?? "/"} among the files`);
      continue;
    }
    const next = services.add(a, refOf(path.backend));
    if (next === undefined) continue;
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
    if (routes.some((r) => r.service === stable && r.comment !== main.comment))
      a.note(
        "changed",
        "canary",
        `the controller takes from every Ingress that leads to ${stable}; here from this path alone`,
      );
    if (header !== undefined && value !== undefined) twin(value, next, "canary");
    else if (header !== undefined) {
      twin("always", next, "canary");
      twin("never", stable, "stable");
    }
    const total = Math.max(100, a.number("canary-weight-total") ?? 100);
    const weight = Math.round((100 * Math.min(total, a.number("canary-weight") ?? 0)) / total);
    if (weight === 0) continue;
    delete main.service;
    main.backends = [
      { service: stable, weight: 100 - weight },
      { service: next, weight },
    ];
  }
}
