import { Annotated } from "./annotated";
import { addCanary } from "./canary";
import { joined, named, type Imported, type ImportedRoute } from "./imported";
import {
  commentOf,
  hostsOf,
  isClosed,
  makesRegex,
  pathsOf,
  refOf,
  sayOf,
  type OneIngress,
  type RawPath,
} from "./ingress-object";
import { cors, limitsOf, rateLimit, routePolicies, type Policies } from "./ingress-policies";
import type { Note } from "./notes";
import type { KubernetesObject } from "./objects";
import { isPlainPath, regexForm, trimmed, type PathForm } from "./paths";
import { appRoot, fromWww, redirectOf } from "./redirects";
import { nameOf, ServiceTable } from "./services";

/** Ingresses of ingress-nginx, as a model: hosts, services, routes, and what there is to say of what became of them. */

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
        return { a, spec: object.body["spec"] ?? {}, isCanary: a.flag("canary", false) };
      })
      .filter((one) => this.#isOurs(one));
    const regex = this.#ingresses.filter((one) => !one.isCanary && makesRegex(one));
    this.#regexHosts = new Set(regex.flatMap(hostsOf));
  }

  run(): Imported {
    for (const one of this.#ingresses) sayOf(one);
    const main = this.#ingresses.filter(({ isCanary }) => !isCanary);
    for (const one of main) this.#begin(one);
    for (const [host] of this.hosts) this.#hostPolicies(host, main);
    for (const one of main) this.#add(one);
    for (const one of this.#ingresses.filter(({ isCanary }) => isCanary))
      addCanary(one, this.routes, this.#services, main, (host, path) => this.#form(one, host, path));
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
    // The controller's own status, which its ConfigMap can change.
    if (redirects.some(Boolean)) policies["httpsRedirect"] = { status: 308 };
    else Object.assign(policies, { httpsRedirect: null, securityHeaders: { hsts: null } });
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
      this.routes.push(...appRoot(one, host, this.hosts), ...fromWww(one, host, this.hosts));
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
    if (!form) return;
    const redirect = redirectOf(a);
    const needsService = !redirect && !isClosed(one);
    const service = needsService ? this.#services.add(a, refOf(raw.backend)) : undefined;
    if (needsService && service === undefined) return;
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
}

/** Reads the Ingresses of one class, by default those that say none too. */
export const importIngresses = (objects: readonly KubernetesObject[], className: string): Imported =>
  new Importer(objects, className).run();
