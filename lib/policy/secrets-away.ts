import { notNow, type Decision, type State } from "./kind";

const AWAY = notNow("secrets-away", "Keys cannot be checked now.");

/** What follows from a secret's versions; while none was ever had, nobody is let in. */
export function withSecret(
  state: State,
  name: string,
  judge: (versions: readonly string[]) => Decision | Promise<Decision>,
): Decision | Promise<Decision> {
  const versions = state.secrets.versions(name);
  return versions ? judge(versions) : AWAY;
}
