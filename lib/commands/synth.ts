import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { OutputFile } from "../targets";

/** Folders whose every file below a system's name is generated. */
const GENERATED = ["nginx", "istio", "kong", "kubernetes"];

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/**
 * Writes all files and takes away those that these systems do not make any more; each file is whole at every moment.
 * What stands beside the systems' folders is nobody's business here.
 */
export function writeFiles(
  root: string,
  files: readonly OutputFile[],
  systems: readonly string[],
): { written: number; removed: number } {
  const wanted = new Set(files.map((f) => path.join(root, f.path)));
  let written = 0;
  for (const { path: name, content } of files) {
    const file = path.join(root, name);
    if (existsSync(file) && readFileSync(file, "utf8") === content) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(`${file}.part`, content);
    renameSync(`${file}.part`, file);
    written += 1;
  }
  const folders = GENERATED.flatMap((folder) => systems.map((system) => path.join(root, folder, system)));
  const stale = folders.flatMap(filesBelow).filter((file) => !wanted.has(file));
  for (const file of stale) rmSync(file);
  return { written, removed: stale.length };
}
