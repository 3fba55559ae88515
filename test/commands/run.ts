import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { runCommand } from "../../lib/commands";
import type { GatewayInput } from "../../lib/model";
import { temporaryDirectory, writeIn } from "../support";

/** Commands as a shell would run them, and what they leave behind. */

export const ROOT = path.join(__dirname, "../..");
export const SERHAFEN = path.join(ROOT, "policies/serhafen.ts");
export const LAB = path.join(ROOT, "test/conformance/lab.ts");

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export async function run(...argv: string[]): Promise<Ran> {
  const ran: Ran = { code: -1, out: "", err: "" };
  ran.code = await runCommand(argv, { out: (text) => (ran.out += text), err: (text) => (ran.err += text) });
  return ran;
}

export const modelFile = (input: GatewayInput, directory = temporaryDirectory()): string =>
  writeIn(directory, `${input.name}.json`, JSON.stringify(input));

export function filesBelow(folder: string): Record<string, string> {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((e) => e.isFile());
  const names = files.map((e) => path.relative(folder, path.join(e.parentPath, e.name))).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(path.join(folder, name), "utf8")]));
}
