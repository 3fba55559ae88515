import type { Annotated } from "./annotated";
import type { Imported, ImportedRoute } from "./imported";
import { commentOf, type OneIngress } from "./ingress-object";
import { isPlainPath } from "./paths";
import { nameOf } from "./services";

/** Where clients are sent elsewhere. */

/** In place of every path's service. */
export function redirectOf(a: Annotated): Record<string, unknown> | undefined {
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

/** Where nobody is sent to https nothing listens there. */
const schemeOf = (hosts: Imported["hosts"], host: string): { scheme?: "http" } =>
  hosts.get(host)?.policies?.["httpsRedirect"] === null ? { scheme: "http" } : {};

/** The start page of a host. */
export function appRoot(one: OneIngress, host: string, hosts: Imported["hosts"]): ImportedRoute[] {
  const path = one.a.text("app-root");
  if (path === undefined) return [];
  if (!isPlainPath(path)) {
    one.a.note("lost", "app-root", `"${path}" is no plain path`);
    return [];
  }
  const redirect = { status: 302, ...schemeOf(hosts, host), path };
  const name = nameOf(one.a.object.namespace, one.a.object.name, "app-root");
  return [{ name, hosts: [host], match: { exact: ["/"] }, redirect, comment: commentOf(one) }];
}

/** The other one of a name and the same with www. */
export function fromWww(one: OneIngress, host: string, hosts: Imported["hosts"]): ImportedRoute[] {
  if (!one.a.flag("from-to-www-redirect", false)) return [];
  const other = host.startsWith("www.") ? host.slice(4) : `www.${host}`;
  if (hosts.has(other)) return [];
  hosts.set(other, { ...hosts.get(host) });
  const name = nameOf(one.a.object.namespace, one.a.object.name, "www");
  const redirect = { status: 308, ...schemeOf(hosts, host), host };
  return [{ name, hosts: [other], match: { prefix: ["/"] }, redirect, comment: commentOf(one) }];
}
