import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline/promises";
import { hostPattern } from "../policy/values";
import { readsTypeScript } from "../model/read";
import { TARGETS } from "../targets";
import { UsageError, type Context } from "./context";
import { freshFiles, ignoreText, manifestText, type Beginning } from "./init-files";

/** A model, its cases and what runs them, in a folder of somebody's own: `init`. */

/** Targets of a new system: the Kubernetes project has ended ingress-nginx. */
const NEW = TARGETS.map((t) => t.name).filter((name) => name !== "ingress-nginx");

const NAME = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;

/** What is asked, the answer where nobody answers, and what is wrong with an answer. */
const QUESTIONS: readonly {
  key: "name" | "host" | "issuer" | "target";
  text: string;
  otherwise: string;
  wrong: (answer: string) => string | undefined;
}[] = [
  {
    key: "name",
    text: "Name of the system",
    otherwise: "shop",
    wrong: (a) => (NAME.test(a) && a.length <= 40 ? undefined : "small letters, digits and hyphens, 40 at most"),
  },
  {
    key: "host",
    text: "Its host",
    otherwise: "api.shop.example",
    wrong: (a) =>
      hostPattern.safeParse(a).success && !a.startsWith("*")
        ? undefined
        : "a host name without a port or star, such as api.shop.example",
  },
  {
    key: "issuer",
    text: "Issuer of its tokens (none: nobody signs in)",
    otherwise: "https://login.shop.example",
    wrong: (a) =>
      a === "none" || /^https:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(a)
        ? undefined
        : "an https URL as tokens have it in iss, or none",
  },
  {
    key: "target",
    text: "Where it runs",
    otherwise: "nginx",
    wrong: (a) => {
      return a.split(",").every((name) => NEW.includes(name)) ? undefined : `some of ${NEW.join(", ")}`;
    },
  },
];

async function answers({ values, output }: Context): Promise<Record<(typeof QUESTIONS)[number]["key"], string>> {
  const given: Record<string, string | undefined> = {
    name: values.name,
    host: values.host,
    issuer: values.issuer,
    target: values.target?.join(","),
  };
  const asks = !values.yes && process.stdin.isTTY;
  const reader = asks ? createInterface({ input: process.stdin, output: process.stderr }) : undefined;
  const found: Record<string, string> = {};
  try {
    for (const { key, text, otherwise, wrong } of QUESTIONS) {
      let answer = given[key] ?? (reader ? (await reader.question(`${text} [${otherwise}]: `)).trim() : "");
      if (answer === "") answer = otherwise;
      for (let why = wrong(answer); why !== undefined; why = wrong(answer)) {
        if (!reader || given[key] !== undefined) throw new UsageError(`Write --${key} as ${why}.`);
        output.err(`Write ${why}.\n`);
        answer = (await reader.question(`${text} [${otherwise}]: `)).trim() || otherwise;
      }
      found[key] = answer;
    }
  } finally {
    reader?.close();
  }
  return found;
}

/** `init` on the command line. A file that is there is never written over. */
export async function initCommand(context: Context): Promise<number> {
  const { values, output } = context;
  if (context.args.length > 0) throw new UsageError(`init takes no "${context.args[0] ?? ""}"; see gatewright --help.`);
  const asked = await answers(context);
  const root = values.out ?? ".";
  const beginning: Beginning = {
    name: asked.name,
    host: asked.host,
    targets: asked.target.split(","),
    ...(asked.issuer !== "none" && { issuer: asked.issuer }),
    typescript: readsTypeScript(),
  };
  const fresh = freshFiles(beginning);
  const there = Object.keys(fresh).filter((name) => existsSync(path.join(root, name)));
  if (there.length > 0) throw new UsageError(`There is ${there.join(", ")} already: nothing was written.`);
  const manifest = path.join(root, "package.json");
  const ignore = path.join(root, ".gitignore");
  const files: Record<string, string> = {
    ...fresh,
    "package.json": manifestText(manifest),
    ".gitignore": ignoreText(ignore),
  };
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  if (values.json) output.out(`${JSON.stringify({ formatVersion: 1, files: Object.keys(files) }, null, 2)}\n`);
  else output.out(`${Object.keys(files).join("\n")}\n\nNext: gatewright check, gatewright test, gatewright synth\n`);
  return 0;
}
