import path from "node:path";
import { readCases, type Case } from "../../lib/conformance/case";
import { hostName } from "../../lib/decision/request-target";
import type { ExplainQuestion } from "../../lib/explain/explanation";
import type { HeaderLine } from "../../lib/policy";
import type { Typed } from "../../lib/page/browser/typed";
import type { System } from "../../lib/conformance/system";

/** Every request of the suite that somebody could type into a page, as a page has it and as `explain` has it. */

export const SYSTEMS = ["lab", "serhafen", "equb", "maternal", "mmr"];

const CASES = readCases(path.join(__dirname, "../conformance/cases"));

export interface Question {
  of: string;
  typed: Typed;
  asked: ExplainQuestion;
}

const HANDSHAKE: readonly HeaderLine[] = [
  ["connection", "Upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
];

type Request = Extract<Case["steps"][number], { request: unknown }>["request"];

const canBeTyped = ({ host, path: target }: Request, lines: readonly HeaderLine[]): boolean =>
  /^[^\s/?#:]+ \/\S*$/.test(`${host} ${target}`) &&
  lines.every(
    ([name, value]) => /^[\x21-\x7e]+$/.test(name) && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value),
  );

export function questionsOf({ name, identities }: System): Question[] {
  const requests = CASES.filter((c) => c.system === name && c.environment === "production").flatMap((c) =>
    c.steps.flatMap((step) => ("request" in step ? [{ of: c.name, request: step.request }] : [])),
  );
  return requests.flatMap(({ of, request }) => {
    const { scheme, method, host, path: target, headers, token = "", client } = request;
    const claims = identities.identities[token.replace(/[!#].*$/, "")]?.claims;
    const lines = Object.entries(headers).flatMap(([n, all]) => [all].flat().map((value): HeaderLine => [n, value]));
    if (request.websocket) lines.push(...HANDSHAKE);
    if (!canBeTyped(request, lines)) return [];
    const typed = {
      ...{ method, client, url: `${scheme}://${host}${target}`, claims: claims ? JSON.stringify(claims) : "" },
      headers: lines.map(([n, value]) => `${n}: ${value}`).join("\n"),
    };
    const asked = { method, scheme, host: hostName(host), target, client, headers: lines, ...(claims && { claims }) };
    return [{ of, typed, asked }];
  });
}

const ANY_ID = /[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}/g;

/** With what is random made the same. */
export const settled = (text: string): string => text.replaceAll(ANY_ID, "ID");
