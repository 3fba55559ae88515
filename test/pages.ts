import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { loadModel } from "../lib/model";
import { costsTable, placesTable } from "../lib/plan";
import { compile } from "../lib/targets";

/** The tables of docs/systems/, from the plans: `npm run pages` writes them, and the meta-test asks whether they are current. */

const ROOT = path.join(__dirname, "..");
export const SYSTEMS = ["serhafen", "maternal", "mmr", "equb"] as const;

export const pageOf = (system: string): string => path.join(ROOT, "docs/systems", `${system}.md`);

/** A page with its tables as they are now. */
export function currentPage(system: string): string {
  const { value: model } = loadModel(path.join(ROOT, "policies", `${system}.ts`));
  const made = model && compile(model, "production", "plans").value;
  if (!made) throw new Error(`${system} has no plan.`);
  const tables: Record<string, string> = {
    places: placesTable(made.plans),
    costs: costsTable(made.gateway, made.plans),
  };
  return readFileSync(pageOf(system), "utf8").replace(
    /(<!-- (\w+): npm run pages -->\n)[^]*?(<!-- end -->)/g,
    (_, head: string, name: string, end: string) => `${head}\n${tables[name] ?? ""}\n\n${end}`,
  );
}

if (require.main === module) for (const system of SYSTEMS) writeFileSync(pageOf(system), currentPage(system));
