import Handlebars from "handlebars";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { version } from "../../package.json";
import { UsageError } from "./context";

const TEMPLATES = path.join(__dirname, "../../templates/init");

export interface Beginning {
  name: string;
  host: string;
  targets: readonly string[];
  /** Of its tokens; nobody signs in where there is none. */
  issuer?: string;
  /** Whether models in TypeScript can be read here. */
  typescript: boolean;
}

const SCRIPTS = { check: "gatewright check", test: "gatewright test", synth: "gatewright synth" };

const IGNORED = ["node_modules/", "gatewright.xml"];

/** Files of a beginning that were not there, each whole enough to be right as it is. */
export function freshFiles(beginning: Beginning): Record<string, string> {
  const { name, issuer, typescript } = beginning;
  const keys = `${issuer?.replace(/\/$/, "") ?? ""}/.well-known/jwks.json`;
  const filled = (template: string): string =>
    Handlebars.compile(readFileSync(path.join(TEMPLATES, `${template}.hbs`), "utf8"), {
      noEscape: true,
      strict: false,
    })({
      ...beginning,
      keys,
      quoted: beginning.targets.map((name) => JSON.stringify(name)).join(", "),
      plain: beginning.targets.join(", "),
    });
  return {
    [`policies/${name}.${typescript ? "ts" : "yaml"}`]: filled(typescript ? "model.ts" : "model.yaml"),
    [`cases/${name}.yaml`]: filled("cases.yaml"),
    ...(issuer !== undefined && { "cases/identities.yaml": filled("identities.yaml") }),
    ".github/workflows/gatewright.yaml": filled("workflow.yaml"),
  };
}

interface Manifest {
  private?: boolean;
  scripts?: Record<string, string>;
  devDependencies?: Record<string, string>;
  dependencies?: Record<string, string>;
}

function manifestIn(file: string): Manifest {
  const wrong = new UsageError(`${file} is no package.json: nothing was written.`);
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw wrong;
  }
  const scripts = (found as { scripts?: unknown } | null)?.scripts ?? {};
  if (typeof found !== "object" || Array.isArray(found) || Array.isArray(scripts)) throw wrong;
  return found as Manifest;
}

/** Scripts and the package itself, beside what the manifest has already. */
export function manifestText(file: string): string {
  const found = existsSync(file) ? manifestIn(file) : { private: true };
  // npm writes one that says that there is none.
  const own = Object.entries(found.scripts ?? {}).filter(([, text]) => !text.includes("no test specified"));
  const has = found.dependencies?.["gatewright"] ?? found.devDependencies?.["gatewright"];
  const manifest: Manifest = {
    ...found,
    scripts: { ...SCRIPTS, ...Object.fromEntries(own) },
    ...(has === undefined && { devDependencies: { ...found.devDependencies, gatewright: version } }),
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

export function ignoreText(file: string): string {
  const found = existsSync(file) ? readFileSync(file, "utf8") : "";
  const missing = IGNORED.filter((line) => !found.split("\n").includes(line));
  if (missing.length === 0) return found;
  return `${found === "" || found.endsWith("\n") ? found : `${found}\n`}${missing.join("\n")}\n`;
}
