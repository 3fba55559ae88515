import path from "node:path";
import { pathToFileURL } from "node:url";

/** Arguments for Node that start a program of this package from another one: as it is built, or from its source. */
export function programArguments(name: "gatewright" | "filter"): string[] {
  const isSource = __filename.endsWith(".ts");
  return [
    // Wherever it is started: from where we have it.
    ...(isSource ? ["--import", pathToFileURL(require.resolve("tsx")).href] : []),
    path.join(__dirname, "../bin", `${name}${path.extname(__filename)}`),
  ];
}
