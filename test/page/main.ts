import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type Locator, type Page } from "playwright-core";
import { runCommand } from "../../lib/commands";
import { explain } from "../../lib/explain/explanation";
import { pageHtml } from "../../lib/page/html";
import { checkModel } from "../../lib/model";
import { pack } from "../../lib/page/packed";
import { compile } from "../../lib/targets";
import { scaleModel } from "../bench/parts/scale-model";
import { knownSystem } from "../conformance/systems";
import { Tally } from "../tally";
import { questionsOf, settled, SYSTEMS } from "./questions";

/** The page in a real browser: what it says of every request of the suite, by keyboard, in a page of ten thousand routes. */

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((f) =>
  existsSync(f),
);
const TOKENS = path.join(__dirname, "../conformance/tokens.yaml");
const MIB = 1024 * 1024;
/** Long for a page, and short for who waits. */
const PATIENCE_MS = 20_000;

/** Why something does not appear; nothing where it does. */
const missing = (what: Locator): Promise<string[]> =>
  what.waitFor({ timeout: PATIENCE_MS }).then(
    () => [],
    (error: unknown) => [String(error).split("\n")[0] ?? ""],
  );

/** In the page, which has types of its own: fills the form in, sends it off, and waits for its verdict. */
const JUDGE = `(typed) => {
  const form = document.querySelector("form");
  for (const [name, value] of Object.entries(typed)) form.elements.namedItem(name).value = value;
  const verdict = document.querySelector("#verdict");
  verdict.replaceChildren();
  const said = new Promise((resolve) => {
    new MutationObserver((_, observer) => {
      const outcome = verdict.querySelector(".outcome");
      if (!outcome) return;
      observer.disconnect();
      resolve(outcome.textContent);
    }).observe(verdict, { childList: true });
  });
  form.requestSubmit();
  return said;
}`;
const UNNAMED = `[...document.querySelectorAll("input, select, textarea")].filter((e) => e.labels.length === 0).length`;
const PAINT = `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0`;
/** Which of the routes that are drawn has the focus. */
const FOCUSED = `[...document.querySelectorAll("#routes summary")].indexOf(document.activeElement)`;
/** How long it takes to draw what fits a letter, in milliseconds. */
const LETTER = `{
  const words = document.querySelector("#words");
  const start = performance.now();
  words.value = "9";
  words.dispatchEvent(new Event("input"));
  document.body.getBoundingClientRect();
  performance.now() - start;
}`;

async function allCases(page: Page, folder: string, tally: Tally): Promise<void> {
  for (const name of SYSTEMS) {
    const system = knownSystem(name);
    const { value } = compile(system.model, "production");
    if (!value) throw new Error(`${name} does not compile.`);
    const file = path.join(folder, `${name}.html`);
    const packed = pack({ ...value, issuers: system.model.issuers, identities: {} });
    writeFileSync(file, await pageHtml([packed], { title: name }));
    await page.goto(`file://${file}`);
    const wrong: string[] = [];
    const questions = questionsOf(system);
    for (const { of, typed, asked } of questions) {
      const { outcome } = await explain(system.model, value, asked);
      const here = settled(outcome.replaceAll(/\n +/g, "\n"));
      const there = settled(await page.evaluate<string>(`(${JUDGE})(${JSON.stringify(typed)})`));
      if (here !== there) wrong.push(`${of}: ${there}, not ${here}`);
    }
    tally.note(`${name}: ${String(questions.length)} requests of its cases`, wrong);
  }
}

async function byKeyboard(page: Page, file: string, tally: Tally): Promise<void> {
  await page.goto(`file://${file}`);
  await page.getByLabel("System").selectOption({ label: "serhafen, production" });
  await page.getByLabel("Method").selectOption("GET");
  await page.getByLabel("URL").fill("https://api.serhafen.com/users");
  await page.getByLabel("URL").press("Enter");
  const refused = await page.locator("#verdict .outcome").textContent();
  tally.note("a request by nobody is refused", refused?.startsWith("401 ") ? [] : [String(refused)]);
  await page.getByLabel("Who").selectOption("viewer-cl");
  await page.getByRole("button", { name: "Judge it" }).press("Enter");
  const passed = page.locator("#verdict .outcome", { hasText: "goes to iam" });
  tally.note("one by a viewer goes on", await missing(passed));
  await page.getByLabel("Words").fill("superadmin users");
  const count = await page.getByRole("status").textContent();
  const summaries = page.locator("#routes summary");
  tally.note("routes are found by words", count === `${String(await summaries.count())} routes` ? [] : [String(count)]);
  await summaries.first().press("Enter");
  const promises = page.locator("#routes").getByRole("region", { name: /^Promises of / });
  tally.note("a route opens by keyboard", await missing(promises.nth(1)));
  await page.getByRole("button", { name: "Try a request here" }).press("Enter");
  const url = await page.getByLabel("URL").inputValue();
  const method = await page.getByLabel("Method").inputValue();
  tally.note("with a method that it takes", method === "POST" ? [] : [method]);
  tally.note("and is taken to be tried", /^https:\/\/[\w.]+\/\S*$/.test(url) ? [] : [url]);
  const unnamed = await page.evaluate<number>(UNNAMED);
  tally.note("each field has a name", unnamed === 0 ? [] : [`${String(unnamed)} have none`]);
}

async function manyRoutes(page: Page, folder: string, tally: Tally): Promise<void> {
  const at = { file: "scale" };
  const { value: model } = checkModel({ ...at, value: scaleModel(10_000), locate: () => at });
  const { value } = model ? compile(model, "production") : {};
  if (!value) throw new Error("The large model does not compile.");
  const file = path.join(folder, "many.html");
  writeFileSync(file, await pageHtml([pack({ ...value, issuers: {}, identities: {} })], { title: "many" }));
  const started = performance.now();
  await page.goto(`file://${file}`);
  await page.getByRole("status").filter({ hasText: "10000 routes" }).waitFor();
  const shown = performance.now() - started;
  const drawn = await page.locator("#routes summary").count();
  await page.getByRole("button", { name: /more$/ }).press("Enter");
  const focused = await page.evaluate<number>(FOCUSED);
  tally.note("who asks for more goes on with the first of them", focused === drawn ? [] : [String(focused)]);
  tally.note("of 10,000 routes a few are drawn", drawn > 0 && drawn <= 500 ? [] : [String(drawn)]);
  const typed = await page.evaluate<number>(LETTER);
  process.stdout.write(
    `10,000 routes: ${(statSync(file).size / MIB).toFixed(1)} MiB, shown after ${shown.toFixed(0)} ms, a letter takes ${typed.toFixed(0)} ms\n`,
  );
}

async function main(): Promise<number> {
  const tally = new Tally();
  if (CHROMIUM === undefined) {
    tally.skip(1, "there is no Chromium here");
    return tally.end();
  }
  const folder = mkdtempSync(path.join(tmpdir(), "gatewright-page-"));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("pageerror", ({ message }) => faults.push(message));
    page.on("console", (message) => faults.push(message.text()));
    page.on("request", (request) => {
      if (!request.url().startsWith("file:")) faults.push(`asks for ${request.url()}`);
    });
    const file = path.join(folder, "serhafen.html");
    const quiet = { out: () => undefined, err: () => undefined };
    const words = ["page", "serhafen", "--identities", TOKENS, "--out", file];
    tally.note("gatewright page", (await runCommand(words, quiet)) === 0 ? [] : ["it failed"]);
    const bytes = statSync(file).size;
    tally.note("the whole of Serhafen is below 1 MiB", bytes < MIB ? [] : [String(bytes)]);
    await byKeyboard(page, file, tally);
    const paint = await page.evaluate<number>(PAINT);
    process.stdout.write(
      `Serhafen: ${String(Math.round(bytes / 1024))} KiB, first paint after ${paint.toFixed(0)} ms\n`,
    );
    await allCases(page, folder, tally);
    await manyRoutes(page, folder, tally);
    tally.note("it asks nobody, and complains of nothing", faults);
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return tally.end();
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
    process.exit(2);
  },
);
