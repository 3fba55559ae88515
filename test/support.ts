import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { formatDiagnostic, type Diagnostic, type DiagnosticCode, type Result } from "../lib/diagnostics";
import { checkModel, type GatewayInput, type GatewayModel } from "../lib/model";

/** What several tests share. */

interface Expected {
  code: DiagnosticCode;
  at: string;
}

const sorted = (list: readonly Expected[]): string[] => list.map(({ code, at }) => `${code} ${at}`).sort();

/** Exactly these, neither more nor fewer, in whatever order. */
export function expectDiagnostics(diagnostics: readonly Diagnostic[], expected: readonly Expected[]): void {
  expect(sorted(diagnostics)).toEqual(sorted(expected));
  for (const d of diagnostics) {
    expect(d.why).not.toBe("");
    expect(d.fix).not.toBe("");
  }
}

/** Checks a value as if it stood in a file of code, where no line is known. */
export function check(value: unknown): Result<GatewayModel> {
  return checkModel({ file: "model.ts", value, locate: () => ({ file: "model.ts" }) });
}

export function goodModel(input: GatewayInput): GatewayModel {
  const { value, diagnostics } = check(input);
  if (!value) throw new Error(diagnostics.map(formatDiagnostic).join("\n"));
  return value;
}

/** A small model, with whatever a test wants to be otherwise. */
export function small(change: Partial<GatewayInput> = {}): GatewayInput {
  return {
    name: "shop",
    targets: ["nginx"],
    environments: ["production"],
    hosts: { "api.shop.test": {} },
    issuers: {
      accounts: { issuer: "https://accounts.shop.test", jwks: { url: "https://accounts.shop.test/keys" } },
    },
    services: { orders: { address: "orders.default.svc.cluster.local:3000" } },
    routes: [{ name: "orders", match: { prefix: ["/orders"] }, service: "orders" }],
    ...change,
  };
}

const directories: string[] = [];

export function temporaryDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "gatewright-test-"));
  directories.push(directory);
  return directory;
}

export function writeIn(directory: string, name: string, content: string | Buffer): string {
  const file = path.join(directory, name);
  writeFileSync(file, content);
  return file;
}

export function removeTemporaryDirectories(): void {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

/** One word of an nginx configuration: as nginx reads it, and whether it stood in quotes. */
export interface Word {
  text: string;
  quoted: boolean;
}

export interface Directive {
  name: string;
  args: Word[];
  block?: Directive[];
}

const unescape = (raw: string): string =>
  raw.replace(/\\(["'\\trn])/g, (_, c: string) => ({ t: "\t", r: "\r", n: "\n" })[c] ?? c);

type Token = Word | ";" | "{" | "}";

/** As ngx_conf_read_token does it: quotes and comments only at the start of a word, `${` is no block. */
function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  let i = 0;
  while (i < source.length) {
    const c = source[i] as string;
    if (/\s/.test(c)) i++;
    else if (c === "#") {
      const end = source.indexOf("\n", i);
      i = end < 0 ? source.length : end;
    } else if (c === ";" || c === "{" || c === "}") {
      tokens.push(c);
      i++;
    } else if (c === '"' || c === "'") {
      let end = i + 1;
      while (end < source.length && source[end] !== c) end += source[end] === "\\" ? 2 : 1;
      if (end >= source.length) throw new Error("A quote is not closed.");
      tokens.push({ text: unescape(source.slice(i + 1, end)), quoted: true });
      i = end + 1;
      if (!/[\s;{)]/.test(source[i] ?? " ")) throw new Error(`Unexpected "${source[i] ?? ""}" behind a quote.`);
    } else {
      let end = i;
      while (end < source.length && !/[\s;{]/.test(source[end] as string)) {
        if (source[end] === "\\") end++;
        else if (source[end] === "$" && source[end + 1] === "{") end++;
        end++;
      }
      tokens.push({ text: unescape(source.slice(i, end)), quoted: false });
      i = end;
    }
  }
  return tokens;
}

/** Reads an nginx configuration into its tree; what nginx would not read is an error. */
export function parseNginx(source: string): Directive[] {
  const root: Directive[] = [];
  const open: Directive[][] = [root];
  let words: Word[] = [];
  for (const token of tokensOf(source)) {
    const here = open[open.length - 1] as Directive[];
    if (token === "}") {
      if (words.length > 0 || open.length === 1) throw new Error('Unexpected "}".');
      open.pop();
    } else if (token === ";" || token === "{") {
      const [name, ...args] = words;
      if (!name) throw new Error(`Unexpected "${token}".`);
      const block: Directive[] | undefined = token === "{" ? [] : undefined;
      here.push({ name: name.text, args, ...(block && { block }) });
      if (block) open.push(block);
      words = [];
    } else words.push(token);
  }
  if (words.length > 0 || open.length > 1) throw new Error("Unexpected end of file.");
  return root;
}
