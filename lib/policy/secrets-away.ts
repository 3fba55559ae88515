import type { Decision, State } from "./kind";

const AWAY: Decision = {
  status: 503,
  reason: "secrets-away",
  message: "Keys cannot be checked now.",
  headers: { "retry-after": "1" },
};

/** What follows from a secret's versions; while none was ever had, nobody is let in. */
export function withSecret(
  state: State,
  name: string,
  judge: (versions: readonly string[]) => Decision | Promise<Decision>,
): Decision | Promise<Decision> {
  const versions = state.secrets.versions(name);
  return versions ? judge(versions) : AWAY;
}
