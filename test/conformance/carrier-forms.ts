import type { Case } from "../../lib/conformance/case";
import { modelOf } from "./systems";

/** Where those differ that carry everything to the filter, and are nginx: their READMEs (lib/targets) have each in words. */
const OF_BOTH = [
  // A model that lets these pass is refused.
  "a steering header that the model lets pass does",
  "a header that a host lets pass to services belongs to the key",
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

/** So that none stays when its case is gone. */
export const namedOtherwise: readonly string[] = [...OF_BOTH, ...OF_KONG];

/** Where TLS ends in front of them they have no listener for what is plain to the client: the balancer redirects. */
const isPlain = ({ system, subject }: Case): boolean =>
  subject === "https-redirect" && modelOf(system)?.front.tls === "front";

const but =
  (otherwise: readonly string[]) =>
  (cases: readonly Case[]): Case[] =>
    cases.filter((c) => !otherwise.includes(c.name) && !isPlain(c));

export const kongCases = but(namedOtherwise);
export const ingressNginxCases = but(OF_BOTH);
export const gatewayApiCases = but([]);

/** What a run of all targets asks of each: the systems whose cases are about gateways, and the one that has it. */
const SYSTEMS = { "kong-by-nginx": "equb", "ingress-nginx": "serhafen" };
export const CARRIERS: readonly string[] = Object.keys(SYSTEMS);

export const inFullRun = (target: string, { system }: Case): boolean =>
  system === "lab" || system.startsWith("fronts/") || system === SYSTEMS[target as keyof typeof SYSTEMS];
