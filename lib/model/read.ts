import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { isMap, isPair, isScalar, LineCounter, parseDocument, visit, type Document } from "yaml";
import { placesIn } from "./source-places";
import { diagnostic, type Diagnostic, type SourcePosition } from "../diagnostics";

/** A model as it stands in its file, not yet checked, and the way from an address in it to a line. */
export interface RawModel {
  file: string;
  value: unknown;
  locate(address: readonly PropertyKey[], key?: string): SourcePosition;
}

function positionIn(
  document: Document,
  counter: LineCounter,
  file: string,
  address: readonly PropertyKey[],
  key?: string,
): SourcePosition {
  for (let depth = address.length; depth >= 0; depth--) {
    const node = document.getIn(address.slice(0, depth) as (string | number)[], true);
    const pair =
      key !== undefined && depth === address.length && isMap(node)
        ? node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key)
        : undefined;
    const range =
      pair && isScalar(pair.key)
        ? pair.key.range
        : (node as { range?: [number, number, number] | null } | undefined)?.range;
    if (range) {
      const { line, col } = counter.linePos(range[0]);
      return { file, line, column: col };
    }
  }
  return { file };
}

/** Where keys of that name stand. */
function keysCalled(document: Document, name: string): number[] {
  const found: number[] = [];
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) && key.value === name) found.push(key.range?.[0] ?? 0);
    },
  });
  return found;
}

const FIX_PARSE = "Correct the file so that it parses; an editor with YAML or TypeScript support shows the place.";

function readYaml(file: string, shown: string): { raw?: RawModel; diagnostics: Diagnostic[] } {
  const counter = new LineCounter();
  const document = parseDocument(readFileSync(file, "utf8"), {
    lineCounter: counter,
    uniqueKeys: true,
    version: "1.2",
  });
  if (document.errors.length > 0) {
    const diagnostics = document.errors.map((error) => {
      const { line, col } = counter.linePos(error.pos[0]);
      const why = error.message.split("\n")[0] ?? error.message;
      return diagnostic("model/unparsable-file", shown, why, FIX_PARSE, { file: shown, line, column: col });
    });
    return { diagnostics };
  }
  const [hidden] = keysCalled(document, "__proto__");
  if (hidden !== undefined) {
    const { line, col } = counter.linePos(hidden);
    const why = "A member called __proto__ would be no member: JavaScript keeps something else there.";
    return {
      diagnostics: [diagnostic("model/unparsable-file", shown, why, "Rename it.", { file: shown, line, column: col })],
    };
  }
  const locate: RawModel["locate"] = (address, key) => positionIn(document, counter, shown, address, key);
  return { raw: { file: shown, value: document.toJS({ maxAliasCount: 100 }), locate }, diagnostics: [] };
}

const OWN = path.join(__dirname, "..");

/** A model that is read again is read from its file, with the files that it imports; packages and we stay what we are. */
function forget(file: string): void {
  const module = require.cache[file];
  if (!module || file.startsWith(OWN + path.sep) || file.includes(`${path.sep}node_modules${path.sep}`)) return;
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete
  delete require.cache[file];
  for (const { filename } of module.children) forget(filename);
}

/**
 * Whether models in TypeScript can be read: with tsx around this process, by tsx where it is installed, or by a Node that
 * strips types (22.18, 24).
 */
export function readsTypeScript(): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  if (".ts" in require.extensions || "jest" in globalThis) return true;
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    require("tsx/cjs");
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== "MODULE_NOT_FOUND") throw error;
    return Boolean("typescript" in process.features && process.features.typescript);
  }
}

function readModule(file: string, shown: string): RawModel {
  if (/\.[cm]?ts$/.test(file) && !readsTypeScript())
    throw new Error("This Node reads no TypeScript: install tsx beside gatewright, or take Node 22.18 or later.");
  forget(file);
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const loaded = require(file) as { default?: unknown };
  const value = loaded.default;
  const placeOf = placesIn(file, value);
  const locate: RawModel["locate"] = (address, key) => Object.assign(placeOf(address, key), { file: shown });
  return { file: shown, value, locate };
}

/** Reads a model from `.ts`, `.js`, `.yaml`, `.yml` or `.json`. */
export function readModel(file: string): { raw?: RawModel; diagnostics: Diagnostic[] } {
  const absolute = path.resolve(file);
  const shown = path.relative(process.cwd(), absolute) || file;
  if (!existsSync(absolute)) {
    const diagnostics = [
      diagnostic("model/no-model", shown, "There is no such file.", "Correct the name.", { file: shown }),
    ];
    return { diagnostics };
  }
  try {
    if (/\.(ya?ml|json)$/.test(file)) return readYaml(absolute, shown);
    if (/\.[cm]?[jt]s$/.test(file)) return { raw: readModule(absolute, shown), diagnostics: [] };
  } catch (error) {
    // esbuild says in its first line how many faults there are, and what they are below.
    const [first = "", second = ""] = error instanceof Error ? error.message.split("\n") : [String(error)];
    const said = first.endsWith(":") ? second : first;
    // Its columns count from 0.
    const [, line, column, fault] = /^.*?:(\d+):(\d+): ERROR: (.*)$/.exec(said) ?? [];
    const place = line === undefined ? {} : { line: Number(line), column: Number(column) + 1 };
    const inFile = said.startsWith(`${absolute}:`) ? place : {};
    const why = "line" in inFile ? (fault ?? said) : said;
    return { diagnostics: [diagnostic("model/unparsable-file", shown, why, FIX_PARSE, { file: shown, ...inFile })] };
  }
  const why = "Its name ends in none of .ts, .js, .yaml, .yml, .json.";
  return {
    diagnostics: [diagnostic("model/unparsable-file", shown, why, "Rename the file by its format.", { file: shown })],
  };
}
