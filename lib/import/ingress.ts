import { nearest } from "../model/problems";
import { NOT_TAKEN, TAKEN } from "./annotations";
import { Annotated } from "./annotated";
import { cors, limitsOf, rateLimit, routePolicies, type Policies } from "./ingress-policies";
import type { Note } from "./notes";
import type { KubernetesObject } from "./objects";
import { isPlainPath, regexForm, trimmed, type PathForm } from "./paths";
import { nameOf, ServiceTable, type BackendRef, type ImportedService } from "./services";

/** Ingresses of ingress-nginx, as a model: hosts, services, routes, and what there is to say of what became of them. */

interface IngressSpec {
  ingressClassName?: string;
  tls?: { hosts?: string[]; secretName?: string }[];
  defaultBackend?: RawBackend;
  backend?: RawBackend;
  rules?: { host?: string; http?: { paths?: RawPath[] } | null }[];
}

/** Of networking.k8s.io/v1, or of its betas. */
interface RawBackend {
  service?: BackendRef;
  serviceName?: string;
  servicePort?: number | string;
}

interface RawPath {
  path?: string;
  pathType?: string;
  backend: RawBackend;
}

export interface ImportedRoute {
  name: string;
  hosts: string[];
  match: { exact?: string[]; prefix?: string[]; headers?: Record<string, string> };
  service?: string;
  backends?: { service: string; weight: number }[];
  redirect?: Record<string, unknown>;
  respond?: { status: number };
  policies?: Policies;
  /** Of the Ingress that it is from. */
  comment: string;
}

export interface Imported {
  hosts: Map<string, { certificate?: { secret: string }; policies?: Policies }>;
  services: ReadonlyMap<string, ImportedService>;
  routes: ImportedRoute[];
  notes: Note[];
}

interface OneIngress {
  a: Annotated;
  spec: IngressSpec;
  isCanary: boolean;
}

const refOf = ({ service, serviceName, servicePort }: RawBackend): BackendRef =>
  serviceName === undefined
    ? (service ?? {})
    : {
        name: serviceName,
        port: typeof servicePort === "number" ? { number: servicePort } : { name: servicePort ?? "" },
      };

const pathsOf = ({ spec }: OneIngress): { host: string | undefined; path: RawPath }[] =>
  (spec.rules ?? []).flatMap(({ host, http }) => (http?.paths ?? []).map((path) => ({ host, path })));

const hostsOf = ({ a, spec }: OneIngress): string[] => [
  ...new Set([...(spec.rules ?? []).flatMap(({ host }) => host ?? []), ...(a.list("server-alias") ?? [])]),
];

/** An Ingress that turns its whole host's paths into regular expressions. */
const makesRegex = (one: OneIngress): boolean => {
  const target = one.a.text("rewrite-target");
  return (
    one.a.flag("use-regex", false) ||
    (target !== undefined && pathsOf(one).some(({ path }) => (path.path ?? "/") !== target))
  );
};

class Importer {
  readonly notes: Note[] = [];
  readonly hosts: Imported["hosts"] = new Map();
  readonly routes: ImportedRoute[] = [];
  readonly #services: ServiceTable;
  readonly #ingresses: OneIngress[];
  readonly #regexHosts: ReadonlySet<string>;

  constructor(
    objects: readonly KubernetesObject[],
    private readonly className: string,
  ) {
    this.#services = new ServiceTable(objects);
    this.#ingresses = objects
      .filter((o) => o.kind === "Ingress")
      .map((object) => {
        const a = new Annotated(object, this.notes);
        return { a, spec: (object.body["spec"] ?? {}) as IngressSpec, isCanary: a.flag("canary", false) };
      })
      .filter((one) => this.#isOurs(one));
    const regex = this.#ingresses.filter((one) => !one.isCanary && makesRegex(one));
    this.#regexHosts = new Set(regex.flatMap(hostsOf));
  }

  run(): Imported {
    for (const one of this.#ingresses) this.#say(one);
    const main = this.#ingresses.filter(({ isCanary }) => !isCanary);
    for (const one of main) this.#begin(one);
    for (const [host] of this.hosts) this.#hostPolicies(host, main);
    for (const one of main) this.#add(one);
    for (const one of this.#ingresses.filter(({ isCanary }) => isCanary)) this.#canary(one);
    const { notes, hosts, routes } = this;
    return { notes, hosts, routes: named(joined(routes)), services: this.#services.services };
  }

  #isOurs({ a, spec }: OneIngress): boolean {
    const own = spec.ingressClassName ?? a.object.annotations["kubernetes.io/ingress.class"];
    if (own === undefined || own === this.className) return true;
    a.note(
      "changed",
      "ingressClassName",
      `class "${own}" is another controller's: the Ingress is left out (--class ${own} takes it)`,
    );
    return false;
  }

  /** What is not taken of its annotations, and what never did anything. */
  #say({ a }: OneIngress): void {
    for (const name of a.names) {
      if (TAKEN.has(name) || (NOT_TAKEN.has(name) && a.text(name) === undefined)) continue;
      const known = NOT_TAKEN.get(name);
      const off = /^(false|off|0)$/i.test(a.text(name) ?? "");
      if (known && known.loss !== "unseen" && !off)
        a.note(
          "lost",
          name,
          known.loss === "opens" ? `${known.why}; its routes answer 503 until you write who may` : known.why,
        );
      else if (known) a.note("idle", name, known.why);
      else {
        const meant = nearest(name, [...TAKEN, ...NOT_TAKEN.keys()]);
        a.note(
          "idle",
          name,
          `the controller knows no such annotation${meant === undefined ? "" : ` (it knows ${meant})`}`,
        );
      }
    }
  }

  /** Whether something is missing without which somebody would get in. */
  #isClosed({ a }: OneIngress): boolean {
    return a.names.some(
      (name) => NOT_TAKEN.get(name)?.loss === "opens" && !/^(false|off|0)?$/i.test(a.text(name) ?? ""),
    );
  }

  #begin(one: OneIngress): void {
    for (const host of hostsOf(one)) {
      if (host.startsWith("*.") || host.startsWith("~"))
        one.a.note("lost", "host", `"${host}": name the hosts, or write it with their tenants (hosts.<host>.tenants)`);
      else if (!this.hosts.has(host)) this.hosts.set(host, {});
    }
    if ((one.spec.rules ?? []).some(({ host, http }) => host === undefined && http))
      one.a.note("lost", "host", "a rule without a host is for any name: hosts are named here");
    if (!one.spec.rules && (one.spec.defaultBackend ?? one.spec.backend))
      one.a.note("lost", "defaultBackend", "a default backend alone is for any name: hosts are named here");
  }

  #hostPolicies(host: string, main: readonly OneIngress[]): void {
    const own = main.filter((one) => hostsOf(one).includes(host));
    const entry = this.hosts.get(host) ?? {};
    const tls = own
      .flatMap(({ spec }) => spec.tls ?? [])
      .find(({ hosts }) =>
        hosts?.some((name) => name === host || (name.startsWith("*.") && host.endsWith(name.slice(1)))),
      );
    if (tls?.secretName !== undefined) entry.certificate = { secret: tls.secretName };
    const policies: Policies = {};
    const redirects = own.map(({ a }) => (tls && a.flag("ssl-redirect", true)) || a.flag("force-ssl-redirect", false));
    if (new Set(redirects).size > 1)
      own[0]?.a.note(
        "changed",
        "ssl-redirect",
        `the Ingresses of ${host} differ in it: the host redirects to https whole`,
      );
    if (!redirects.some(Boolean)) Object.assign(policies, { httpsRedirect: null, securityHeaders: { hsts: null } });
    const answers = own.map(({ a }) => ({ a, cors: cors(a) }));
    const [first] = answers.filter((x) => x.cors);
    if (first?.cors) {
      policies["cors"] = first.cors;
      if (answers.some((x) => JSON.stringify(x.cors) !== JSON.stringify(first.cors)))
        first.a.note(
          "changed",
          "enable-cors",
          `it holds for the whole of ${host}, for paths of its other Ingresses too`,
        );
    }
    const [only] = own;
    const limits = own.length === 1 && only ? limitsOf(only.a) : [];
    if (limits.length === 1 && hostsOf(only as OneIngress).length === 1) policies["floodGuard"] = limits[0];
    if (Object.keys(policies).length > 0) entry.policies = policies;
    this.hosts.set(host, entry);
  }

  #add(one: OneIngress): void {
    const { a } = one;
    const common = routePolicies(a);
    for (const host of hostsOf(one).filter((h) => this.hosts.has(h))) {
      const aliased = (a.list("server-alias") ?? []).includes(host);
      const [firstHost] = hostsOf(one);
      const guarded = "floodGuard" in (this.hosts.get(host)?.policies ?? {});
      const policies = { ...common, ...(!guarded && rateLimit(a)) };
      const mine = pathsOf(one).filter((p) => p.host === host || (aliased && p.host === firstHost));
      this.#appRoot(one, host);
      this.#www(one, host);
      for (const { path } of mine) this.#path(one, host, path, policies);
      const fallback = one.spec.defaultBackend ?? one.spec.backend;
      if (fallback && !mine.some(({ path }) => (path.path ?? "/") === "/"))
        this.#path(one, host, { path: "/", pathType: "Prefix", backend: fallback }, policies);
    }
  }

  /** The prefixes of a path, whose form depends on whether its host has regular expressions. */
  #form(
    { a }: OneIngress,
    host: string,
    { path = "/", pathType }: RawPath,
  ): (PathForm & { exact?: boolean }) | undefined {
    const target = a.text("rewrite-target");
    const exact = pathType === "Exact";
    const rewrites = target !== undefined && target !== path;
    if (!this.#regexHosts.has(host)) {
      if (!isPlainPath(path)) a.note("lost", "path", `"${path}" is no path that every proxy reads alike`);
      else return exact ? { prefixes: [path], exact } : { prefixes: [trimmed(path)] };
      return undefined;
    }
    const form = regexForm(path, rewrites ? target : undefined);
    if (!form) {
      const what =
        rewrites && isPlainPath(path)
          ? `everything below "${path}" goes to the one path "${target}"`
          : `"${path}" with ${target ?? "no target"} is no prefix`;
      a.note("lost", rewrites ? "rewrite-target" : "use-regex", what);
      return undefined;
    }
    if (form.note !== undefined)
      a.note("changed", rewrites ? "rewrite-target" : "use-regex", `"${path}": ${form.note}`);
    if (exact)
      a.note(
        "changed",
        "use-regex",
        `"${path}" is Exact, and meant everything below it on this host: it is a prefix here`,
      );
    return form;
  }

  #path(one: OneIngress, host: string, raw: RawPath, policies: Policies): void {
    const { a } = one;
    const form = this.#form(one, host, raw);
    const redirect = this.#redirect(one);
    const service = redirect || this.#isClosed(one) ? undefined : this.#services.add(a, refOf(raw.backend));
    if (!form || (!redirect && !this.#isClosed(one) && service === undefined)) return;
    for (const prefix of form.prefixes) {
      const vhost = a.text("upstream-vhost");
      const isName = vhost !== undefined && /^[a-z0-9.-]+$/i.test(vhost);
      if (vhost !== undefined && !isName) a.note("lost", "upstream-vhost", `"${vhost}" is no host name`);
      const rewrite = {
        ...(form.replacement !== undefined && { prefix, replacement: form.replacement }),
        ...(isName && { host: vhost }),
      };
      const forwarded = form.replacement === undefined ? undefined : a.text("x-forwarded-prefix");
      const own = {
        ...policies,
        ...(Object.keys(rewrite).length > 0 && { rewrite }),
        ...(forwarded !== undefined && { requestHeaders: { set: { "x-forwarded-prefix": forwarded } } }),
      };
      this.routes.push({
        name: nameOf(a.object.namespace, a.object.name),
        hosts: [host],
        match: form.exact ? { exact: [prefix] } : { prefix: [prefix] },
        ...(redirect ? { redirect } : service === undefined ? { respond: { status: 503 } } : { service }),
        ...(service !== undefined && Object.keys(own).length > 0 && { policies: own }),
        comment: commentOf(one),
      });
    }
  }

  #redirect({ a }: OneIngress): Record<string, unknown> | undefined {
    const temporal = a.text("temporal-redirect");
    const name = temporal === undefined ? "permanent-redirect" : "temporal-redirect";
    const target = temporal ?? a.text("permanent-redirect");
    if (target === undefined) return undefined;
    const code = a.number(`${name}-code`);
    const known = temporal === undefined ? [301, 302, 303, 307, 308] : [301, 302, 303, 307];
    const status = code !== undefined && known.includes(code) ? code : temporal === undefined ? 301 : 302;
    const [, scheme, host, path = "/"] = /^(https?):\/\/([a-z0-9.-]+)(\/[^?#$]*)?$/i.exec(target) ?? [];
    if (host === undefined) {
      a.note("lost", name, `"${target}": a redirect has a scheme, a host and a path here`);
      return undefined;
    }
    a.note("changed", name, "the client's query stays; it was dropped");
    return { status, scheme, host, path };
  }

  #appRoot(one: OneIngress, host: string): void {
    const path = one.a.text("app-root");
    if (path === undefined) return;
    if (!isPlainPath(path)) {
      one.a.note("lost", "app-root", `"${path}" is no plain path`);
      return;
    }
    const redirect = { status: 302, path };
    const name = nameOf(one.a.object.namespace, one.a.object.name, "app-root");
    this.routes.push({ name, hosts: [host], match: { exact: ["/"] }, redirect, comment: commentOf(one) });
  }

  #www(one: OneIngress, host: string): void {
    if (!one.a.flag("from-to-www-redirect", false)) return;
    const other = host.startsWith("www.") ? host.slice(4) : `www.${host}`;
    if (this.hosts.has(other)) return;
    this.hosts.set(other, { ...this.hosts.get(host) });
    const name = nameOf(one.a.object.namespace, one.a.object.name, "www");
    const redirect = { status: 308, host };
    this.routes.push({ name, hosts: [other], match: { prefix: ["/"] }, redirect, comment: commentOf(one) });
  }

  /** A canary hangs on the routes of its main Ingress. */
  #canary(one: OneIngress): void {
    const { a } = one;
    for (const name of ["canary-by-cookie", "canary-by-header-pattern"]) if (a.text(name) !== undefined) return;
    for (const { host, path } of pathsOf(one)) {
      const match = path.pathType === "Exact" ? { exact: [path.path ?? "/"] } : { prefix: [trimmed(path.path ?? "/")] };
      const main = this.routes.find(
        (r) =>
          r.hosts.includes(host ?? "") && JSON.stringify(r.match) === JSON.stringify(match) && r.service !== undefined,
      );
      if (!main) {
        a.note(
          "lost",
          "canary",
          `there is no main Ingress of ${host ?? "any host"}${path.path ?? "/"} among the files`,
        );
        continue;
      }
      const next = this.#services.add(a, refOf(path.backend));
      if (next === undefined) continue;
      const header = a.text("canary-by-header")?.toLowerCase();
      const value = a.text("canary-by-header-value");
      const twin = (word: string, service: string, by: string): void => {
        const { backends: _, ...rest } = main;
        this.routes.push({
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
      if (weight === 0) continue;
      delete main.service;
      main.backends = [
        { service: stable, weight: 100 - weight },
        { service: next, weight },
      ];
    }
  }
}

const commentOf = ({ a: { object } }: OneIngress): string =>
  `${object.source.file}:${String(object.source.line ?? 1)} Ingress ${object.namespace}/${object.name}`;

/** Routes that differ in their host or path alone are one. */
function joined(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const found = new Map<string, ImportedRoute>();
  for (const route of routes) {
    const { hosts, match, ...rest } = route;
    const key = JSON.stringify([match, rest]);
    const known = found.get(key);
    if (known) known.hosts.push(...hosts);
    else found.set(key, { ...route, hosts: [...hosts] });
  }
  return [...found.values()];
}

/** Each by a name of its own. */
function named(routes: readonly ImportedRoute[]): ImportedRoute[] {
  const used = new Map<string, number>();
  return routes.map((route) => {
    const n = (used.get(route.name) ?? 0) + 1;
    used.set(route.name, n);
    return n === 1 ? route : { ...route, name: `${route.name.slice(0, 58)}-${String(n)}` };
  });
}

/** Reads the Ingresses of one class, by default those that say none too. */
export const importIngresses = (objects: readonly KubernetesObject[], className: string): Imported =>
  new Importer(objects, className).run();
