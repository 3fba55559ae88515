import type { Case } from "./case";
import { runCase, type CaseResult } from "./run-case";
import type { Stand, StandFactory, StandOptions } from "./stands/stand";
import { revocationKeys, systemIn, type System } from "./system";

/** Cases that can share a running stand. */
function groupsOf(cases: readonly Case[]): Case[][] {
  const groups = new Map<string, Case[]>();
  for (const c of cases) {
    const key = JSON.stringify([c.system, c.environment, c.replicas]);
    groups.set(key, [...(groups.get(key) ?? []), c]);
  }
  return [...groups.values()];
}

/** What a case asks for that its system does not have; such a case is skipped, never passed. */
function notYet(testCase: Case, system: System | undefined): string | undefined {
  if (!system) return `there is no model of ${testCase.system} yet`;
  if (!system.model.environments.includes(testCase.environment))
    return `${system.name} has no environment "${testCase.environment}"`;
  const text = JSON.stringify(testCase.steps);
  if (/"revoke":|!revoked/.test(text) && revocationKeys(system.model).length === 0)
    return `${system.name} revokes no tokens`;
  return undefined;
}

/** A stand for the cases of a group; one that does not come up again between two of them is begun anew, once for each. */
class Standing {
  #stand: Stand | undefined;

  constructor(
    private readonly factory: StandFactory,
    private readonly options: StandOptions,
  ) {}

  /** Why it cannot be had, if it cannot. */
  async begin(): Promise<string | undefined> {
    const found = await this.factory(this.options);
    if ("unavailable" in found) return found.unavailable;
    this.#stand = found;
    return undefined;
  }

  async run(testCase: Case): Promise<CaseResult> {
    const { target } = this.#stand as Stand;
    try {
      return await runCase(this.#stand as Stand, testCase);
    } catch (error) {
      // A part that did not come up again says nothing of the case, and must not take the others along.
      process.stderr.write(`${target}, ${testCase.name}: ${String(error)}\n`);
      await this.stop();
      const why = await this.begin();
      if (why !== undefined) throw error;
      return runCase(this.#stand as unknown as Stand, testCase);
    }
  }

  async stop(): Promise<void> {
    await this.#stand?.stop();
    this.#stand = undefined;
  }
}

/** Runs cases on one target, stand by stand. */
export async function runCases(
  factory: StandFactory,
  cases: readonly Case[],
  systemOf: (name: string) => System | undefined,
  options: { untilFailure?: boolean } = {},
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  const skip = (c: Case, why: string): void => void results.push({ case: c, outcome: "skipped", details: [why] });
  const runnable = cases.filter((c) => {
    const why = notYet(c, systemOf(c.system));
    if (why !== undefined) skip(c, why);
    return why === undefined;
  });
  for (const group of groupsOf(runnable)) {
    const [{ environment, replicas, system }] = group as [Case];
    const standing = new Standing(factory, {
      system: systemIn(systemOf(system) as System, environment),
      environment,
      replicas,
    });
    const why = await standing.begin();
    if (why !== undefined) {
      for (const c of group) skip(c, why);
      continue;
    }
    try {
      for (const c of group) {
        const result = await standing.run(c);
        results.push(result);
        if (options.untilFailure && result.outcome === "failed") return results;
      }
    } finally {
      await standing.stop();
    }
  }
  return results;
}
