import { nearest } from "../model/problems";
import { NOT_TAKEN, TAKEN } from "./annotations";
import type { Annotated } from "./annotated";
import { addressesOf } from "./ingress-policies";
import type { BackendRef } from "./services";

/** An Ingress as its controller reads it. */

export interface IngressSpec {
  ingressClassName?: string;
  tls?: { hosts?: string[]; secretName?: string }[];
  defaultBackend?: RawBackend;
  backend?: RawBackend;
  rules?: { host?: string; http?: { paths?: RawPath[] } | null }[];
}

/** Of networking.k8s.io/v1, or of its betas. */
export interface RawBackend {
  service?: BackendRef;
  serviceName?: string;
  servicePort?: number | string;
}

export interface RawPath {
  path?: string;
  pathType?: string;
  backend: RawBackend;
}

export interface OneIngress {
  a: Annotated;
  spec: IngressSpec;
  isCanary: boolean;
}

export const refOf = ({ service, serviceName, servicePort }: RawBackend): BackendRef =>
  serviceName === undefined
    ? (service ?? {})
    : {
        name: serviceName,
        port: typeof servicePort === "number" ? { number: servicePort } : { name: servicePort ?? "" },
      };

export const pathsOf = ({ spec }: OneIngress): { host: string | undefined; path: RawPath }[] =>
  (spec.rules ?? []).flatMap(({ host, http }) => (http?.paths ?? []).map((path) => ({ host, path })));

export const hostsOf = ({ a, spec }: OneIngress): string[] => [
  ...new Set([...(spec.rules ?? []).flatMap(({ host }) => host ?? []), ...(a.list("server-alias") ?? [])]),
];

export const commentOf = ({ a: { object } }: OneIngress): string =>
  `${object.source.file}:${String(object.source.line ?? 1)} Ingress ${object.namespace}/${object.name}`;

/** An Ingress that turns its whole host's paths into regular expressions. */
export const makesRegex = (one: OneIngress): boolean => {
  const target = one.a.text("rewrite-target");
  return (
    one.a.flag("use-regex", false) ||
    (target !== undefined && pathsOf(one).some(({ path }) => (path.path ?? "/") !== target))
  );
};

/** Says nothing, or what holds without it. */
const isOff = (value: string | undefined): boolean => value === undefined || /^(false|off|0|all)$/i.test(value);

/** What is not taken of its annotations, and what never did anything. */
export function sayOf({ a }: OneIngress): void {
  for (const name of a.names) {
    if (TAKEN.has(name) || (NOT_TAKEN.has(name) && a.text(name) === undefined)) continue;
    const known = NOT_TAKEN.get(name);
    if (known && known.loss !== "unseen" && !isOff(a.text(name)))
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
export function isClosed({ a }: OneIngress): boolean {
  return addressesOf(a).isLost || a.names.some((name) => NOT_TAKEN.get(name)?.loss === "opens" && !isOff(a.text(name)));
}
