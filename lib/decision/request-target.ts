/** Whom a request is for, and what of it, as its first line and Host say (RFC 9112 section 3.2). */

/** Host without port, which may be empty (RFC 3986 section 3.2.3), and the dot of the root, in lower case. */
export function hostName(host: string): string {
  return host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}

/** A target in absolute form as path and query; its authority is the host, whatever Host says (RFC 9112 section 3.2.2). */
export function originForm(host: string, target: string): { host: string; target: string } {
  const [, authority, rest = ""] = /^https?:\/\/([^/?#@]+)(.*)$/is.exec(target) ?? [];
  if (authority === undefined) return { host, target };
  return { host: authority, target: rest.startsWith("/") ? rest : `/${rest}` };
}
