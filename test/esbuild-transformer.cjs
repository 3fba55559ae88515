/* global module, require */
const { createHash } = require("node:crypto");
const { transformSync, version } = require("esbuild");

/** TypeScript and ES modules for jest, without type checks: `npm run build` has those. */
module.exports = {
  process(source, file) {
    const loader = /\.[cm]?ts$/.test(file) ? "ts" : "js";
    const { code } = transformSync(source, {
      loader,
      format: "cjs",
      target: "node20",
      sourcemap: "inline",
      sourcefile: file,
      keepNames: false,
    });
    return { code };
  },
  getCacheKey: (source, file) => createHash("sha256").update(version).update(file).update(source).digest("hex"),
};
