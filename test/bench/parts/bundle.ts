import { build } from "esbuild";
import path from "node:path";

const ROOT = path.join(__dirname, "../../..");

/**
 * One file of plain JavaScript, as a release would run it: under tsx every closure is named anew each time that it is
 * made. Packages stay where they are.
 */
export async function bundle(entry: string): Promise<string> {
  const name = path.basename(entry, ".ts");
  const outfile = path.join(ROOT, ".cache/bench", `${name}.cjs`);
  await build({
    entryPoints: [path.join(ROOT, entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    packages: "external",
    logLevel: "error",
  });
  return outfile;
}
