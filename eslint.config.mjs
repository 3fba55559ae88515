import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** Imports go one way: diagnostics → policy → model → plan → targets → charts → commands → bin. */
const ORDER = ["diagnostics", "policy", "model", "plan", "targets", "charts", "commands"];

const forbidden = (room) => ORDER.slice(ORDER.indexOf(room) + 1);

const layers = ORDER.map((room) => ({
  files: [`lib/${room}/**/*.ts`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            group: [
              ...forbidden(room).map((r) => `**/${r}`),
              ...forbidden(room).map((r) => `**/${r}/**`),
              "**/filter/server",
              "**/test/**",
            ],
            message: `lib/${room} may not import this.`,
          },
        ],
      },
    ],
  },
}));

const TARGETS = ["nginx", "istio", "ingress-nginx", "filter"];

export default tseslint.config(
  { ignores: ["imports/", "dist/", ".cache/", "node_modules/", "tools/", "coverage/"] },
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
  {
    files: ["lib/filter/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["model", "plan", "targets", "charts", "commands"].map((r) => `../${r}/**`),
              message: "lib/filter imports lib/policy only.",
            },
          ],
        },
      ],
    },
  },
  // No target knows another one.
  ...TARGETS.map((target) => ({
    files: [`lib/targets/${target}/**/*.ts`],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: TARGETS.filter((t) => t !== target)
                .map((t) => `../${t}/**`)
                .concat(["../../charts/**", "../../commands/**"]),
              message: "No target imports another.",
            },
          ],
        },
      ],
    },
  })),
  { files: ["**/*.mjs", "**/*.js"], ...tseslint.configs.disableTypeChecked },
);
