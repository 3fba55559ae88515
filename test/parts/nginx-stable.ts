import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const TOOL = path.join(__dirname, "../../tools/nginx");
const CACHE = path.join(__dirname, "../../.cache/nginx");

/** Stable nginx, built once from its source and kept in the checkout: its stock modules, and brotli, which its wheel cannot load. */
export interface StableNginx {
  nginx: string;
  /** Folder of its dynamic modules. */
  modules: string;
}

let pending: Promise<StableNginx | undefined> | undefined;

async function build(): Promise<StableNginx | undefined> {
  const files = ["Cargo.lock", "build.sh"].map((file) => readFileSync(path.join(TOOL, file)));
  const key = files
    .reduce((hash, file) => hash.update(file), createHash("sha256"))
    .digest("hex")
    .slice(0, 16);
  const folder = path.join(CACHE, key);
  if (!existsSync(folder)) {
    const fresh = `${folder}.${String(process.pid)}`;
    mkdirSync(fresh, { recursive: true });
    process.stdout.write("building stable nginx with brotli\n");
    try {
      await run(path.join(TOOL, "build.sh"), [fresh], { maxBuffer: 64 * 1024 * 1024, timeout: 600_000 });
    } catch (error) {
      process.stdout.write(`stable nginx cannot be built: ${String(error).split("\n").slice(0, 4).join(" ")}\n`);
      return undefined;
    }
    if (!existsSync(folder)) renameSync(fresh, folder);
  }
  return { nginx: path.join(folder, "nginx"), modules: path.join(folder, "modules") };
}

/** Its paths, or nothing (with the reason printed) where it cannot be built. */
export function stableNginx(): Promise<StableNginx | undefined> {
  pending ??= build();
  return pending;
}
