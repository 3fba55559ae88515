import type { Case } from "../../lib/conformance/case";
import type { CaseResult } from "../../lib/conformance/run-case";
import { modelOf } from "./systems";

/** Where those differ that carry everything to the filter: their READMEs (lib/targets) have each in words. */
const OF_ALL = [
  // A model that lets these pass is refused.
  "a steering header that the model lets pass does",
  "a header that a host lets pass to services belongs to the key",
];

/** Those that are nginx. */
const OF_NGINX = [
  ...OF_ALL,
  // nginx' own answers have no form of a system's, and no headers of a host.
  "a large body is redirected, and is nothing on a host that nobody has named",
  "a request that is no good HTTP gets the envelope",
  "security headers are on errors of every kind",
  "TRACE gets the envelope or the 404 of the table",
  "security headers on a 405 or 404 of TRACE",
  // nginx cuts a target before anybody sees it.
  "a target in absolute form of another scheme is 400",
  // nginx reads an address with leading zeros, which nobody in front writes.
  "what is no address is nobody's",
];

/** And Kong, by its sources. */
const OF_KONG = [
  "a fragment in the target is 400, wherever it stands",
  // `Upgrade: websocket` is a handshake, with Connection or without, and no other spelling is.
  "a handshake that lists other protocols beside is refused, but on Istio",
  "a list with other protocols asks for one as well",
  "without Connection nothing is asked",
  "an Upgrade header without Connection asks for nothing",
  "upgrade headers do not arrive with what is no handshake",
  "a GET that offers another upgrade, or half a handshake, is still a GET of the playground",
  "the word alone is no handshake",
];

/** And Traefik. */
const OF_TRAEFIK = [
  ...OF_ALL,
  // It writes what need not be escaped as it is (RFC 3986 section 6.2.2.2).
  "matching: shelves/7/b%6Foks/9",
  "an escaped dot is not that path",
  "an escaped tilde is not that prefix",
  "a prefix that is exempt may have empty segments and escaped slashes, which arrive as sent",
  "the prefix is replaced, the rest stays byte for byte",
  "path and query are signed byte for byte",
  "a signature for the same path spelled otherwise is refused",
  // It divides a query by semicolons as well.
  "a semicolon divides nothing",
  // No TLS for a name with the dot of the root (RFC 6066 section 3).
  "a host is known in any case, with a port and with a trailing dot",
  "a sub-domain with a trailing dot is the same tenant",
  "a sub-domain with a trailing dot does not escape the check of the organisation",
  "capitals, dot and port are acme",
  // Its own answers have no form of a system's.
  "a request that is no good HTTP gets the envelope",
  // Who asks for no coding is asked for gzip, and unpacked for.
  "a strong ETag is strong no more",
  // Of a target in absolute form it cuts the scheme, whichever it is.
  "a target in absolute form of another scheme is 400",
  // An offer of several protocols is none.
  "a list with other protocols asks for one as well",
];

/** Those that are Envoy. */
const OF_ENVOY = [
  ...OF_ALL,
  // It joins lines of Authorization.
  "Authorization may come once, also where no token is asked",
  // Of this run alone: who comes by loopback is told by the pod's own address.
  "the service hears the stranger's own address",
];

/** And Istio's Gateway mode, which our own Istio objects are not there to change. */
const OF_ISTIO = [
  ...OF_ENVOY,
  // It takes a hundred lines of a service's head.
  "an answer with 150 headers is passed on, on /public",
  "an answer with 150 headers is passed on, on /zipped",
  // Its own answers have no form of a system's.
  "header lines that are too large get the envelope",
  "security headers on header lines that are too large",
  // No HTTP/1.0.
  "HTTP/1.0 is answered like any other version",
  "HTTP/1.0 gets no chunks, even where the filter makes the answer",
  "a body of HTTP/1.0 has a length",
  // It refuses offers of protocols that it does not know.
  "an offer of another protocol is passed over",
  "and with a body, which arrives",
];

/** What each says otherwise. A run asks these too, and fails where one no longer differs. */
const DIFFERENCES: Readonly<Partial<Record<string, readonly string[]>>> = {
  "kong-by-nginx": [...OF_NGINX, ...OF_KONG],
  "ingress-nginx": OF_NGINX,
  "gateway-api-traefik": OF_TRAEFIK,
  "gateway-api-istio": OF_ISTIO,
  "gateway-api-envoy-gateway": OF_ENVOY,
};

/** So that none stays when its case is gone. */
export const namedOtherwise: readonly string[] = Object.values(DIFFERENCES).flatMap((names) => names ?? []);

/** Whether a carrier is known to say otherwise. */
export const differs = (target: string, { name }: Pick<Case, "name">): boolean =>
  DIFFERENCES[target]?.includes(name) ?? false;

/** Of a case in which a carrier is known to say otherwise: passed where it does. */
export function asDifference(result: CaseResult): CaseResult {
  if (result.outcome === "skipped") return result;
  const details = ["it is named as a difference (test/conformance/carrier-forms.ts), and is none"];
  return result.outcome === "failed"
    ? { ...result, outcome: "passed", details: [] }
    : { ...result, outcome: "failed", details };
}

/** Where TLS ends in front of them they have no listener for what is plain to the client: the balancer redirects. */
const isPlain = ({ system, subject }: Case): boolean =>
  subject === "https-redirect" && modelOf(system)?.front.tls === "front";

/** Cases that a carrier can be asked. */
export const carriedCases = (cases: readonly Case[]): Case[] => cases.filter((c) => !isPlain(c));

/** The system whose target it is. */
const SYSTEMS = {
  "kong-by-nginx": "equb",
  "ingress-nginx": "serhafen",
  "gateway-api-traefik": "mmr",
  "gateway-api-istio": "mmr",
  "gateway-api-envoy-gateway": "mmr",
};
export const CARRIERS: readonly string[] = Object.keys(SYSTEMS);

/** Subjects that carriage can spoil: the others are the filter's own, which is the same one everywhere. */
const OF_CARRIAGE: ReadonlySet<string> = new Set([
  ...["addresses", "answer-heads", "body-counted", "body-size", "certificates", "compression", "cors"],
  ...["header-hygiene", "headers", "hostile", "matching", "path-hygiene", "request-line", "respond", "retries"],
  ...["rewrite", "signature", "streaming", "timeouts", "web-socket", "web-socket-token"],
  ...["answers", "edge", "edge-edges", "edges", "https-redirect", "response", "routes", "routing", "upstream"],
]);

/** What a run of all targets asks of a carrier; `--target` asks all cases of it. */
export const inFullRun = (target: string, { system, subject }: Case): boolean =>
  system.startsWith("fronts/") ||
  (OF_CARRIAGE.has(subject) && ["lab", SYSTEMS[target as keyof typeof SYSTEMS]].includes(system));
