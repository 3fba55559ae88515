import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { IDENTITIES, readCases, type Case } from "../conformance/case";
import { trustOf } from "../conformance/certificates";
import { NOBODY, readIdentities, type SystemIdentities } from "../conformance/identity-file";
import type { System } from "../conformance/system";
import type { GatewayModel } from "../model";
import { UsageError, type Context } from "./context";

/** Where cases are looked for, and who calls in them. */
export const CASES = "cases";

function identitiesIn(file: string, isNamed: boolean): Record<string, SystemIdentities> {
  if (!isNamed && !existsSync(file)) return {};
  try {
    return readIdentities(file);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Secrets that hold keys of clients by their ids. */
function ringsOf({ policies, hosts, services, routes, overlays }: GatewayModel): Set<string> {
  const named = [...Object.values(hosts), ...Object.values(services), ...routes, ...Object.values(overlays)];
  const all = [policies, ...named.map((item) => item.policies)] as Record<
    string,
    { secret?: string } | null | undefined
  >[];
  return new Set(
    all.flatMap(({ apiKey, signature }) => [apiKey?.secret, signature?.secret]).filter((s) => s !== undefined),
  );
}

/** Secrets that the identities say nothing of have values that nobody knows. */
function withSecrets(model: GatewayModel, identities: SystemIdentities): { all: SystemIdentities; madeUp: string[] } {
  const given = Object.values(identities.keys).flatMap(({ secret }) => secret ?? []);
  const madeUp = Object.keys(model.secrets).filter((name) => !given.includes(name));
  const keys = { ...identities.keys };
  const rings = ringsOf(model);
  for (const secret of madeUp) {
    const value = randomBytes(32).toString("hex");
    keys[`secret ${secret}`] = { secret, value, ...(rings.has(secret) && { id: "nobody" }) };
  }
  return { all: { ...identities, keys }, madeUp };
}

/** Authority of a run, where the model means the system's own. */
const OF_RUN = "gatewright-run-ca";

/** Where TLS says no name or authority the service's address and the system's are meant: a run has other ones. */
function withNames(model: GatewayModel): GatewayModel {
  const services = Object.entries(model.services).map(([name, service]) => {
    const { tls, address } = service;
    const own = tls && { ...tls, serverName: tls.serverName ?? address.replace(/:\d+$/, ""), ca: tls.ca ?? OF_RUN };
    return [name, { ...service, ...(own && { tls: own }) }];
  });
  return { ...model, services: Object.fromEntries(services) as GatewayModel["services"] };
}

/** The systems of some models, with the identities that stand beside their cases, or that `--identities` names. */
export function systemsOf({ values, output }: Context, models: readonly GatewayModel[]): Map<string, System> {
  const file = values.identities ?? path.join(values.cases ?? CASES, IDENTITIES);
  const known = identitiesIn(file, values.identities !== undefined);
  return new Map(
    models.map((given) => {
      const model = withNames(given);
      const { all, madeUp } = withSecrets(model, known[model.name] ?? NOBODY);
      if (madeUp.length > 0)
        output.err(`${model.name}: ${file} gives ${madeUp.join(", ")} no value (keys): they have random ones here.\n`);
      return [model.name, { name: model.name, model, identities: all, trust: trustOf(model) }];
    }),
  );
}

/** Cases of a folder whose name has a text, or whose file is called so. */
export function casesOf(folder: string, name: string | undefined): Case[] {
  if (!existsSync(folder))
    throw new UsageError(`There is no ${folder}/: put cases there, or name their folder with --cases.`);
  try {
    return readCases(folder).filter((c) => name === undefined || c.name.includes(name) || c.subject === name);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
