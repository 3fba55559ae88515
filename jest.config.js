/* global module */
/** Packages that are ES modules only, or import one when they need it, are transformed like our own files. */
const transformed = [
  "@opentelemetry",
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
  // What is imported when it is needed is named as it is once it is built.
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: {
    "^.+\\.[cm]?[jt]s$": "<rootDir>/test/esbuild-transformer.cjs",
  },
  transformIgnorePatterns: [`/node_modules/(?!(${transformed.join("|")})/)`],
  reporters: ["default", "<rootDir>/test/summary-reporter.js"],
  // No test is bound by the time it takes: this ends what hangs, on a machine that has other work.
  testTimeout: 300_000,
};
