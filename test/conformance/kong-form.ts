import type { Case } from "../../lib/conformance/case";
import { modelOf } from "./systems";

/**
 * Where Kong differs, by its sources: lib/targets/kong/README.md has each in words.
 */
const OTHERWISE: ReadonlySet<string> = new Set([
  // A model that lets these pass is refused.
  "a steering header that the model lets pass does",
  "a header that a host lets pass to services belongs to the key",
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

/** Those that have Kong, and the lab, which has everything. */
const hasKong = (system: string): boolean => system === "lab" || (modelOf(system)?.targets.includes("kong") ?? false);

export const kongCases = (cases: readonly Case[]): Case[] =>
  cases.filter(({ system, name }) => hasKong(system) && !OTHERWISE.has(name));
