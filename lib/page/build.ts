import { build, type Plugin } from "esbuild";
import { writeFileSync } from "node:fs";
import { STATUS_CODES } from "node:http";
import path from "node:path";

/** The page's script, of the sources: what a package has built already (`tools/build.sh`). */

const BROWSER = path.join(__dirname, "browser");
const shim = (name: string): string => path.join(BROWSER, "shims", `${name}.ts`);

/** What decisions ask Node for, by what stands in for it in a page. */
const STANDINS: Readonly<Record<string, string>> = {
  "node:crypto": shim("crypto"),
  "node:net": shim("net"),
  "node:zlib": shim("absent"),
  "node:util": shim("absent"),
  "node:stream": shim("absent"),
};

/** What judges bodies, which a question has none of, checks models, or reads what services answer: nobody calls it here. */
const UNCALLED = /^(?:graphql|ajv|ajv\/dist\/2020(?:\.js)?|ajv-formats|redos-detector|http-cache-semantics)$/;

const standIns: Plugin = {
  name: "stand-ins",
  setup(builder) {
    builder.onResolve({ filter: /^node:/ }, ({ path: name }) =>
      name in STANDINS
        ? { path: STANDINS[name] ?? "" }
        : name === "node:http"
          ? { path: name, namespace: "words" }
          : undefined,
    );
    builder.onResolve({ filter: UNCALLED }, ({ path: name }) => ({ path: name, namespace: "uncalled" }));
    builder.onLoad({ filter: /.*/, namespace: "uncalled" }, ({ path: name }) => ({
      contents: `module.exports = new Proxy(function () {}, {
        get: (_, key) => (key === "__esModule" ? true : module.exports),
        apply() { throw new Error(${JSON.stringify(`A page has no ${name}.`)}); },
        construct() { throw new Error(${JSON.stringify(`A page has no ${name}.`)}); },
      });`,
    }));
    // Messages in sixty languages, of which the models' are English.
    builder.onResolve({ filter: /locales\/index\.js$/ }, ({ resolveDir }) => ({
      path: path.join(resolveDir, "../locales/en.js"),
      namespace: "language",
    }));
    builder.onLoad({ filter: /.*/, namespace: "language" }, ({ path: file }) => ({
      contents: `export { default as en } from ${JSON.stringify(file)};`,
      resolveDir: path.dirname(file),
    }));
    builder.onLoad({ filter: /.*/, namespace: "words" }, () => ({
      contents: `export const STATUS_CODES = ${JSON.stringify(STATUS_CODES)};`,
    }));
  },
};

/** The script of the page; of another entry its exports are `page`. */
export async function buildScript(entry = "main.ts"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(BROWSER, entry)],
    bundle: true,
    minify: true,
    platform: "browser",
    target: "es2022",
    format: "iife",
    globalName: "page",
    charset: "utf8",
    inject: [shim("buffer"), shim("timers")],
    plugins: [standIns],
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

if (require.main === module)
  void buildScript().then((text) => {
    writeFileSync(process.argv[2] ?? "page.js", text);
  });
