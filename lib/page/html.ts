import Handlebars from "handlebars";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { PackedSystem } from "./packed";

const TEMPLATES = path.join(__dirname, "../../templates/page");

/** What a branch changes of a system's environment, as tables. */
export interface ShownChange {
  name: string;
  tables: readonly { caption: string; head: readonly string[]; rows: readonly (readonly string[])[] }[];
  lines: readonly string[];
}

export interface PageOptions {
  title: string;
  revision?: string;
  changes?: readonly ShownChange[];
}

/** What stands in a package already, and is made of the sources here. */
async function script(): Promise<string> {
  const built = path.join(__dirname, "page.js");
  if (existsSync(built)) return readFileSync(built, "utf8");
  return (await import("./build.js")).buildScript();
}

const hash = (text: string): string => createHash("sha256").update(text).digest("base64");

/** No text of a script ends it. */
const within = (text: string): string => text.replaceAll("</", "<\\/").replaceAll("<!--", "<\\!--");

/** One file that asks nobody for anything: its own policy forbids it. */
export async function pageHtml(systems: readonly PackedSystem[], options: PageOptions): Promise<string> {
  const style = readFileSync(path.join(TEMPLATES, "page.css"), "utf8");
  const code = within(await script());
  const template = readFileSync(path.join(TEMPLATES, "page.html.hbs"), "utf8");
  return Handlebars.compile(template, { strict: false })({
    ...options,
    ...{ style, styleHash: hash(style), script: code, scriptHash: hash(code) },
    systems: JSON.stringify(systems).replaceAll("<", "\\u003c"),
  });
}
