import { existsSync, readFileSync } from "node:fs";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { SecretSource } from "../policy";
import type { FilterPlan, SecretPlace } from "../decision/filter-plan";
import { bounded } from "./deadline";
import { RefreshLoop } from "./refresh-loop";

export interface SecretTimes {
  /** How often a secret is looked at again, less up to half of it by chance. */
  refreshMs: number;
}

export const SECRET_TIMES: SecretTimes = { refreshMs: 5 * 60_000 };

const READ_TIMEOUT_MS = 3_000;

const STAGES = ["AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"] as const;

let client: SecretsManagerClient | undefined;

/** One version; nothing where the secret has none of that stage. */
async function stageOf(id: string, stage: (typeof STAGES)[number]): Promise<string | undefined> {
  // Large, and only loaded by those who keep a secret there.
  const { GetSecretValueCommand, SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager");
  client ??= new SecretsManagerClient({ maxAttempts: 2 });
  try {
    const asked = client;
    const command = new GetSecretValueCommand({ SecretId: id, VersionStage: stage });
    const answer = await bounded(READ_TIMEOUT_MS, "Secrets Manager is too slow.", (abortSignal) =>
      asked.send(command, { abortSignal }),
    );
    return answer.SecretString;
  } catch (error) {
    if (stage !== "AWSCURRENT" && (error as Error).name === "ResourceNotFoundException") return undefined;
    throw error;
  }
}

const lineOf = (file: string): string => readFileSync(file, "utf8").replace(/\r?\n$/, "");

/** The present version, which may be missing, and others that are in use. */
async function read({ env, file, awsSecretsManager }: SecretPlace): Promise<(string | undefined)[]> {
  if (awsSecretsManager !== undefined) {
    return Promise.all(STAGES.map((stage) => stageOf(awsSecretsManager, stage)));
  }
  if (file !== undefined) return [file, `${file}.previous`].filter((f, i) => i === 0 || existsSync(f)).map(lineOf);
  return [process.env[env ?? ""], process.env[`${env ?? ""}_PREVIOUS`]];
}

function isRing(text: string): boolean {
  try {
    const ring: unknown = JSON.parse(text);
    if (typeof ring !== "object" || ring === null || Array.isArray(ring)) return false;
    const keys = Object.values(ring);
    return keys.length > 0 && keys.every((key) => typeof key === "string" && key !== "");
  } catch {
    return false;
  }
}

/** The secrets of a plan: read at start and again in the background; the last good ones stay. */
export class Secrets implements SecretSource {
  readonly #versions = new Map<string, readonly string[]>();
  readonly #generations = new Map<string, number>();
  readonly #loop = new RefreshLoop();

  private readonly places: FilterPlan["secrets"];
  /** Secrets that hold keys by id. */
  readonly #rings: ReadonlySet<string>;

  constructor(
    { secrets, hosts }: FilterPlan,
    private readonly times: SecretTimes = SECRET_TIMES,
  ) {
    this.places = secrets;
    const policies = hosts.flatMap((host) => [...host.policies, ...host.routes.flatMap((route) => route.policies)]);
    const ringed = policies.filter(({ kind }) => kind === "apiKey" || kind === "signature");
    this.#rings = new Set(ringed.map(({ config }) => (config as { secret: string }).secret));
  }

  get ready(): boolean {
    return Object.keys(this.places).every((name) => this.#versions.has(name));
  }

  versions(name: string): readonly string[] | undefined {
    return this.#versions.get(name);
  }

  generation(name: string): number {
    return this.#generations.get(name) ?? 0;
  }

  start(onError: (name: string, error: unknown) => void): void {
    for (const [name, place] of Object.entries(this.places)) {
      this.#loop.begin(this.times.refreshMs, async () => {
        try {
          this.#take(name, await read(place));
        } catch (error) {
          onError(name, error);
        }
        return this.#versions.has(name);
      });
    }
  }

  stop(): void {
    this.#loop.stop();
  }

  /** A present version that is no good never replaces a good one; what is unchanged stays the same object. */
  #take(name: string, [current = "", ...others]: readonly (string | undefined)[]): void {
    const isGood = this.#rings.has(name) ? isRing : (text: string): boolean => text !== "";
    if (!isGood(current))
      throw new Error(this.#rings.has(name) ? "It is no JSON object of keys by id." : "It is empty.");
    const versions = [current, ...(others.filter((text = "") => isGood(text)) as string[])];
    const known = this.#versions.get(name);
    if (known && JSON.stringify(known) === JSON.stringify(versions)) return;
    this.#versions.set(name, versions);
    this.#generations.set(name, this.generation(name) + 1);
  }
}
