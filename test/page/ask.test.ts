import vm from "node:vm";
import { explain, type Explanation } from "../../lib/explain/explanation";
import type { Host, Route } from "../../lib/decision/gateway";
import type { Typed } from "../../lib/page/browser/typed";
import { buildScript } from "../../lib/page/build";
import { pack, type PackedSystem, type PageSystem } from "../../lib/page/packed";
import { compile } from "../../lib/targets";
import { knownSystem } from "../conformance/systems";
import { questionsOf, settled, SYSTEMS } from "./questions";

/** What a page says of a request, by the script that it has and without anything of Node, beside what `explain` says. */

interface Page {
  unpack(packed: PackedSystem): PageSystem;
  ask(system: PageSystem, typed: Typed): Promise<Explanation>;
  exampleOf(host: Host, route: Route): Pick<Typed, "method" | "url" | "headers">;
}

/** What every browser has, as it has it; no more. */
const BROWSER = {
  ...{ crypto, TextEncoder, TextDecoder, performance, AbortSignal, URL, clearTimeout, clearInterval },
  setTimeout: (then: () => void, ms?: number): number => Number(setTimeout(then, ms).unref()),
  setInterval: (then: () => void, ms?: number): number => Number(setInterval(then, ms).unref()),
};

let page: Page;
beforeAll(async () => {
  const context = vm.createContext({ ...BROWSER });
  vm.runInContext(await buildScript("ask.ts"), context);
  page = context["page"] as Page;
});

const linesOf = (explanation: Explanation): string[] => settled(JSON.stringify(explanation, null, 1)).split("\n");

test.each(SYSTEMS)("%s: each request of its cases", async (name) => {
  const system = knownSystem(name);
  const { value } = compile(system.model, "production");
  if (!value) throw new Error(`${name} does not compile.`);
  const packed = pack({ ...value, issuers: system.model.issuers, identities: {} });
  const read = page.unpack(JSON.parse(JSON.stringify(packed)) as PackedSystem);
  const questions = questionsOf(system);
  expect(questions.length).toBeGreaterThan(20);
  const differences: unknown[] = [];
  for (const { of, typed, asked } of questions) {
    const here = linesOf(await explain(system.model, value, asked));
    const there = linesOf(await page.ask(read, typed));
    const at = here.findIndex((line, i) => line !== there[i]);
    if (at !== -1 || here.length !== there.length) differences.push([of, here[at], there[at]]);
  }
  expect(differences).toEqual([]);
});

test.each(SYSTEMS)("%s: the request that a route is tried with takes that route", async (name) => {
  const { model } = knownSystem(name);
  const { value } = compile(model, "production");
  if (!value) throw new Error(`${name} does not compile.`);
  const read = page.unpack(pack({ ...value, issuers: model.issuers, identities: {} }));
  const wrong: string[] = [];
  for (const host of read.gateway.hosts)
    for (const route of host.routes) {
      const typed = { ...page.exampleOf(host, route), client: "198.51.100.7", claims: "" };
      const said = await page.ask(read, typed);
      if (said.route !== route.name)
        wrong.push(`${route.name}: ${typed.method} ${typed.url} takes ${said.route ?? "none"}`);
    }
  expect(wrong).toEqual([]);
});

const TYPED: Typed = {
  method: "GET",
  url: "https://api.serhafen.com/",
  headers: "",
  client: "198.51.100.7",
  claims: "",
};

test.each([
  ["a URL without a scheme", { url: "api.serhafen.com/" }, "Write the URL as https://host/path."],
  ["claims that are no JSON", { claims: "{" }, "The claims are no JSON."],
  ["claims that are no object", { claims: "[1]" }, "Write the claims as a JSON object."],
  ["an address that is none", { client: "nonsense" }, "Write the client's address as an IP address."],
  ["a header without a colon", { headers: "origin" }, '"origin" is no header: write name: value.'],
])("%s is told, and not judged", async (_, wrong, message) => {
  const { model } = knownSystem("equb");
  const { value } = compile(model, "production");
  if (!value) throw new Error("equb does not compile.");
  const read = page.unpack(pack({ ...value, issuers: model.issuers, identities: {} }));
  await expect(page.ask(read, { ...TYPED, ...wrong })).rejects.toMatchObject({ message });
});
