import path from "node:path";
import { z } from "zod";
import { behaviour, readYaml, request } from "../../lib/conformance/case";

/** `ingresses.yaml`: Ingresses, and what is asked of them. */

const annotations = z.record(z.string(), z.string()).default({});

const ask = z.strictObject({
  ...request.partial({ host: true }).shape,
  scheme: z.enum(["http", "https"]).optional(),
  times: z.int().min(1).default(1),
  /** Whether it is told how many have had which status. */
  counts: z.boolean().default(true),
  services: z.record(z.string(), behaviour).default({}),
  show: z.array(z.string()).default([]),
  hears: z.array(z.string()).default([]),
  ours: z.string().optional(),
  traefik: z.string().optional(),
});

const entry = z.strictObject({
  name: z.string(),
  annotations,
  tls: z.boolean().default(false),
  paths: z
    .array(z.strictObject({ path: z.string(), pathType: z.string(), service: z.string().default("web") }))
    .default([{ path: "/", pathType: "Prefix", service: "web" }]),
  more: z.array(z.strictObject({ annotations, service: z.string() })).default([]),
  ask: z.array(ask).min(1),
});

export type Entry = z.output<typeof entry>;
export type Ask = Entry["ask"][number];

export const hostOf = ({ name }: Pick<Entry, "name">): string => `${name}.example`;

const file = z.strictObject({ why: z.record(z.string(), z.string()), ingresses: z.array(entry) });

export const readEntries = (): z.output<typeof file> => file.parse(readYaml(path.join(__dirname, "ingresses.yaml")));

export const NAMESPACE = "shop";

/** The Ingresses of an entry, as `kubectl apply` takes them. */
export function ingressesOf(one: Entry, auth: string): object[] {
  const host = hostOf(one);
  const paths = (service: string | undefined): object[] =>
    one.paths.map((p) => ({
      ...{ path: p.path, pathType: p.pathType },
      backend: { service: { name: service ?? p.service, port: { number: 80 } } },
    }));
  return [{ annotations: one.annotations, service: undefined }, ...one.more].map((ingress, i) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: {
      name: i === 0 ? one.name : `${one.name}-${String(i + 1)}`,
      namespace: NAMESPACE,
      annotations: Object.fromEntries(
        Object.entries(ingress.annotations).map(([name, value]) => [
          `nginx.ingress.kubernetes.io/${name}`,
          value.replace("{auth}", auth),
        ]),
      ),
    },
    spec: {
      ingressClassName: "nginx",
      ...(one.tls && { tls: [{ hosts: [host], secretName: "shop-tls" }] }),
      rules: [{ host, http: { paths: paths(ingress.service) } }],
    },
  }));
}
