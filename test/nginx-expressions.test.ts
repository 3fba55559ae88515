import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { GatewayModel } from "../lib/model";
import { compile } from "../lib/targets";
import { FRONT_MODELS } from "./conformance/fronts";
import { modelOf } from "./conformance/systems";
import { removeTemporaryDirectories, temporaryDirectory } from "./support";

/**
 * A client chooses the texts that nginx' regular expressions look at, before any limit holds. PCRE2 itself counts here how
 * often it goes back: by grep, without its compiler and its shortcuts, which count in another way.
 */

const BYTES = 16 * 1024;
/** So many steps a byte are linear; a quadratic expression takes thousands. */
const STEPS = 40;

const hasPcre = spawnSync("grep", ["-P", "(*NO_JIT)a"], { input: "a\n" }).status === 0;

/** Every expression of a configuration, as PCRE2 gets it. */
function expressionsOf(conf: string): string[] {
  const quoted = [...conf.matchAll(/(?:"~(\*?)|!?~(\*?) ")((?:[^"\\]|\\.)*)"/g)];
  return quoted.map(([, inMap, inIf, text = ""]) => `${inMap || inIf ? "(?i)" : ""}${text.replace(/\\"/g, '"')}`);
}

const models = ["serhafen", "lab", "sessions", ...Object.keys(FRONT_MODELS)].map(
  (name) => modelOf(name) as GatewayModel,
);
const expressions = [
  ...new Set(
    models.flatMap((model) => {
      const { value } = compile({ ...model, targets: ["nginx"] }, "production");
      return expressionsOf(value?.files.find((f) => f.path.endsWith("nginx.conf"))?.content ?? "");
    }),
  ),
];

const fill = (unit: string, last = ""): string => unit.repeat(Math.ceil(BYTES / unit.length)).slice(0, BYTES) + last;

const units = ["a", ",", " ", "/", ":", "1", "%41", "%C3%A9", "%2e", "..", "/.", "upgrade,", "upgrade ,", "websocket,"];
const more = [
  "keep-alive, ",
  "te,",
  "1.1.1.1,",
  "1.1.1.1 ",
  "f:",
  "::",
  "1:1.1.1.1,",
  "[::ffff:1.1.1.1]:1,",
  "?",
  "-x",
];
const texts = [...units, ...more].flatMap((unit) => [
  fill(unit),
  fill(unit, "!"),
  `1:${fill(unit, "!")}`,
  `upgrade:${fill(unit)}`,
]);

afterAll(removeTemporaryDirectories);

(hasPcre ? describe : describe.skip)("every expression takes a time that grows with the text, and no faster", () => {
  const file = path.join(temporaryDirectory(), "texts");
  writeFileSync(file, texts.join("\n"));
  const isLinear = (expression: string): boolean =>
    spawnSync("grep", [
      "-acP",
      `(*NO_JIT)(*NO_AUTO_POSSESS)(*NO_START_OPT)(*LIMIT_MATCH=${String(STEPS * BYTES)})${expression}`,
      file,
    ]).stderr.length === 0;

  test("there are such, and what is quadratic is found", () => {
    expect(expressions.length).toBeGreaterThan(30);
    expect(isLinear("^([^:]*[,\\s])?upgrade([,\\s][^:]*)?:websocket$")).toBe(false);
    expect(isLinear("^(a+)+b$")).toBe(false);
  });

  test.each(expressions.map((e) => [e]))("%s", (expression) => {
    expect(isLinear(expression)).toBe(true);
  });
});
