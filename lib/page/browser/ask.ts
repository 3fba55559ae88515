import { isIP } from "node:net";
import { explain, type Explanation } from "../../explain/explanation";
import { namesOfHost } from "../../decision/gateway";
import { hostName } from "../../decision/request-target";
import type { HeaderLine } from "../../policy";
import type { PageSystem } from "../packed";
import type { Typed } from "./typed";

export class Unreadable extends Error {}

function claimsIn(text: string): Record<string, unknown> | undefined {
  if (text.trim() === "") return undefined;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Unreadable("The claims are no JSON.");
  }
  if (typeof found !== "object" || found === null || Array.isArray(found))
    throw new Unreadable("Write the claims as a JSON object.");
  return found as Record<string, unknown>;
}

function headersIn(text: string): HeaderLine[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1) throw new Unreadable(`"${line}" is no header: write name: value.`);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
}

/** Taken apart as text: a URL parser would clean the path before it is judged. */
const URL_FORM = /^(https?):\/\/([^\s/?#:]+)(?::\d*)?(\/\S*)?$/;

export const hasHost = ({ gateway }: PageSystem, host: string): boolean =>
  gateway.hosts.some((h) => namesOfHost(h).some(([name]) => name === host));

/** What `gatewright explain` says of it. */
export async function ask(system: PageSystem, typed: Typed): Promise<Explanation> {
  const [, scheme, host, target = "/"] = URL_FORM.exec(typed.url.trim()) ?? [];
  if (host === undefined) throw new Unreadable("Write the URL as https://host/path.");
  if (isIP(typed.client) === 0) throw new Unreadable("Write the client's address as an IP address.");
  const claims = claimsIn(typed.claims);
  return explain(system, system, {
    method: typed.method,
    scheme: scheme === "http" ? "http" : "https",
    host: hostName(host),
    target,
    headers: headersIn(typed.headers),
    client: typed.client,
    ...(claims && { claims }),
  });
}

export { exampleOf } from "./example";
export { unpack } from "../packed";
