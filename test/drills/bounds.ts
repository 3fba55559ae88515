/** How long anything may take, in one place. */

/** A proxy waits 500 ms for the filter: a later word is none. */
export const DOOR_MS = 450;
/** What needs nobody else is answered at once: the median, on a machine that does other things as well. */
export const PROMPT_MS = 20;
/** From the end of a failure to the filter being as before. */
export const RECOVERY_MS = 5_000;
