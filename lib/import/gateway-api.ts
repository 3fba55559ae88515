import { named, type Imported, type ImportedRoute } from "./imported";
import { formOf, type RawBackend, type RawRule, type RuleForm, type Say } from "./gateway-api-filters";
import type { Note } from "./notes";
import type { KubernetesObject } from "./objects";
import { matchOf, rewriteOf } from "./gateway-api-matches";
import { nameOf, type ImportedService } from "./services";

/** Gateways and their routes (gateway.networking.k8s.io, 1.6), as a model. */

const GROUP = /^gateway\.networking\.k8s\.io\//;
const ROUTES = new Set(["HTTPRoute", "GRPCRoute"]);

export const isGatewayApi = ({ apiVersion }: KubernetesObject): boolean => GROUP.test(apiVersion);
export const isImportedRoute = (object: KubernetesObject): boolean => isGatewayApi(object) && ROUTES.has(object.kind);

interface Listener {
  name?: string;
  hostname?: string;
  port?: number;
  protocol?: string;
  tls?: { mode?: string; certificateRefs?: { name?: string }[]; options?: object; frontendValidation?: object };
}

interface ParentRef {
  kind?: string;
  name?: string;
  namespace?: string;
  sectionName?: string;
  port?: number;
}

interface RouteSpec {
  parentRefs?: ParentRef[];
  hostnames?: string[];
  rules?: RawRule[];
}

/** The name that both mean: that of the one within the other. */
function meet(a: string, b: string): string | undefined {
  const covers = (wide: string, name: string): boolean =>
    wide.startsWith("*.") && name.endsWith(wide.slice(1)) && name !== wide;
  if (a === b || covers(b, a)) return a;
  return covers(a, b) ? b : undefined;
}

/** What is known of a host: what becomes of its requests without TLS among it. */
interface Found {
  certificate?: { secret: string };
  redirects: boolean;
  serves: boolean;
}

class Importer {
  readonly #notes: Note[] = [];
  readonly #hosts = new Map<string, Found>();
  readonly #services = new Map<string, ImportedService>();
  readonly #routes: ImportedRoute[] = [];

  constructor(private readonly objects: readonly KubernetesObject[]) {}

  run(): Imported {
    for (const object of this.objects.filter(isGatewayApi)) {
      if (ROUTES.has(object.kind)) this.#route(object);
      else if (!["Gateway", "GatewayClass", "ReferenceGrant", "BackendTLSPolicy"].includes(object.kind))
        this.#say(object)("lost", object.kind, `a ${object.kind} is not read`);
    }
    for (const object of this.objects.filter((o) => isGatewayApi(o) && o.kind === "BackendTLSPolicy"))
      this.#tls(object);
    const hosts = [...this.#hosts].map(([name, { certificate, redirects, serves }]) => {
      const policies = { httpsRedirect: null, securityHeaders: { hsts: null } };
      return [name, { ...(certificate && { certificate }), ...(serves && !redirects && { policies }) }] as const;
    });
    return { hosts: new Map(hosts), services: this.#services, routes: named(this.#routes), notes: this.#notes };
  }

  #say({ namespace, name, source }: KubernetesObject): Say {
    return (level, what, why) => {
      this.#notes.push({ level, name: what, at: `${namespace}/${name}/${what}`, what: why, source });
    };
  }

  /** The listeners that a route is attached to, and the gateways that nobody has given. */
  #listeners(route: KubernetesObject, say: Say): Listener[] {
    const { parentRefs = [] } = route.body["spec"] as RouteSpec;
    return parentRefs.flatMap(({ kind = "Gateway", name = "", namespace = route.namespace, sectionName, port }) => {
      if (kind !== "Gateway") {
        say("lost", "parentRefs", `it is attached to a ${kind} too, which is not read`);
        return [];
      }
      const found = this.objects.find(
        (o) => isGatewayApi(o) && o.kind === "Gateway" && o.namespace === namespace && o.name === name,
      );
      if (!found) {
        say(
          "changed",
          "parentRefs",
          `the Gateway ${namespace}/${name} is not among the files: certificates are not known`,
        );
        return [{ protocol: "HTTPS" }];
      }
      const { listeners = [] } = found.body["spec"] as { listeners?: Listener[] };
      return listeners.filter(
        (one) => (sectionName ?? one.name) === one.name && (port === undefined || port === one.port),
      );
    });
  }

  #route(object: KubernetesObject): void {
    const say = this.#say(object);
    const { hostnames = [], rules = [] } = object.body["spec"] as RouteSpec;
    const listeners = this.#listeners(object, say);
    const served = new Map<string, Listener[]>();
    for (const listener of listeners) {
      const { protocol, tls, hostname } = listener;
      if (protocol !== "HTTP" && (protocol !== "HTTPS" || tls?.mode === "Passthrough")) {
        say("lost", "listeners", `a listener of ${protocol ?? ""} that does not end TLS is not taken`);
        continue;
      }
      if (tls?.frontendValidation) say("lost", "frontendValidation", "certificates of clients are not asked for");
      const names =
        hostnames.length === 0
          ? [hostname]
          : hostnames.map((name) => (hostname === undefined ? name : meet(name, hostname)));
      if (hostnames.length === 0 && hostname === undefined)
        say("lost", "hostnames", "it is for any name: hosts are named here");
      for (const name of names.filter((one) => one !== undefined)) {
        if (name.startsWith("*."))
          say("lost", "hostnames", `"${name}": name the hosts, or write it with their tenants (hosts.<host>.tenants)`);
        else served.set(name, [...(served.get(name) ?? []), listener]);
      }
    }
    if (served.size === 0) return;
    for (const [i, rule] of rules.entries()) {
      const form = formOf(rule, say);
      for (const [host, all] of served) this.#host(host, all, form.toHttps === true, say);
      // A host does so by itself.
      if (!form.toHttps) this.#rule(object, rule, form, [...served.keys()], say, i);
    }
  }

  #host(name: string, listeners: readonly Listener[], toHttps: boolean, say: Say): void {
    const known = this.#hosts.get(name) ?? { redirects: false, serves: false };
    const secrets = listeners.flatMap(({ tls }) => tls?.certificateRefs?.map((ref) => ref.name) ?? []);
    const [secret] = secrets;
    if (!known.certificate && new Set(secrets).size > 1)
      say("changed", "certificateRefs", `${name} shows the first of its certificates, ${secret ?? ""}`);
    const certificate = known.certificate ?? (secret === undefined ? undefined : { secret });
    const isPlain = listeners.some(({ protocol }) => protocol === "HTTP");
    const found = {
      ...(certificate && { certificate }),
      redirects: known.redirects || (isPlain && toHttps),
      serves: known.serves || (isPlain && !toHttps),
    };
    if (found.redirects && found.serves && !(known.redirects && known.serves))
      say(
        "lost",
        "RequestRedirect",
        `without TLS ${name} serves some paths and redirects others: it redirects whole here`,
      );
    this.#hosts.set(name, found);
  }

  #rule(object: KubernetesObject, rule: RawRule, form: RuleForm, hosts: string[], say: Say, index: number): void {
    const { matches = [{}], backendRefs = [] } = rule;
    const target = this.#target(object, form, backendRefs, say);
    if (!target) return;
    for (const match of matches.length > 0 ? matches : [{}]) {
      const taken = matchOf(match, say);
      if (!taken) continue;
      const rewrite = rewriteOf(form, taken, say);
      if (rewrite === undefined) continue;
      const policies = { ...form.policies, ...(Object.keys(rewrite).length > 0 && { rewrite }) };
      const toService = "service" in target || "backends" in target;
      this.#routes.push({
        name: nameOf(object.namespace, object.name, ...(rule.name === undefined ? [] : [rule.name])),
        hosts,
        match: taken,
        ...target,
        ...(toService && Object.keys(policies).length > 0 && { policies }),
        comment: `${object.kind} ${object.namespace}/${object.name}, rule ${String(index + 1)} (${object.source.file}:${String(object.source.line ?? 1)})`,
      });
    }
  }

  /** Where requests go; nothing where that cannot be told. */
  #target(
    object: KubernetesObject,
    form: RuleForm,
    refs: readonly RawBackend[],
    say: Say,
  ): Pick<ImportedRoute, "service" | "backends" | "redirect" | "respond"> | undefined {
    if (form.isClosed) return { respond: { status: 503 } };
    if (form.redirect) return { redirect: form.redirect };
    const weights = refs.map(({ weight = 1 }) => weight);
    const sum = weights.reduce((a, b) => a + b, 0);
    // Without anybody who would answer it is 500 (HTTPRouteRule, backendRefs).
    if (sum === 0) return { respond: { status: 500 } };
    const names = refs.map((ref) => this.#service(object, ref, say));
    if (names.some((name) => name === undefined)) return undefined;
    const backends = names.map((service, i) => {
      const share = sum <= 100 ? (weights[i] ?? 0) : Math.round(((weights[i] ?? 0) * 100) / sum);
      return { service: service ?? "", weight: share };
    });
    if (sum > 100 && weights.some((weight) => (weight * 100) % sum !== 0))
      say("changed", "weight", "shares are whole parts of a hundred");
    const [only, ...more] = backends;
    return only && more.length === 0 ? { service: only.service } : { backends };
  }

  #service(object: KubernetesObject, ref: RawBackend, say: Say): string | undefined {
    const { group = "", kind = "Service", name, namespace = object.namespace, port, filters } = ref;
    if (group !== "" || kind !== "Service" || port === undefined) {
      say("lost", "backendRefs", `${kind} ${name} is no Service with a port`);
      return undefined;
    }
    if (filters?.length) say("lost", "backendRefs", `filters of ${name} alone are not taken`);
    const key = nameOf(namespace, name, String(port));
    const address = `${name}.${namespace}.svc.cluster.local:${String(port)}`;
    this.#services.set(key, {
      ...this.#services.get(key),
      address,
      ...(object.kind === "GRPCRoute" && { protocol: "grpc" as const }),
    });
    return key;
  }

  /** How a service is called by TLS. */
  #tls(object: KubernetesObject): void {
    const say = this.#say(object);
    const { targetRefs = [], validation = {} } = object.body["spec"] as {
      targetRefs?: { name?: string; sectionName?: string }[];
      validation?: {
        hostname?: string;
        caCertificateRefs?: { kind?: string; name?: string }[];
        subjectAltNames?: object[];
      };
    };
    const { hostname, caCertificateRefs = [], subjectAltNames } = validation;
    if (subjectAltNames) say("lost", "subjectAltNames", "a certificate is known by its host name");
    const ca = caCertificateRefs[0]?.name;
    if (ca !== undefined)
      say(
        "changed",
        "caCertificateRefs",
        `the authority is read from a Secret ${ca} with ca.crt, not from a ConfigMap`,
      );
    for (const { name = "", sectionName } of targetRefs) {
      if (sectionName !== undefined)
        say("changed", "targetRefs", `every port of ${name} that is used is called by TLS`);
      const prefix = `${name}.${object.namespace}.svc.cluster.local:`;
      for (const [key, service] of this.#services)
        if (service.address.startsWith(prefix))
          this.#services.set(key, {
            ...service,
            tls: { ...(hostname !== undefined && { serverName: hostname }), ...(ca !== undefined && { ca }) },
          });
    }
  }
}

export const importGatewayApi = (objects: readonly KubernetesObject[]): Imported => new Importer(objects).run();
