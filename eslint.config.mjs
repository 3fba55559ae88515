import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** Imports go one way: diagnostics → policy → model → plan → targets → charts → stacks → cost → commands → bin. */
const ORDER = ["diagnostics", "policy", "model", "plan", "targets", "charts", "stacks", "cost", "commands"];

const TESTS = ["**/test", "**/test/**"];

/** Patterns of a room however deep the importer stands: its index and everything in it. */
const rooms = (names) => names.flatMap((name) => [`**/${name}`, `**/${name}/**`]);

const refuse = (files, group, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group: [...group, ...TESTS], message }] }] },
});

const layers = ORDER.map((room) =>
  refuse(
    [`lib/${room}/**/*.ts`],
    // Only a command may start the service.
    rooms([...ORDER.slice(ORDER.indexOf(room) + 1), ...(room === "commands" ? [] : ["filter/server"])]),
    `lib/${room} may not import this.`,
  ),
);

const TARGETS = ["nginx", "istio", "ingress-nginx", "node-gateway", "filter"];

export default tseslint.config(
  { ignores: ["imports/", "dist/", ".cache/", "node_modules/", "tools/", "coverage/", "**/*.cjs"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: false }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true, varsIgnorePattern: "^_" }],
    },
  },
  ...layers,
  // The filter is a service of its own: it knows the kinds and nothing else of the compiler.
  refuse(
    ["lib/filter/**/*.ts"],
    rooms(ORDER.filter((room) => room !== "policy" && room !== "diagnostics")),
    "lib/filter imports lib/policy only.",
  ),
  // No target knows another one.
  ...TARGETS.map((target) =>
    refuse(
      [`lib/targets/${target}/**/*.ts`],
      [
        ...TARGETS.filter((t) => t !== target).flatMap((t) => [`../${t}`, `../${t}/**`]),
        ...rooms(["charts", "commands"]),
      ],
      "No target imports another.",
    ),
  ),
  { files: ["**/*.mjs", "**/*.js"], ...tseslint.configs.disableTypeChecked },
);
