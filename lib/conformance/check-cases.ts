import { instancesOf } from "./upstreams";
import { nearest } from "../model/problems";
import { CLIENT, type Case, type ExchangeStep } from "./case";
import type { System } from "./system";

/** Names in cases that mean nothing: such a case would prove nothing, or something else. */

const exchanges = ({ steps }: Case): ExchangeStep[] => steps.flatMap((step) => ("request" in step ? [step] : []));

const isThere = (name: string | undefined): name is string => name !== undefined;

/** Services that a case names. */
function servicesIn(testCase: Case): string[] {
  const expected = exchanges(testCase).flatMap(({ expect }) => [expect, ...(expect.last ? [expect.last] : [])]);
  return [
    ...Object.keys(testCase.upstreams),
    ...expected.flatMap(({ hits, reaches }) => [
      ...Object.keys(hits ?? {}),
      ...(reaches === undefined ? [] : [reaches]),
    ]),
  ];
}

function stranger(kind: string, name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  const near = meant === undefined ? `there are ${known.join(", ") || "none"}` : `is it "${meant}"?`;
  return `there is no ${kind} "${name}"; ${near}`;
}

/** What is wrong with the names in a case; `orders` means `orders-1` and `orders-2` as well. */
export function unknownNames(testCase: Case, { model, identities }: System): string[] {
  const instances = Object.entries(model.services).flatMap(([name, service]) => instancesOf(name, service));
  const services = [...new Set([...Object.keys(model.services), ...instances]), "nothing"];
  const known = Object.keys(identities.identities);
  const revoked = testCase.steps.flatMap((step) => ("revoke" in step ? [step.revoke] : []));
  const tokens = [
    ...revoked,
    ...exchanges(testCase).flatMap(({ request: { token } }) => (token === undefined ? [] : [token])),
  ];
  const keys = exchanges(testCase).flatMap(({ request: { apiKey, sign } }) => [apiKey, sign?.key].filter(isThere));
  const clients = exchanges(testCase).filter(({ request: { client } }) => client !== CLIENT);
  const environment = testCase.environment;
  const found = [
    ...(model.environments.includes(environment) ? [] : [stranger("environment", environment, model.environments)]),
    ...servicesIn(testCase)
      .filter((name) => !services.some((k) => k === name || k.startsWith(`${name}-`)))
      .map((name) => stranger("service", name, services)),
    ...tokens
      .map((token) => token.replace(/[#!].*$/, ""))
      .filter((name) => !known.includes(name))
      .map((name) => stranger("identity", name, known)),
    ...keys
      .filter((name) => !Object.hasOwn(identities.keys, name))
      .map((name) => stranger("key", name, Object.keys(identities.keys))),
  ];
  if (clients.length > 0 && model.front.networks.length === 0)
    found.push(
      "client: nobody tells the gateway of another address than the runner's, 127.0.0.1, without front.networks",
    );
  return [...new Set(found)];
}
