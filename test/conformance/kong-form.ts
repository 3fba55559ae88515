import type { Case } from "../../lib/conformance/case";
import { modelOf } from "./systems";

/**
 * Where Kong differs, by its sources: lib/targets/kong/README.md has each in words.
 */
const OTHERWISE: ReadonlySet<string> = new Set([
  // A model that lets these pass is refused.
  "a steering header that the model lets pass does",
  "a header that a host lets pass to services belongs to the key",
  // Kong's own answers have no form of a system's, and no headers of a host.
  "a large body is redirected, and is nothing on a host that nobody has named",
  "a request that is no good HTTP gets the envelope",
  "security headers are on errors of every kind",
  "TRACE gets the envelope or the 404 of the table",
  "security headers on a 405 or 404 of TRACE",
  // nginx reads an address with leading zeros, which nobody in front writes.
  "what is no address is nobody's",
  // nginx cuts a target before Kong sees it.
  "a fragment in the target is 400, wherever it stands",
  "a target in absolute form of another scheme is 400",
  // `Upgrade: websocket` is a handshake, with Connection or without, and no other spelling is.
  "a handshake that lists other protocols beside is refused, but on Istio",
  "a list with other protocols asks for one as well",
  "without Connection nothing is asked",
  "an Upgrade header without Connection asks for nothing",
  "upgrade headers do not arrive with what is no handshake",
  "a GET that offers another upgrade, or half a handshake, is still a GET of the playground",
  "the word alone is no handshake",
]);

/** So that none stays when its case is gone. */
export const kongsOwn: readonly string[] = [...OTHERWISE];

/** Where TLS ends in front of Kong it has no listener for what is plain to the client: the balancer redirects. */
const isPlain = ({ system, subject }: Case): boolean =>
  subject === "https-redirect" && modelOf(system)?.front.tls === "front";

export const kongCases = (cases: readonly Case[]): Case[] => cases.filter((c) => !OTHERWISE.has(c.name) && !isPlain(c));

/** What a run of all targets asks of it: the systems whose cases are about gateways, and the one that prefers Kong. */
export const inFullRun = ({ system }: Case): boolean =>
  system === "lab" || system === "equb" || system.startsWith("fronts/");
