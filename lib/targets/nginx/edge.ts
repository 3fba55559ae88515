import type { GatewayModel } from "../../model";
import { trustedHops, usesProxyProtocol } from "../front";

/** What belongs to the edge of the gateway: listeners and the client's address. */

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;
const GROUP = "[0-9a-f]{1,4}";
/** Every place that `::` may stand in (RFC 4291 section 2.2). */
const IPV6 = [
  `(?:${GROUP}:){7}${GROUP}`,
  `(?:${GROUP}:){1,7}:`,
  ...Array.from({ length: 6 }, (_, i) => `(?:${GROUP}:){1,${String(6 - i)}}(?::${GROUP}){1,${String(i + 1)}}`),
  `:(?::${GROUP}){1,7}`,
  "::",
].join("|");

interface ClientMap {
  from: string;
  patterns: string[];
  otherwise: string;
}

/**
 * The client is the N-th address from the right of X-Forwarded-For, where N hops are trusted to append to it: without port
 * and brackets, and an IPv4 address as such. It is the peer where that is none of the networks in front, or where what is
 * told there is no address.
 */
export function clientAddressMap(front: GatewayModel["front"]): ClientMap {
  if (usesProxyProtocol(front)) return { from: '""', patterns: [], otherwise: "$proxy_protocol_addr" };
  const hops = trustedHops(front);
  if (hops === 0 || front.networks.length === 0) return { from: '""', patterns: [], otherwise: "$remote_addr" };
  const behind = hops === 1 ? "" : `(?:,[^,]*+){${String(hops - 1)}}`;
  const address = (form: string): string => `"~*^1:(?:.*,)?[ \\t]*+${form}[ \\t]*+${behind}$"`;
  const client = (form: string): string => `(?<gateway_forwarded>${form})`;
  const port = "(?::\\d{1,5})?";
  return {
    from: '"$gateway_balancer:$http_x_forwarded_for"',
    patterns: [
      address(`${client(IPV4)}${port}`),
      address(`::ffff:${client(IPV4)}`),
      address(`\\[::ffff:${client(IPV4)}\\]${port}`),
      address(client(IPV6)),
      address(`\\[${client(IPV6)}\\]${port}`),
    ],
    otherwise: "$remote_addr",
  };
}

/** How HTTP/2 is offered: `http2 on`, or before 1.25.1 a word of the listener (nginx.org, ngx_http_v2_module); only over TLS. */
export function http2Form(model: GatewayModel): "directive" | "listener" | undefined {
  if (model.front.tls !== "gateway") return undefined;
  return isFrom(model, 25, 1) ? "directive" : "listener";
}

/** Whether the oldest nginx that the output is for is this one, or a later one. */
function isFrom({ nginx }: GatewayModel, minor: number, patch: number): boolean {
  const [, ownMinor = 0, ownPatch = 0] = nginx.version.split(".").map(Number);
  return ownMinor > minor || (ownMinor === minor && ownPatch >= patch);
}

/** A reload would close connections on which a client may be sending at that moment; from 1.27.4 on they may have a last answer. */
export const outlivesReload = (model: GatewayModel): boolean => isFrom(model, 27, 4);

export function listenerView(model: GatewayModel, port: number, secure: boolean): string {
  const { bind } = model.listeners;
  const words = [bind === undefined ? String(port) : `${bind}:${String(port)}`];
  if (secure && model.front.tls === "gateway") words.push("ssl");
  if (secure && http2Form(model) === "listener") words.push("http2");
  if (usesProxyProtocol(model.front)) words.push("proxy_protocol");
  return words.join(" ");
}

/** A host's own certificate; secrets are folders beside the one of all hosts. */
export function certificateLines({ front, certificate: { directory } }: GatewayModel, secret: string | undefined): string[] {
  if (secret === undefined || front.tls !== "gateway") return [];
  return [`ssl_certificate ${directory}/${secret}/tls.crt;`, `ssl_certificate_key ${directory}/${secret}/tls.key;`];
}
