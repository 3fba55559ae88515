import { named, type Imported, type ImportedRoute } from "./imported";
import { formOf, keptStatus, type RawBackend, type RawRule, type RuleForm, type Say } from "./gateway-api-filters";
import { isGatewayApi, listenersOf, meet, type Listener } from "./gateway-api-listeners";
import { matchOf, rewriteOf } from "./gateway-api-matches";
import { BackendTable } from "./gateway-api-services";
import type { Note } from "./notes";
import { specOf, type KubernetesObject } from "./objects";
import { nameOf } from "./services";

/** Gateways and their routes (gateway.networking.k8s.io, 1.6), as a model. */

const ROUTES = new Set(["HTTPRoute", "GRPCRoute"]);
const BESIDE = new Set(["Gateway", "GatewayClass", "ReferenceGrant", "BackendTLSPolicy"]);
/** Of those who say who may, without a target in the Gateway API. */
const GUARDS = /^(RequestAuthentication|AuthorizationPolicy)$/;
/** Annotations of those who keep objects, not of those who serve by them. */
const OF_KEEPERS =
  /^(?:kubectl\.kubernetes\.io|[\w.-]*(?:external-dns|cert-manager|argocd|helm|fluxcd|kustomize)[\w.-]*)\//;

export const isImportedRoute = (object: KubernetesObject): boolean => isGatewayApi(object) && ROUTES.has(object.kind);

interface RouteSpec {
  hostnames?: string[];
  rules?: RawRule[];
}

interface TargetRef {
  group?: string;
  kind?: string;
  name?: string;
}

/** What is known of a host: what becomes of its requests without TLS among it. */
interface Found {
  certificate?: { secret: string };
  /** The status of its redirect to https, if it has one. */
  redirects: number | undefined;
  serves: boolean;
  /** The listeners of its routes, as far as they are served there. */
  listeners?: string;
}

class Importer {
  readonly #notes: Note[] = [];
  readonly #hosts = new Map<string, Found>();
  readonly #routes: ImportedRoute[] = [];
  readonly #services: BackendTable;

  constructor(private readonly objects: readonly KubernetesObject[]) {
    this.#services = new BackendTable(objects, (object) => this.#say(object));
  }

  run(): Imported {
    const own = this.objects.filter(isGatewayApi);
    for (const object of own.filter(({ kind }) => !ROUTES.has(kind) && !BESIDE.has(kind)))
      this.#say(object)("lost", object.kind, `a ${object.kind} is not read`);
    const created = ({ body }: KubernetesObject): string =>
      (body["metadata"] as { creationTimestamp?: string } | undefined)?.creationTimestamp ?? "";
    const order = (o: KubernetesObject): string => `${created(o)} ${o.namespace}/${o.name}`;
    // Of two routes that are as good as each other the older one is taken, then the first by its name.
    const routes = own.filter(isImportedRoute).sort((a, b) => (order(a) < order(b) ? -1 : 1));
    for (const object of routes) this.#route(object);
    const hosts = [...this.#hosts].map(([name, { certificate, redirects, serves }]) => {
      const plain = { httpsRedirect: null, securityHeaders: { hsts: null } };
      const moved = redirects === 308 ? { httpsRedirect: { status: redirects } } : undefined;
      const policies = redirects === undefined ? (serves ? plain : undefined) : moved;
      return [name, { ...(certificate && { certificate }), ...(policies && { policies }) }] as const;
    });
    return {
      ...{ hosts: new Map(hosts), services: this.#services.services, notes: this.#notes },
      routes: named(this.#distinct()),
    };
  }

  #say({ namespace, name, source }: KubernetesObject): Say {
    return (level, what, why) => {
      const note = { level, name: what, at: `${namespace}/${name}/${what}`, what: why, source };
      if (!this.#notes.some((known) => JSON.stringify(known) === JSON.stringify(note))) this.#notes.push(note);
    };
  }

  /** Of two that take the same the first is asked. */
  #distinct(): ImportedRoute[] {
    const taken = new Set<string>();
    return this.#routes.flatMap((route) => {
      const { match } = route;
      const hosts = route.hosts.filter((host) => !taken.has(JSON.stringify([host, match])));
      for (const host of hosts) taken.add(JSON.stringify([host, match]));
      return hosts.length > 0 ? [{ ...route, hosts }] : [];
    });
  }

  /** Policies that others attach: nobody knows whom they let in. */
  #isGuarded(route: KubernetesObject, say: Say): boolean {
    const { parentRefs = [] } = specOf(route) as { parentRefs?: { name?: string }[] };
    const names = [route.name, ...parentRefs.map(({ name }) => name)];
    const attached = this.objects.filter((object) => {
      if (object.kind === "BackendTLSPolicy") return false;
      const { targetRef, targetRefs = [] } = specOf(object) as { targetRef?: TargetRef; targetRefs?: TargetRef[] };
      const refs = [...(targetRef ? [targetRef] : []), ...targetRefs];
      if (refs.length === 0) return GUARDS.test(object.kind);
      return refs.some((ref) => ref.group === "gateway.networking.k8s.io" && names.includes(ref.name));
    });
    for (const { kind, name } of attached)
      say(
        "lost",
        kind,
        `the ${kind} ${name} is attached to it, and is not read; its routes answer 503 until you write it`,
      );
    const gateways = this.objects.filter((o) => isGatewayApi(o) && o.kind === "Gateway" && names.includes(o.name));
    const annotations = [route, ...gateways].flatMap((object) => Object.keys(object.annotations));
    const others = [...new Set(annotations)].filter((name) => !OF_KEEPERS.test(name));
    for (const name of others)
      say("lost", name, "what the annotation does is not read; its routes answer 503 until you write it");
    return attached.length > 0 || others.length > 0;
  }

  #route(object: KubernetesObject): void {
    const say = this.#say(object);
    const { hostnames = [], rules = [{}] } = specOf(object) as RouteSpec;
    const served = new Map<string, Listener[]>();
    for (const listener of listenersOf(object, this.objects, say)) {
      const { hostname } = listener;
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
    const unheard = hostnames.filter(
      (name) => !name.startsWith("*.") && ![...served.keys()].some((one) => meet(one, name)),
    );
    if (unheard.length > 0) say("idle", "hostnames", `no listener is for ${unheard.join(", ")}`);
    const isGuarded = this.#isGuarded(object, say);
    for (const [i, rule] of rules.entries()) {
      const ofRule: Say = (level, what, why) => {
        say(level, what, `rule ${String(i + 1)}: ${why}`);
      };
      const form = formOf(rule, ofRule);
      const { redirect } = form;
      const self = [...served.keys()];
      if (redirect?.scheme === "https" && redirect.path === undefined && self.length === 1 && redirect.host === self[0])
        form.toHttps = keptStatus(redirect.status, ofRule);
      const asks = [...served.values()].flat().some(({ asksCertificates }) => asksCertificates);
      form.isClosed ||= isGuarded || asks;
      for (const [host, all] of served) this.#host(host, all, form.toHttps, say);
      // A host does so by itself.
      if (!form.toHttps && self.length > 0) this.#rule(object, rule, form, self, ofRule, i);
    }
  }

  #host(name: string, listeners: readonly Listener[], toHttps: number | undefined, say: Say): void {
    const known: Found = this.#hosts.get(name) ?? { redirects: undefined, serves: false };
    const secrets = [...new Set(listeners.flatMap((one) => one.secrets))];
    const [secret] = secrets;
    if (!known.certificate && secrets.length > 1)
      say("changed", "certificateRefs", `${name} shows the first of its certificates, ${secret ?? ""}`);
    const certificate = known.certificate ?? (secret === undefined ? undefined : { secret });
    const isPlain = listeners.some((one) => one.isPlain);
    const ids = JSON.stringify([...new Set(listeners.map(({ id }) => id))].sort());
    const serving = toHttps ? known.listeners : ids;
    const found: Found = {
      ...(certificate && { certificate }),
      redirects: known.redirects ?? (isPlain ? toHttps : undefined),
      serves: known.serves || (isPlain && toHttps === undefined),
      ...(serving !== undefined && { listeners: serving }),
    };
    if (isPlain && toHttps !== undefined && found.redirects !== toHttps)
      say("changed", "RequestRedirect", `${name} is sent to https by ${String(found.redirects)}, by this rule too`);
    if (found.redirects && found.serves && !(known.redirects && known.serves))
      say(
        "lost",
        "RequestRedirect",
        `without TLS ${name} serves some paths and redirects others: it redirects whole here`,
      );
    if (!toHttps && known.listeners !== undefined && known.listeners !== ids)
      say("lost", "parentRefs", `others of ${name} are at other listeners, and each would hold on all of them here`);
    this.#hosts.set(name, found);
  }

  #rule(object: KubernetesObject, rule: RawRule, form: RuleForm, hosts: string[], say: Say, index: number): void {
    const { matches = [{}], backendRefs = [] } = rule;
    const target = this.#target(object, form, backendRefs, say);
    const source = `${object.source.file}:${String(object.source.line ?? 1)}`;
    for (const raw of matches.length > 0 ? matches : [{}]) {
      const { match, isWider } = matchOf(raw, say);
      // What is wider than it was lets nobody in, and takes nobody's requests that it need not refuse.
      if (isWider && !target.respond) continue;
      const rewrite = rewriteOf(form, match, say);
      const policies = { ...form.policies, ...(rewrite && Object.keys(rewrite).length > 0 && { rewrite }) };
      const { responseHeaders } = form.policies;
      const own = target.redirect ? (responseHeaders === undefined ? {} : { responseHeaders }) : policies;
      const answer = rewrite ? target : CLOSED;
      this.#routes.push({
        name: nameOf(object.namespace, object.name, ...(rule.name === undefined ? [] : [rule.name])),
        ...{ hosts, match },
        ...answer,
        ...(!answer.respond && Object.keys(own).length > 0 && { policies: own }),
        comment: `${object.kind} ${object.namespace}/${object.name}, rule ${String(index + 1)} (${source})`,
      });
    }
  }

  /** Where requests go: what is not taken answers nobody. */
  #target(object: KubernetesObject, form: RuleForm, refs: readonly RawBackend[], say: Say): Target {
    if (form.isClosed) return CLOSED;
    if (form.redirect) return { redirect: form.redirect };
    const weights = refs.map(({ weight = 1 }) => weight);
    const sum = weights.reduce((a, b) => a + b, 0);
    // Without anybody who would answer it is 500 (HTTPRouteRule, backendRefs).
    if (sum === 0) return { respond: { status: 500 } };
    const names = refs.map((ref) => this.#services.add(object, ref, say));
    if (names.some((name) => name === undefined)) return CLOSED;
    const backends = names.map((service, i) => {
      const share = sum <= 100 ? (weights[i] ?? 0) : Math.round(((weights[i] ?? 0) * 100) / sum);
      return { service: service ?? "", weight: share };
    });
    if (sum > 100 && weights.some((weight) => (weight * 100) % sum !== 0))
      say("changed", "weight", "shares are whole parts of a hundred");
    const [only, ...more] = backends;
    return only && more.length === 0 ? { service: only.service } : { backends };
  }
}

type Target = Pick<ImportedRoute, "service" | "backends" | "redirect" | "respond">;

const CLOSED: Target = { respond: { status: 503 } };

export const importGatewayApi = (objects: readonly KubernetesObject[]): Imported => new Importer(objects).run();
