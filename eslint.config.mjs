import js from "@eslint/js";
import tseslint from "typescript-eslint";

/**
 * Imports go one way, from the right to the left: diagnostics, content, identity and state know nobody, kinds of policy use
 * them, decisions run kinds, and the compiler stands on all of these.
 */
const RUN_TIME = ["diagnostics", "content", "identity", "state", "policy", "decision"];
const ORDER = [
  ...RUN_TIME,
  "model",
  "plan",
  "targets",
  "charts",
  "observability",
  "stacks",
  "cost",
  "conformance",
  "import",
  "explain",
  "page",
  "commands",
];

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

const TARGETS = ["nginx", "istio", "ingress-nginx", "gateway-api", "kong", "node-gateway", "filter"];

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
  // The filter is a service of its own: it decides, and knows nothing of the compiler.
  refuse(
    ["lib/filter/**/*.ts"],
    rooms(ORDER.filter((room) => !RUN_TIME.includes(room))),
    "lib/filter imports what decides, and nothing of the compiler.",
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
