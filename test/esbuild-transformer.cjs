/* global module, require */
const { createHash } = require("node:crypto");
const { transformSync, version } = require("esbuild");

const OPTIONS = {
  format: "cjs",
  // Node takes them in modules of a vm only with a flag.
  supported: { "dynamic-import": false },
  target: "node20",
  sourcemap: "inline",
  keepNames: false,
};

/** TypeScript and ES modules for jest, without type checks: `npm run types` has those. */
module.exports = {
  process(source, file) {
    const loader = /\.[cm]?ts$/.test(file) ? "ts" : "js";
    return { code: transformSync(source, { ...OPTIONS, loader, sourcefile: file }).code };
  },
  getCacheKey: (source, file) =>
    createHash("sha256").update(version).update(JSON.stringify(OPTIONS)).update(file).update(source).digest("hex"),
};
