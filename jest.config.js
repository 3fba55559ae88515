/* global module */
/** TypeScript through swc, without type checks: `npm run build` has those. Packages that are ES modules only go through it too. */
const esmOnly = [
  "jose",
  "selfsigned",
  "@peculiar",
  "fast-check",
  "pure-rand",
  "pkijs",
  "asn1js",
  "pvtsutils",
  "pvutils",
];

/** @type {import("jest").Config} */
module.exports = {
  testEnvironment: "node",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "<rootDir>/\\.cache/"],
  modulePathIgnorePatterns: ["<rootDir>/\\.cache/"],
  transform: {
    "^.+\\.[cm]?[jt]s$": [
      "@swc/jest",
      {
        jsc: { target: "es2022", parser: { syntax: "typescript" }, keepClassNames: true },
        module: { type: "commonjs" },
        sourceMaps: "inline",
      },
    ],
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esmOnly.join("|")})/)`],
  reporters: ["default", "<rootDir>/test/summary-reporter.js"],
  testTimeout: 30_000,
};
